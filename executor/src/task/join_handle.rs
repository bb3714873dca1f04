//! [`JoinHandle`]: the other end of a spawned task.

use crate::task::abort_handle::AbortHandle;
use crate::task::join_error::JoinError;
use crate::task::harness::drop_quietly;
use crate::task::header::{Header, TaskPtr};
use crate::task::snapshot::{DropHandle, IsComplete};
use crate::task::id::Id;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use waterwheel_poll_context::budget::{self, GaveWay};

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
    /// The reference. With it goes the join interest, which is this handle's alone. As a rule both go in one step.
    task: ManuallyDrop<AbortHandle>,
    gave_way: GaveWay,
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
            // SAFETY: by the caller's promise.
            task: ManuallyDrop::new(unsafe { AbortHandle::from_raw(task) }),
            gave_way: GaveWay::NO,
            output: PhantomData,
        }
    }

    /// The task's number, as [`task::id`](crate::runtime::tasks::id()) tells it inside.
    #[must_use]
    pub fn id(&self) -> Id {
        self.header().id
    }

    pub(crate) fn header(&self) -> &Header {
        self.task.header()
    }

    /// Asks for the task to be dropped. Its worker does so where it would poll the task next, unless the task ends before
    /// that. The handle then says that it was cancelled.
    ///
    /// A job of [`spawn_blocking`](crate::spawn_blocking) that waits for a thread is dropped by this call, with what its closure has captured. A
    /// job that has started is not touched.
    ///
    /// It may be called from any thread, from the task itself, and more than once.
    pub fn abort(&self) {
        self.task.abort();
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
        AbortHandle::clone(&self.task)
    }

    /// Whether awaiting it gives the output at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Leaves a waker for the completer, who wakes it once. `Err`: the task is complete.
    pub(crate) fn leave_waker(&mut self, waker: &Waker) -> Result<(), IsComplete> {
        let header = self.header();
        let seen = header.state.load();
        if seen.is_complete() {
            return Err(IsComplete);
        }
        header.shared.assert_here();
        let field = header.join_waker.get();
        let mut new = None;
        if seen.has_join_waker() {
            // To look at the field we must have it. If the task completes first, the completer has it.
            header.state.withdraw_join_waker()?;
            // SAFETY: T5: the bit is clear.
            new = unsafe { (*field).take() }.filter(|old| old.will_wake(waker));
        }
        // From here on the bit is clear, and the field is ours (T5), and empty. Whatever panics, a clone or a drop of a waker, leaves it empty
        // or offered.
        let new = new.unwrap_or_else(|| waker.clone());
        // SAFETY: T5. What is overwritten is `None`, which needs no destructor.
        unsafe { field.write(Some(new)) };
        header.state.offer_join_waker().inspect_err(|IsComplete| {
            // SAFETY: T5: the bit was clear when the task completed, so the field is still ours.
            drop(unsafe { (*field).take() });
        })
    }

    /// The output, if the task is complete. Spends nothing of the budget.
    pub(crate) fn try_take_output(&mut self) -> Option<Result<T, JoinError>> {
        let is_complete = self.header().state.load().is_complete();
        is_complete.then(|| self.take_output())
    }

    fn take_output(&mut self) -> Result<T, JoinError> {
        let mut output: Option<Result<T, JoinError>> = None;
        let take = self.header().vtable.take_output;
        // SAFETY: the task is complete with join interest, so the stage is ours (T4); `T` is its output.
        unsafe { take(self.task.task(), (&raw mut output).cast()) };
        output.expect("a `JoinHandle` was polled again after it had given its output")
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.leave_waker(cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(IsComplete) => {
                ready!(budget::poll_spend(cx, &mut self.gave_way));
                Poll::Ready(self.take_output())
            }
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // Dropped at the end, also if a destructor panics before.
        // SAFETY: the field is not used again.
        let reference = unsafe { ManuallyDrop::take(&mut self.task) };
        let header = reference.header();
        let dropped = if header.state.load().is_complete() {
            // Nobody asks for the join interest any more.
            DropHandle::OutputIsOurs
        } else {
            header.state.drop_handle()
        };
        match dropped {
            DropHandle::Gone => mem::forget(reference),
            // SAFETY: T5: not complete, and the bit is clear.
            DropHandle::WakerIsOurs => let_go(unsafe { (*header.join_waker.get()).take() }),
            // SAFETY: T4: the task is complete, and the output is ours.
            DropHandle::OutputIsOurs => unsafe { (header.vtable.drop_output)(reference.task()) },
        }
    }
}

/// A waker is the user's, and may be the last to hold anything: whoever drops a handle is not to hear of its panic.
#[cold]
fn let_go(waker: Option<Waker>) {
    drop_quietly(waker);
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
