//! [`OwnedTasks`]: every task of a runtime that is not complete, so that shutdown is total.
//!
//! A doubly linked list through the tasks' headers: a task comes and goes in O(1), and nothing is allocated for it. The
//! list holds one reference to each. Its lock guards the links; no user code runs under it.

use crate::sync::{Mutex, lock};
use crate::task::header::{Links, TaskPtr};

#[derive(Default)]
pub(crate) struct OwnedTasks {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    first: Option<TaskPtr>,
    last: Option<TaskPtr>,
    closed: bool,
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
            return false;
        }
        list.push(task);
        true
    }

    /// Takes a task out. `true`: it was in, and its reference is the caller's now.
    #[must_use]
    pub(crate) fn remove(&self, task: TaskPtr) -> bool {
        lock(&self.list).unlink(task)
    }

    /// Takes no more tasks in.
    pub(crate) fn close(&self) {
        lock(&self.list).closed = true;
    }

    /// Takes the oldest task out, with its reference.
    pub(crate) fn pop(&self) -> Option<TaskPtr> {
        let mut list = lock(&self.list);
        let task = list.first?;
        list.unlink(task);
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
                linked: true,
            };
        }
        match previous {
            // SAFETY: see `links`.
            Some(previous) => unsafe { (*Self::links(previous)).next = Some(task) },
            None => self.first = Some(task),
        }
    }

    fn unlink(&mut self, task: TaskPtr) -> bool {
        // SAFETY: see `links`.
        let links = unsafe { std::mem::take(&mut *Self::links(task)) };
        if !links.linked {
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
        true
    }
}
