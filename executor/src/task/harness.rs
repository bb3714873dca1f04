//! What happens to a task, for the type of its future: run, cancel, hand the output over, free.
//!
//! These are the functions of the [`Vtable`](super::header::Vtable). Their safety contracts stand there; their
//! common part is that the pointer is to a `Cell<F, S>` with this `F`.

use super::cell::{Cell, Stage};
use super::header::{Header, TaskPtr, free_if_last, release, resubmit};
use super::id::Running;
use super::join_error::JoinError;
use super::memory;
use super::schedule::Schedule;
use super::snapshot::{Pend, Start};
use super::waker::PollWaker;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

type Output<F> = Result<<F as Future>::Output, JoinError>;

/// Catches what user code throws (T7).
fn caught<R>(run: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(run))
}

/// Drops what may panic while being dropped, also when the panic's own payload does.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = caught(|| drop(value)) {
        std::mem::forget(caught(|| drop(payload)));
    }
}

/// Runs user code, and stops its panic.
pub(crate) fn contain_panic(run: impl FnOnce()) {
    drop_quietly(caught(run));
}

/// The future has panicked: tells the scheduler of it, and makes it the task's output.
#[cold]
fn panicked<S: Schedule>(task: TaskPtr<S>, payload: Box<dyn Any + Send>) -> JoinError {
    // SAFETY: whoever has the stage has a reference, which keeps the task alive.
    let header = unsafe { task.as_ref() };
    header.scheduler.panicked(header, &*payload);
    JoinError::panicked(payload)
}

/// # Safety
///
/// `task` is alive and was made for `F`.
#[inline]
unsafe fn stage<F: Future, S: Schedule>(task: TaskPtr<S>) -> *mut Stage<F> {
    // SAFETY: the header is the front of the cell, by `repr(C)`. A raw pointer: who may follow it is up to T1 and T4.
    unsafe { (*task.cast::<Cell<F, S>>().as_ptr()).stage.get() }
}

/// Drops what is in the stage, in place, and leaves Consumed, even if the destructor panics.
///
/// # Safety
///
/// The caller owns the stage.
unsafe fn consume<F: Future>(stage: *mut Stage<F>) {
    struct LeaveConsumed<F: Future>(*mut Stage<F>);

    impl<F: Future> Drop for LeaveConsumed<F> {
        fn drop(&mut self) {
            // SAFETY: the stage is ours, and what was in it has been dropped, as far as it could be.
            unsafe { self.0.write(Stage::Consumed) }
        }
    }

    let _leave = LeaveConsumed(stage);
    // SAFETY: the stage is ours, initialized, and overwritten before anybody looks at it again.
    unsafe { stage.drop_in_place() }
}

/// See [`Vtable::run`](super::header::Vtable::run).
pub(super) unsafe fn run<F: Future, S: Schedule>(task: TaskPtr<S>) {
    // SAFETY: the caller's reference keeps the task alive.
    let header = unsafe { task.as_ref() };
    Running::turn_to(header.id);
    let output = match header.state.start() {
        // SAFETY: the transition has just released the caller's reference.
        Start::Stale(released) => return unsafe { free_if_last(task, released) },
        // SAFETY: `start` has given us the stage (T1).
        Start::Cancel => unsafe { cancelled::<F, S>(task) },
        // SAFETY: as above.
        Start::Poll => match unsafe { poll::<F, S>(task) } {
            Poll::Ready(output) => output,
            Poll::Pending => match header.state.pend() {
                Pend::Idle => return,
                // SAFETY: `pend` has left us the reference, and the task is notified.
                Pend::Requeue => return unsafe { resubmit(task) },
                // SAFETY: `pend` has left us the stage.
                Pend::Cancel => unsafe { cancelled::<F, S>(task) },
            },
        },
    };
    // SAFETY: the stage is ours, and so is the reference that came with the task from its queue.
    unsafe { complete::<F, S>(task, output) };
}

/// See [`Vtable::cancel`](super::header::Vtable::cancel).
pub(super) unsafe fn cancel<F: Future, S: Schedule>(task: TaskPtr<S>) {
    // SAFETY: the caller's reference keeps the task alive.
    let _running = Running::enter(unsafe { task.as_ref() }.id);
    // SAFETY: the caller has claimed the stage.
    let output = unsafe { cancelled::<F, S>(task) };
    // SAFETY: the stage is ours, and so is the list's reference, consumed as the vtable says.
    unsafe { complete::<F, S>(task, output) };
}

/// Polls the future. When that is over, it has been dropped.
///
/// # Safety
///
/// The caller owns the stage, which is Running, and a reference.
#[inline]
unsafe fn poll<F: Future, S: Schedule>(task: TaskPtr<S>) -> Poll<Output<F>> {
    // SAFETY: the task is alive.
    let stage = unsafe { stage::<F, S>(task) };
    let polled = caught(|| {
        // SAFETY: the stage is ours, and nobody else forms a reference to it meanwhile (T1).
        let Stage::Running(future) = (unsafe { &mut *stage }) else {
            unreachable!("a task was polled after it had finished");
        };
        // SAFETY: the cell is on the heap, and the future is dropped in place (`consume`), never moved.
        let future = unsafe { Pin::new_unchecked(future) };
        // SAFETY: our reference outlives the poll.
        let waker = unsafe { PollWaker::new(task) };
        future.poll(&mut Context::from_waker(&waker))
    });
    let output = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => Err(panicked(task, payload)),
    };
    // SAFETY: the stage is ours.
    let dropped = caught(|| unsafe { consume(stage) });
    Poll::Ready(match dropped {
        Ok(()) => output,
        // The first panic is the one that is told.
        Err(payload) if output.is_ok() => {
            drop_quietly(output);
            Err(panicked(task, payload))
        }
        Err(payload) => {
            drop_quietly(payload);
            output
        }
    })
}

/// Drops the future of a cancelled task.
///
/// # Safety
///
/// The caller owns the stage.
#[cold]
unsafe fn cancelled<F: Future, S: Schedule>(task: TaskPtr<S>) -> Output<F> {
    // SAFETY: the task is alive and the stage is ours.
    match caught(|| unsafe { consume(stage::<F, S>(task)) }) {
        Ok(()) => Err(JoinError::cancelled()),
        Err(payload) => Err(panicked(task, payload)),
    }
}

/// Stores the output, takes the task off its list, makes it complete, and tells who awaits it.
///
/// # Safety
///
/// The caller owns the stage, and a reference, which it gives up.
unsafe fn complete<F: Future, S: Schedule>(task: TaskPtr<S>, output: Output<F>) {
    // SAFETY: the caller's reference keeps the task alive.
    let header: &Header<S> = unsafe { task.as_ref() };
    // SAFETY: the stage is ours, and Consumed, so that nothing is overwritten that would have to be dropped.
    unsafe { stage::<F, S>(task).write(Stage::Finished(output)) };
    // Before anybody hears of it: who has awaited a task does not find it alive. If it was in, the list's reference is ours now.
    let held = 1 + usize::from(header.owner().remove(task));
    let completed = header.state.complete(held);
    if completed.released {
        return;
    }
    if completed.has_join_waker {
        // SAFETY: T5: the field is ours.
        let waker = unsafe { (*header.join_waker.get()).take() };
        drop_quietly(caught(|| waker.map(std::task::Waker::wake)));
    }
    if !completed.output_is_wanted {
        // SAFETY: T4: the stage is ours.
        unsafe { drop_output::<F, S>(task) };
    }
    // SAFETY: the caller's reference, and the list's.
    unsafe { release(task, held) };
}

/// See [`Vtable::take_output`](super::header::Vtable::take_output).
pub(super) unsafe fn take_output<F: Future, S: Schedule>(task: TaskPtr<S>, to: *mut ()) {
    // SAFETY: the caller owns the stage (T4).
    let stage = unsafe { &mut *stage::<F, S>(task) };
    if let Stage::Finished(output) = std::mem::replace(stage, Stage::Consumed) {
        // SAFETY: by the vtable's contract `to` is such an `Option`.
        unsafe { *to.cast::<Option<Output<F>>>() = Some(output) };
    }
}

/// See [`Vtable::drop_output`](super::header::Vtable::drop_output).
pub(super) unsafe fn drop_output<F: Future, S: Schedule>(task: TaskPtr<S>) {
    // SAFETY: the caller owns the stage (T4).
    drop_quietly(caught(|| unsafe { consume(stage::<F, S>(task)) }));
}

/// See [`Vtable::free`](super::header::Vtable::free).
pub(super) unsafe fn free<F: Future, S: Schedule>(task: TaskPtr<S>) {
    // SAFETY: it is there still.
    let header = unsafe { task.as_ref() };
    if header.vtable.kind.is_named() {
        header.scheduler.forget_name(header.id);
    }
    let mut cell: NonNull<Cell<F, S>> = task.cast();
    {
        // SAFETY: the last reference is gone, so it is ours alone.
        let cell = unsafe { cell.as_mut() };
        debug_assert!(
            matches!(cell.stage.get_mut(), Stage::Consumed),
            "T6: a task was freed with its future or output inside"
        );
        debug_assert!(
            cell.header.join_waker.get_mut().is_none(),
            "T5: a task was freed with a join waker inside"
        );
    }
    // SAFETY: it is of `allocate`, and not used any more.
    unsafe { memory::free::<_, S>(cell) }
}
