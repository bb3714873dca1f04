//! [`AbortHandle`]: a counted reference to a task, from which it can be aborted, and no more.
//!
//! It is also what a [`JoinHandle`](super::join_handle::JoinHandle) is made of: that is an abort handle with a claim to the output.

use super::header::{Header, TaskPtr, free_if_last, release, submit};
use super::schedule::Schedule;
use super::snapshot::Wake;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// Aborts a task, from any thread, and tells whether it is over. What users hold wraps this.
pub(crate) struct AbortHandle<S: Schedule> {
    task: TaskPtr<S>,
}

// SAFETY: through this handle the atomic word is changed, and the task queued or, with its last reference, freed. A queue
// takes tasks from any thread, and one that is freed has neither future nor output inside (T6).
unsafe impl<S: Schedule> Send for AbortHandle<S> {}
// SAFETY: as above; the word is atomic.
unsafe impl<S: Schedule> Sync for AbortHandle<S> {}
impl<S: Schedule> UnwindSafe for AbortHandle<S> {}
impl<S: Schedule> RefUnwindSafe for AbortHandle<S> {}

impl<S: Schedule> AbortHandle<S> {
    /// # Safety
    ///
    /// The caller gives a reference along.
    pub(crate) unsafe fn from_raw(task: TaskPtr<S>) -> Self {
        Self { task }
    }

    /// The task, alive as long as the handle.
    pub(crate) fn task(&self) -> TaskPtr<S> {
        self.task
    }

    pub(crate) fn header(&self) -> &Header<S> {
        // SAFETY: the handle's reference keeps the task alive.
        unsafe { self.task.as_ref() }
    }

    /// Asks for the task to be dropped where it would be polled next. A job that is still queued may be dropped here and now.
    pub(crate) fn abort(&self) {
        match self.header().state.abort() {
            // SAFETY: the transition has made a reference for this.
            Wake::Submit => unsafe { submit(self.task) },
            Wake::Done(released) => {
                // SAFETY: none was released; the handle has its own still.
                unsafe { free_if_last(self.task, released) };
                let header = self.header();
                if header.vtable.kind.is_job() {
                    header.scheduler.abort_job(header);
                }
            }
        }
    }

    /// Whether the task is over, in whatever way; its future has been dropped then.
    pub(crate) fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }
}

impl<S: Schedule> Clone for AbortHandle<S> {
    fn clone(&self) -> Self {
        self.header().state.reference();
        Self { task: self.task }
    }
}

impl<S: Schedule> Drop for AbortHandle<S> {
    fn drop(&mut self) {
        // SAFETY: the handle's reference, used no more.
        unsafe { release(self.task, 1) }
    }
}

impl<S: Schedule> fmt::Debug for AbortHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
