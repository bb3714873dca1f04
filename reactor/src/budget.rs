//! The budget of leaf futures: how much a task may do in one poll before it must let others run.
//!
//! A task whose sockets are always ready never comes to an await that pends, and would keep its worker for ever.
//! So each operation on a descriptor spends one of [`PER_POLL`]; when all is spent, the future wakes its task and
//! pends. Outside a task (a thread that polls by hand) nothing is counted.

use std::cell::Cell;
use std::task::{Context, Poll};

/// Operations that a task may complete in one poll.
pub const PER_POLL: u8 = 128;

const UNLIMITED: u8 = u8::MAX;

thread_local! {
    static LEFT: Cell<u8> = const { Cell::new(UNLIMITED) };
}

/// Gives the task that is about to be polled on this thread a fresh budget.
#[inline]
pub fn refill() {
    LEFT.set(PER_POLL);
}

/// Ends the counting on this thread.
#[inline]
pub fn unlimited() {
    LEFT.set(UNLIMITED);
}

/// Spends one operation, or, when the budget is spent, wakes the task and pends.
#[inline]
pub fn poll_spend(cx: &mut Context<'_>) -> Poll<()> {
    match LEFT.get() {
        UNLIMITED => Poll::Ready(()),
        0 => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        left => {
            LEFT.set(left - 1);
            Poll::Ready(())
        }
    }
}

/// Gives one operation back: it found nothing to do.
#[inline]
pub(crate) fn refund() {
    let left = LEFT.get();
    if left < PER_POLL {
        LEFT.set(left + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_budget_is_spent_and_refilled() {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            assert!(poll_spend(&mut cx).is_ready(), "nobody counts yet");
        }
        refill();
        for _ in 0..PER_POLL {
            assert!(poll_spend(&mut cx).is_ready());
        }
        assert!(poll_spend(&mut cx).is_pending());
        refund();
        assert!(poll_spend(&mut cx).is_ready());
        assert!(poll_spend(&mut cx).is_pending());
        unlimited();
        assert!(poll_spend(&mut cx).is_ready());
    }
}
