//! [`AbortHandle`]: what can abort a task, and no more.

use crate::scheduler;
use crate::task::id::Id;
use std::fmt;

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
#[derive(Clone)]
pub struct AbortHandle(pub(crate) scheduler::AbortHandle);

impl AbortHandle {
    /// The task's number, as [`task::id`](crate::runtime::tasks::id()) tells it inside.
    #[must_use]
    pub fn id(&self) -> Id {
        self.0.header().id
    }

    /// Asks for the task to be dropped. The task is queued for that at once. The worker that takes it from the queue drops the future in place of
    /// polling it, a pinned task\'s own thread; unless the task ends before that. Its [`JoinHandle`](crate::JoinHandle) then says that it was cancelled.
    ///
    /// A job of [`spawn_blocking`](crate::spawn_blocking) that waits for a thread is dropped by this call, with what its closure has captured. A
    /// job that has started is not touched.
    ///
    /// It may be called from any thread, from the task itself, and more than once. Of a task that is over, or whose
    /// runtime is, it changes nothing.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the task is over, in whatever way; its future has been dropped then.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
