//! [`LifoSlot`]: the task that was woken last, which runs next.
//!
//! A task that sends to another and then waits for the answer hands its worker over to that one, with the message still in the
//! cache; nobody else is woken for it. Others may steal it, though, so that it does not wait for a worker that is stuck.
//!
//! **Invariant.** Only the worker makes the slot full, so what it has seen to be empty it may fill by a plain store. Whoever
//! makes it empty does so by an exchange, and owns what was in it.

use crate::sync::{AtomicPtr, Ordering};
use crate::task::header::{Header, TaskPtr};
use crate::task::schedule::Schedule;
use crate::task::task::Task;
use std::ptr;

pub(crate) struct LifoSlot<S: Schedule> {
    task: AtomicPtr<Header<S>>,
}

impl<S: Schedule> LifoSlot<S> {
    pub(crate) fn new() -> Self {
        Self {
            task: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Puts a task in, and gives back the one that was there.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    #[inline]
    pub(crate) unsafe fn put(&self, task: Task<S>) -> Option<Task<S>> {
        let task = task.into_raw().as_ptr();
        if self.is_empty() {
            // Release: who takes it finds what has been written to it.
            self.task.store(task, Ordering::Release);
            return None;
        }
        owned(self.task.swap(task, Ordering::AcqRel))
    }

    /// Takes the task out, on any thread.
    #[inline]
    pub(crate) fn take(&self) -> Option<Task<S>> {
        if self.is_empty() {
            return None;
        }
        owned(self.task.swap(ptr::null_mut(), Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.task.load(Ordering::Relaxed).is_null()
    }
}

/// The task that an exchange has taken out, if it was one.
#[inline]
fn owned<S: Schedule>(task: *mut Header<S>) -> Option<Task<S>> {
    // SAFETY: `put` has stored it, with its reference, and the exchange has given both to the caller.
    TaskPtr::new(task).map(|task| unsafe { Task::from_raw(task) })
}

impl<S: Schedule> Drop for LifoSlot<S> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
