//! [`JoinHandle`]: the other end of a spawned task.

use crate::join_error::JoinError;
use crate::task::header::{Header, TaskPtr, free_if_last, release, submit};
use crate::task::state::{DropHandle, IsComplete, Wake};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

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
pub struct JoinHandle<T> {
    task: TaskPtr,
    output: PhantomData<T>,
}

// SAFETY: the handle gives the output, a `T`, to the thread that it is on, and touches nothing else of the task but what
// its atomic word lets it. The future itself it never touches (T6).
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle aborts and looks at the atomic word, no more.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// The caller gives a reference and the join interest along, and the task's output is a `T`.
    pub(crate) unsafe fn from_raw(task: TaskPtr) -> Self {
        Self {
            task,
            output: PhantomData,
        }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle's reference keeps the task alive.
        unsafe { self.task.as_ref() }
    }

    /// Asks for the task to be dropped. It is, by its worker, where it next would be polled, unless it ends before
    /// that; then the handle gives «cancelled».
    ///
    /// It may be called from any thread, from the task itself, and more than once.
    pub fn abort(&self) {
        match self.header().state.abort() {
            // SAFETY: the transition has made a reference for this.
            Wake::Submit => unsafe { submit(self.task) },
            // SAFETY: none was released; the handle has its own still.
            Wake::Done(released) => unsafe { free_if_last(self.task, released) },
        }
    }

    /// Whether awaiting it gives the output at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }

    /// Leaves a waker for the completer. `Err`: the task is complete.
    fn leave_waker(&mut self, waker: &Waker) -> Result<(), IsComplete> {
        let header = self.header();
        let seen = header.state.load();
        if seen.has_join_waker() {
            // To look at the field we must have it. If the task completes first, the completer has it.
            header.state.withdraw_join_waker()?;
        } else if seen.is_complete() {
            return Err(IsComplete);
        }
        // From here on the bit is clear, and the field is ours (T5). Whatever panics, a clone or a drop of a waker,
        // leaves the field empty or offered.
        let field = header.join_waker.get();
        // SAFETY: T5.
        let old = unsafe { (*field).take() };
        let new = match old {
            Some(old) if old.will_wake(waker) => old,
            _ => waker.clone(),
        };
        // SAFETY: T5. What is overwritten is `None`.
        unsafe { *field = Some(new) };
        header.state.offer_join_waker().inspect_err(|IsComplete| {
            // SAFETY: T5: the bit was clear when the task completed, so the field is still ours.
            drop(unsafe { (*field).take() });
        })
    }

    fn take_output(&mut self) -> Result<T, JoinError> {
        let mut output: Option<Result<T, JoinError>> = None;
        let take = self.header().vtable.take_output;
        // SAFETY: the task is complete with join interest, so the stage is ours (T4); `T` is its output.
        unsafe { take(self.task, (&raw mut output).cast()) };
        output.expect("a `JoinHandle` was polled again after it had given its output")
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.leave_waker(cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(IsComplete) => Poll::Ready(self.take_output()),
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let header = self.header();
        // Dropped at the end: its destructor may panic, and must not keep us from releasing.
        let _waker = match header.state.drop_handle() {
            // SAFETY: T5: not complete, and the bit is clear.
            DropHandle::WakerIsOurs => unsafe { (*header.join_waker.get()).take() },
            DropHandle::OutputIsOurs => {
                // SAFETY: T4: the task is complete, and the output is ours.
                unsafe { (header.vtable.drop_output)(self.task) };
                None
            }
        };
        // SAFETY: the handle's reference, used no more.
        unsafe { release(self.task, 1) };
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
