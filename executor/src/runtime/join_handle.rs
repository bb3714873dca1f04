//! [`JoinHandle`]: the other end of a spawned task.

use super::abort_handle::AbortHandle;
use crate::scheduler;
use crate::task::id::Id;
use crate::task::join_error::JoinError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Awaits a task's output, and can abort it. Dropped, it detaches the task, which goes on.
///
/// It is a future: `handle.await` gives `Ok` with the output, or the [`JoinError`] that tells of a panic or a
/// cancellation.
///
/// # Cancel safety
///
/// The handle may be awaited by `&mut`, in part and again: nothing is lost. To poll it after it has given its output
/// is an error, and panics.
///
/// # Examples
///
/// ```
/// use std::future::pending;
///
/// waterwheel::block_on(async {
///     let handle = waterwheel::spawn(pending::<()>());
///     handle.abort();
///     assert!(handle.await.unwrap_err().is_cancelled());
/// });
/// ```
pub struct JoinHandle<T>(pub(crate) scheduler::JoinHandle<T>);

impl<T> JoinHandle<T> {
    /// The task's number, as [`task::id`](crate::runtime::tasks::id()) tells it inside.
    #[must_use]
    pub fn id(&self) -> Id {
        self.0.header().id
    }

    /// Asks for the task to be dropped. The task is queued for that at once. The worker that takes it from the queue drops the future in place of
    /// polling it, a pinned task\'s own thread; unless the task ends before that. The handle then says that it was cancelled.
    ///
    /// A job of [`spawn_blocking`](crate::spawn_blocking) that waits for a thread is dropped by this call, with what its closure has captured. A
    /// job that has started is not touched.
    ///
    /// It may be called from any thread, from the task itself, and more than once.
    pub fn abort(&self) {
        self.0.abort_handle().abort();
    }

    /// Another handle to the task, which can abort it and does not await it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// waterwheel::block_on(async {
    ///     let handle = waterwheel::spawn(pending::<()>());
    ///     let abort = handle.abort_handle();
    ///     std::thread::spawn(move || abort.abort());
    ///     assert!(handle.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(self.0.abort_handle().clone())
    }

    /// Whether awaiting it gives the output at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.abort_handle().is_finished()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
