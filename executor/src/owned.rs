//! [`OwnedTasks`]: tasks that are not complete, so that shutdown is total. [`Shards`]: those of a runtime that any worker may
//! poll, in several lists.
//!
//! A doubly linked list through the tasks' headers: a task comes and goes in O(1), and nothing is allocated for it. The
//! list holds one reference to each. Its lock guards the links; no user code runs under it.

#[cfg(all(any(test, debug_assertions), not(loom)))]
#[path = "owned/validate.rs"]
mod validate;

use crate::AbortHandle;
use crate::sync::{Mutex, lock};
use crate::task::header::{Links, TaskPtr};
use crate::tasks::Id;

#[derive(Default)]
pub(crate) struct OwnedTasks {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    first: Option<TaskPtr>,
    last: Option<TaskPtr>,
    length: usize,
    closed: bool,
    #[cfg(all(any(test, debug_assertions), not(loom)))]
    flow: validate::Flow,
}

// SAFETY: the list hands tasks from thread to thread only to have their atomic state changed, or, when it is closed, to
// the thread that may drop their futures.
unsafe impl Send for List {}

impl OwnedTasks {
    /// Takes a new task in, with one reference. `false`: the runtime has ended, and the reference stays the
    /// caller's.
    #[must_use]
    pub(crate) fn insert(&self, task: TaskPtr) -> bool {
        let mut list = lock(&self.list);
        if list.closed {
            // SAFETY: see `links`; the caller has a reference.
            unsafe { *List::links(task) = Links::out(task) };
            return false;
        }
        list.push(task);
        list.note_came();
        true
    }

    /// Takes a task out. `true`: it was in, and its reference is the caller's now.
    #[must_use]
    pub(crate) fn remove(&self, task: TaskPtr) -> bool {
        let mut list = lock(&self.list);
        let was_in = list.unlink(task);
        if was_in {
            list.note_gone();
        }
        was_in
    }

    /// Takes no more tasks in.
    pub(crate) fn close(&self) {
        lock(&self.list).closed = true;
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.list).length
    }

    /// A handle to each.
    pub(crate) fn handles(&self) -> Vec<AbortHandle> {
        let list = lock(&self.list);
        let mut handles = Vec::with_capacity(list.length);
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
    pub(crate) fn pop(&self) -> Option<TaskPtr> {
        let mut list = lock(&self.list);
        let task = list.first?;
        list.unlink(task);
        list.note_gone();
        Some(task)
    }
}

impl List {
    /// # Invariant
    ///
    /// Tasks in the list are alive, as the list has a reference to each, and their links are touched only here, under
    /// the lock.
    fn links(task: TaskPtr) -> *mut Links {
        // SAFETY: the task is alive: the caller has a reference, or the list does.
        unsafe { task.as_ref() }.owned.get()
    }

    fn push(&mut self, task: TaskPtr) {
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
        self.length += 1;
    }

    /// For the check in debug builds.
    #[inline]
    fn note_came(&mut self) {
        #[cfg(all(any(test, debug_assertions), not(loom)))]
        {
            self.flow.came += 1;
        }
    }

    #[inline]
    fn note_gone(&mut self) {
        #[cfg(all(any(test, debug_assertions), not(loom)))]
        {
            self.flow.gone += 1;
        }
    }

    fn unlink(&mut self, task: TaskPtr) -> bool {
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
        self.length -= 1;
        true
    }
}

/// How many lists there are for each seat, if there are several.
const LISTS_PER_SEAT: usize = 16;

/// Lists that tasks are spread over, one after the other, so that who spawns and who completes seldom meet at a lock.
pub(crate) struct Shards {
    lists: Box<[Shard]>,
}

/// A list on a cache line of its own.
#[derive(Default)]
#[repr(align(64))]
struct Shard(OwnedTasks);

impl Shards {
    /// Several lists for each of `seats`; one for one.
    pub(crate) fn new(seats: usize) -> Self {
        let count = if seats > 1 {
            (LISTS_PER_SEAT * seats).next_power_of_two()
        } else {
            1
        };
        Self {
            lists: (0..count).map(|_| Shard::default()).collect(),
        }
    }

    /// The list of a task, now and always.
    #[inline]
    pub(crate) fn of(&self, id: Id) -> &OwnedTasks {
        &self.lists[id.number() as usize & (self.lists.len() - 1)].0
    }

    /// One of the lists, and another for the next number.
    #[cfg(all(any(test, debug_assertions), not(loom)))]
    pub(crate) fn nth(&self, number: u64) -> &OwnedTasks {
        &self.lists[number as usize & (self.lists.len() - 1)].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &OwnedTasks> {
        self.lists.iter().map(|shard| &shard.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.iter().map(OwnedTasks::len).sum()
    }
}
