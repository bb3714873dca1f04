//! [`AbortHandle`]: a counted reference to a task, from which it can be aborted, and no more.
//!
//! It is also what a [`JoinHandle`](crate::JoinHandle) is made of: that is an abort handle with a claim to the output.

use crate::task::header::{Header, TaskPtr, free_if_last, release, submit};
use crate::task::snapshot::Wake;
use crate::task::id::Id;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// Can abort a task, from any thread, and tells whether it is over. It is made by
/// [`JoinHandle::abort_handle`](crate::JoinHandle::abort_handle) and by what spawns into a [`JoinSet`](crate::JoinSet).
///
/// It does not await the task, and dropping it changes nothing for the task. It keeps the task's memory, as a waker
/// does, but neither its future nor its output: those are dropped when they would be dropped without it.
///
/// # Examples
///
/// ```
/// use std::future::pending;
///
/// waterwheel::block_on(async {
///     let handle = waterwheel::spawn(pending::<()>());
///     let abort = handle.abort_handle();
///     let timeout = waterwheel::spawn(async move { abort.abort() });
///     assert!(handle.await.unwrap_err().is_cancelled());
///     timeout.await.unwrap();
/// });
/// ```
pub struct AbortHandle {
    task: TaskPtr,
}

// SAFETY: through this handle the atomic word is changed, and the task queued or, with its last reference, freed. A queue
// takes tasks from any thread, and one that is freed has neither future nor output inside (T6).
unsafe impl Send for AbortHandle {}
// SAFETY: as above; the word is atomic.
unsafe impl Sync for AbortHandle {}
impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// # Safety
    ///
    /// The caller gives a reference along.
    pub(crate) unsafe fn from_raw(task: TaskPtr) -> Self {
        Self { task }
    }

    /// The task, alive as long as the handle.
    pub(crate) fn task(&self) -> TaskPtr {
        self.task
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the handle's reference keeps the task alive.
        unsafe { self.task.as_ref() }
    }

    /// The task's number, as [`task::id`](crate::runtime::tasks::id()) tells it inside.
    #[must_use]
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// Asks for the task to be dropped. Its worker does so where it would poll the task next, unless the task ends before
    /// that. Its [`JoinHandle`](crate::JoinHandle) then says that it was cancelled.
    ///
    /// A job of [`spawn_blocking`](crate::spawn_blocking) that waits for a thread is dropped by this call, with what its closure has captured. A
    /// job that has started is not touched.
    ///
    /// It may be called from any thread, from the task itself, and more than once. Of a task that is over, or whose
    /// runtime is, it changes nothing.
    pub fn abort(&self) {
        #[cfg(canary)]
        if crate::canary::is_out("pinned-dropped-elsewhere")
            && self.header().state.shutdown() == crate::task::snapshot::Shutdown::Claimed
        {
            self.header().state.reference();
            // SAFETY: the stage is claimed, and the reference is given along.
            return unsafe { (self.header().vtable.cancel)(self.task) };
        }
        match self.header().state.abort() {
            // SAFETY: the transition has made a reference for this.
            Wake::Submit => unsafe { submit(self.task) },
            Wake::Done(released) => {
                // SAFETY: none was released; the handle has its own still.
                unsafe { free_if_last(self.task, released) };
                let header = self.header();
                if header.vtable.kind.is_job() {
                    header.shared.cancel_job(header);
                }
            }
        }
    }

    /// Whether the task is over, in whatever way; its future has been dropped then.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        self.header().state.reference();
        Self { task: self.task }
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        // SAFETY: the handle's reference, used no more.
        unsafe { release(self.task, 1) }
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
