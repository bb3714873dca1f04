//! [`Task`]: a task that is ready to run, as queues hold it.

use super::header::{Header, TaskPtr, release};
use super::schedule::Schedule;
use std::mem::ManuallyDrop;

/// The one reference that goes with NOTIFIED (T2). To run it consumes it; dropped without being run, it is given
/// up, and the future stays for the runtime's list to drop (T6).
pub(crate) struct Task<S: Schedule> {
    task: TaskPtr<S>,
}

// SAFETY: what a `Task` does from another thread than the future's is to be moved, and to release its reference, which
// touches the atomic word only. Running it is the worker's: a local task is run by its own thread alone.
unsafe impl<S: Schedule> Send for Task<S> {}

impl<S: Schedule> Task<S> {
    /// # Safety
    ///
    /// `task` is notified, and the caller gives a reference along.
    #[inline]
    pub(crate) unsafe fn from_raw(task: TaskPtr<S>) -> Self {
        Self { task }
    }

    #[inline]
    pub(crate) fn into_raw(self) -> TaskPtr<S> {
        ManuallyDrop::new(self).task
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header<S> {
        // SAFETY: this reference keeps the task alive.
        unsafe { self.task.as_ref() }
    }

    /// Polls the future, or drops it if the task is cancelled.
    ///
    /// # Safety
    ///
    /// If the future is not `Send`, this is its own thread.
    #[inline]
    pub(crate) unsafe fn run(self) {
        let run = self.header().vtable.run;
        // SAFETY: `run` consumes the reference that we give up here; the thread is right by the caller's promise.
        unsafe { run(self.into_raw()) }
    }
}

impl<S: Schedule> Drop for Task<S> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and this is its last use.
        unsafe { release(self.task, 1) }
    }
}
