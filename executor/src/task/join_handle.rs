//! [`JoinHandle`]: the other end of a spawned task.

use super::abort_handle::AbortHandle;
use super::harness::drop_quietly;
use super::header::{Header, TaskPtr};
use super::join_error::JoinError;
use super::schedule::Schedule;
use super::snapshot::{DropHandle, IsComplete};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use waterwheel_poll_context::budget::{self, GaveWay};

/// Awaits a task's output. Dropped, it detaches the task, which goes on. What users hold wraps this.
pub(crate) struct JoinHandle<T, S: Schedule> {
    /// The reference. With it goes the join interest, which is this handle's alone. As a rule both go in one step.
    task: ManuallyDrop<AbortHandle<S>>,
    gave_way: GaveWay,
    output: PhantomData<T>,
}

// SAFETY: the handle gives the output, a `T`, to the thread that it is on, and touches nothing else of the task but what
// its atomic word lets it. The future itself it never touches (T6).
unsafe impl<T: Send, S: Schedule> Send for JoinHandle<T, S> {}
// SAFETY: a shared handle aborts and looks at the atomic word, no more.
unsafe impl<T: Send, S: Schedule> Sync for JoinHandle<T, S> {}
impl<T, S: Schedule> Unpin for JoinHandle<T, S> {}
impl<T, S: Schedule> UnwindSafe for JoinHandle<T, S> {}
impl<T, S: Schedule> RefUnwindSafe for JoinHandle<T, S> {}

impl<T, S: Schedule> JoinHandle<T, S> {
    /// # Safety
    ///
    /// The caller gives a reference and the join interest along, and the task's output is a `T`.
    pub(crate) unsafe fn from_raw(task: TaskPtr<S>) -> Self {
        Self {
            // SAFETY: by the caller's promise.
            task: ManuallyDrop::new(unsafe { AbortHandle::from_raw(task) }),
            gave_way: GaveWay::NO,
            output: PhantomData,
        }
    }

    pub(crate) fn header(&self) -> &Header<S> {
        self.task.header()
    }

    /// The reference that it has, as a handle that can abort the task.
    pub(crate) fn abort_handle(&self) -> &AbortHandle<S> {
        &self.task
    }

    /// Leaves a waker for the completer, who wakes it once. `Err`: the task is complete.
    pub(crate) fn leave_waker(&mut self, waker: &Waker) -> Result<(), IsComplete> {
        let header = self.header();
        let seen = header.state.load();
        if seen.is_complete() {
            return Err(IsComplete);
        }
        header.scheduler.assert_runs();
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

impl<T, S: Schedule> Future for JoinHandle<T, S> {
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

impl<T, S: Schedule> Drop for JoinHandle<T, S> {
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

impl<T, S: Schedule> fmt::Debug for JoinHandle<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("is_finished", &self.task.is_finished())
            .finish_non_exhaustive()
    }
}
