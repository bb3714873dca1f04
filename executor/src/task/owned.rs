//! [`OwnedTasks`]: tasks that are not complete, so that shutdown is total. [`Shards`]: those of a runtime that any worker may
//! poll, in several lists.
//!
//! A doubly linked list through the tasks' headers: a task comes and goes in O(1), and nothing is allocated for it. The
//! list holds one reference to each. Its lock guards the links; no user code runs under it.
//!
//! # No task in all the lists
//!
//! Lists are looked at one after the other, while tasks come and go: a task may be spawned into a list that has been looked at, by another that
//! then leaves a list that has not. So a sum of lengths could be zero though a task was alive at every moment. Therefore each list counts
//! how many tasks have ever come and how many have gone, and [`Shards::len`] adds up first those that have gone, in all lists, and then those that have
//! come. Between the two there was a moment at which no more had gone, and no fewer had come: if the difference is zero, nothing was
//! alive at that moment.

#[cfg(all(any(test, debug_assertions), not(loom)))]
#[path = "owned/validate.rs"]
mod validate;

use super::abort_handle::AbortHandle;
use super::header::{Links, TaskPtr};
use super::id::Id;
use super::schedule::Schedule;
use crate::sync::{Mutex, lock};

pub(crate) struct OwnedTasks<S: Schedule> {
    list: Mutex<List<S>>,
}

impl<S: Schedule> Default for OwnedTasks<S> {
    fn default() -> Self {
        Self {
            list: Mutex::new(List {
                first: None,
                last: None,
                came: 0,
                gone: 0,
                closed: false,
            }),
        }
    }
}

struct List<S: Schedule> {
    first: Option<TaskPtr<S>>,
    last: Option<TaskPtr<S>>,
    /// How many tasks have ever been taken in, and taken out.
    came: u64,
    gone: u64,
    closed: bool,
}

// SAFETY: the list hands tasks from thread to thread only to have their atomic state changed, or, when it is closed, to
// the thread that may drop their futures.
unsafe impl<S: Schedule> Send for List<S> {}

impl<S: Schedule> OwnedTasks<S> {
    /// Takes a new task in, with one reference. `false`: the runtime has ended, and the reference stays the
    /// caller's.
    #[must_use]
    pub(crate) fn insert(&self, task: TaskPtr<S>) -> bool {
        let mut list = lock(&self.list);
        if list.closed {
            // SAFETY: see `links`; the caller has a reference.
            unsafe { *List::links(task) = Links::out(task) };
            return false;
        }
        list.push(task);
        true
    }

    /// Takes a task out. `true`: it was in, and its reference is the caller's now.
    #[must_use]
    pub(crate) fn remove(&self, task: TaskPtr<S>) -> bool {
        lock(&self.list).unlink(task)
    }

    /// Takes no more tasks in.
    pub(crate) fn close(&self) {
        lock(&self.list).closed = true;
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.list).length()
    }

    fn came(&self) -> u64 {
        lock(&self.list).came
    }

    fn gone(&self) -> u64 {
        lock(&self.list).gone
    }

    /// A handle to each.
    pub(crate) fn handles(&self) -> Vec<AbortHandle<S>> {
        let list = lock(&self.list);
        let mut handles = Vec::with_capacity(list.length());
        let mut next = list.first;
        while let Some(task) = next {
            // SAFETY: the list has a reference to it, so it is alive; we make one for the handle.
            handles.push(unsafe {
                task.as_ref().state.reference();
                AbortHandle::from_raw(task)
            });
            // SAFETY: see `links`; it is in the list.
            next = unsafe { (*List::links(task)).next };
        }
        handles
    }

    /// Takes the oldest task out, with its reference.
    pub(crate) fn pop(&self) -> Option<TaskPtr<S>> {
        let mut list = lock(&self.list);
        let task = list.first?;
        list.unlink(task);
        Some(task)
    }
}

impl<S: Schedule> List<S> {
    /// # Invariant
    ///
    /// Tasks in the list are alive, as the list has a reference to each, and their links are touched only here, under
    /// the lock.
    fn links(task: TaskPtr<S>) -> *mut Links<S> {
        // SAFETY: the task is alive: the caller has a reference, or the list does.
        unsafe { task.as_ref() }.owned.get()
    }

    fn length(&self) -> usize {
        (self.came - self.gone) as usize
    }

    fn push(&mut self, task: TaskPtr<S>) {
        let previous = self.last.replace(task);
        // SAFETY: see `links`; `task` and `previous` differ, as a task is pushed once.
        unsafe {
            *Self::links(task) = Links {
                previous,
                next: None,
            };
        }
        match previous {
            // SAFETY: see `links`.
            Some(previous) => unsafe { (*Self::links(previous)).next = Some(task) },
            None => self.first = Some(task),
        }
        self.came += 1;
    }

    fn unlink(&mut self, task: TaskPtr<S>) -> bool {
        // SAFETY: see `links`.
        let links = unsafe { std::mem::replace(&mut *Self::links(task), Links::out(task)) };
        if links.are_out(task) {
            return false;
        }
        match links.previous {
            // SAFETY: see `links`; neighbours in the list are in the list.
            Some(previous) => unsafe { (*Self::links(previous)).next = links.next },
            None => self.first = links.next,
        }
        match links.next {
            // SAFETY: as above.
            Some(next) => unsafe { (*Self::links(next)).previous = links.previous },
            None => self.last = links.previous,
        }
        self.gone += 1;
        true
    }
}

/// How many lists there are for each worker, if there are several.
const LISTS_PER_WORKER: usize = 16;

/// Lists that tasks are spread over, one after the other, so that who spawns and who completes seldom meet at a lock.
pub(crate) struct Shards<S: Schedule> {
    lists: Box<[Shard<S>]>,
}

/// A list on a cache line of its own.
#[repr(align(64))]
struct Shard<S: Schedule>(OwnedTasks<S>);

impl<S: Schedule> Shards<S> {
    /// Several lists for each of `workers`; one for one.
    pub(crate) fn new(workers: usize) -> Self {
        let count = if workers > 1 {
            (LISTS_PER_WORKER * workers).next_power_of_two()
        } else {
            1
        };
        Self {
            lists: (0..count).map(|_| Shard(OwnedTasks::default())).collect(),
        }
    }

    /// The list of a task, now and always.
    #[inline]
    pub(crate) fn of(&self, id: Id) -> &OwnedTasks<S> {
        &self.lists[id.number() as usize & (self.lists.len() - 1)].0
    }

    /// One of the lists, and another for the next number.
    #[cfg(all(any(test, debug_assertions), not(loom)))]
    pub(crate) fn nth(&self, number: u64) -> &OwnedTasks<S> {
        &self.lists[number as usize & (self.lists.len() - 1)].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &OwnedTasks<S>> {
        self.lists.iter().map(|shard| &shard.0)
    }

    /// How many tasks there are, and those that come meanwhile. Zero: there was a moment without any.
    pub(crate) fn len(&self) -> usize {
        let gone: u64 = self.iter().map(OwnedTasks::gone).sum();
        let came: u64 = self.iter().map(OwnedTasks::came).sum();
        (came - gone) as usize
    }

    /// Whether a list has a task when it is looked at, one after the other: who needs to know of one that comes meanwhile hears of it in another
    /// way.
    pub(crate) fn any(&self) -> bool {
        self.iter().any(|list| list.len() > 0)
    }
}
