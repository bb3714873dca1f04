//! The cooperative budget: how much a task may do in one poll before it must let others run.
//!
//! A task whose sockets are always ready, or whose timers are always due, never comes to an await that pends. It would keep
//! its worker for ever: no other task would run there, no timer would fire, and not even an abort could end it. So the
//! executor gives each task a budget of [`PER_POLL`] before it polls it, and the leaf futures spend from it.
//!
//! # The rule
//!
//! - *A leaf future that is ready without having waited spends one.* A future has waited if it has pended, left its waker,
//!   and become ready afterwards. It may spend then, too, if that is cheaper than to know.
//! - *When the budget is spent, such a future pends.* It keeps its result, and wakes its task, which is polled again after
//!   the others, with a fresh budget.
//! - *A limit on time still fires.* A timer that has waited does not ask for the budget, and a future that limits another one
//!   files its timer even when the budget is spent.
//!
//! Every loop makes its futures anew, or takes from one that counts by item, so it meets the first rule in each round. A thread that
//! polls by hand, outside any task, has no budget: nothing is counted there.
//!
//! # Examples
//!
//! A future of one's own that is always ready, and starves nobody:
//!
//! ```
//! use std::future::poll_fn;
//! use std::task::{Context, Poll, Waker};
//! use waterwheel_poll_context::budget;
//!
//! let next = |cx: &mut Context<'_>| budget::poll_spend(cx).map(|()| "the next message");
//!
//! budget::refill(); // as the executor does before each poll
//! let mut cx = Context::from_waker(Waker::noop());
//! for _ in 0..budget::PER_POLL {
//!     assert_eq!(next(&mut cx), Poll::Ready("the next message"));
//! }
//! assert!(next(&mut cx).is_pending());
//! # budget::unlimited();
//! ```

use std::cell::Cell;
use std::task::{Context, Poll};

/// How many leaf futures may be ready in one poll of a task.
pub const PER_POLL: u32 = 128;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
    /// Whether what is left is a task's. If not, it is refilled when it runs out, and so without limit.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// Gives the task that is about to be polled on this thread a fresh budget.
#[inline]
pub fn refill() {
    LEFT.set(PER_POLL);
    COUNTED.set(true);
}

/// Ends the counting on this thread.
#[inline]
pub fn unlimited() {
    LEFT.set(u32::MAX);
    COUNTED.set(false);
}

/// Ready while there is budget left; else wakes the task and pends.
///
/// For a future that does not know yet whether it is ready: it asks this first, and [spends](spend) once it is.
#[inline]
pub fn poll_left(cx: &mut Context<'_>) -> Poll<()> {
    if LEFT.get() == 0 {
        poll_spent(cx)
    } else {
        Poll::Ready(())
    }
}

/// Spends one; when nothing is left, wakes the task and pends.
///
/// For a future that knows that it is ready, and keeps its result when this pends.
#[inline]
pub fn poll_spend(cx: &mut Context<'_>) -> Poll<()> {
    match LEFT.get().checked_sub(1) {
        Some(left) => {
            LEFT.set(left);
            Poll::Ready(())
        }
        None => poll_spent(cx),
    }
}

/// Whether nothing is left of a task's budget.
#[inline]
#[must_use]
pub fn is_spent() -> bool {
    LEFT.get() == 0 && COUNTED.get()
}

#[cold]
fn poll_spent(cx: &mut Context<'_>) -> Poll<()> {
    if COUNTED.get() {
        cx.waker().wake_by_ref();
        Poll::Pending
    } else {
        unlimited();
        Poll::Ready(())
    }
}

/// Spends one, if any is left: a future that [asked](poll_left) before has found something to do.
///
/// Another leaf future may have spent the last one in between: an operation on a descriptor may poll one.
#[inline]
pub fn spend() {
    LEFT.set(LEFT.get().saturating_sub(1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_budget_is_spent_and_refilled() {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            assert!(poll_left(&mut cx).is_ready(), "nobody counts yet");
            spend();
        }
        refill();
        for _ in 0..PER_POLL {
            assert!(poll_left(&mut cx).is_ready());
            spend();
        }
        assert!(poll_left(&mut cx).is_pending());
        assert!(poll_left(&mut cx).is_pending(), "until the next poll");
        refill();
        assert!(poll_left(&mut cx).is_ready());
        unlimited();
        assert!(poll_left(&mut cx).is_ready());
    }

    #[test]
    fn what_is_ready_spends_at_once() {
        let mut cx = Context::from_waker(Waker::noop());
        refill();
        for _ in 0..PER_POLL {
            assert!(!is_spent());
            assert!(poll_spend(&mut cx).is_ready());
        }
        assert!(is_spent());
        assert!(poll_spend(&mut cx).is_pending());
        unlimited();
        assert!(!is_spent());
        assert!(poll_spend(&mut cx).is_ready());
    }

    /// What spends without having asked takes no more than there is.
    #[test]
    fn a_budget_does_not_underflow() {
        let mut cx = Context::from_waker(Waker::noop());
        refill();
        for _ in 0..2 * PER_POLL {
            spend();
        }
        assert!(poll_left(&mut cx).is_pending());
        unlimited();
    }

    /// Without a budget, even what has run out goes on.
    #[test]
    fn outside_a_task_nothing_runs_out() {
        let mut cx = Context::from_waker(Waker::noop());
        unlimited();
        LEFT.set(1);
        for _ in 0..3 {
            assert!(poll_spend(&mut cx).is_ready());
        }
        LEFT.set(0);
        assert!(!is_spent());
        assert!(poll_left(&mut cx).is_ready());
    }
}
