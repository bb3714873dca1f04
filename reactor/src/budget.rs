//! The budget of leaf futures: how much a task may do in one poll before it must let others run.
//!
//! A task whose sockets are always ready never comes to an await that pends, and would keep its worker for ever.
//! So each operation on a descriptor spends one of [`PER_POLL`]; when all is spent, the future wakes its task and
//! pends. Outside a task (a thread that polls by hand) nothing is counted.

use std::cell::Cell;
use std::task::{Context, Poll};

/// Operations that a task may complete in one poll.
pub const PER_POLL: u32 = 128;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
    /// Whether what is left is a task's. If not, it is refilled when it runs out, and so without limit.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// Gives the task that is about to be polled on this thread a fresh budget.
#[inline]
pub fn refill() {
    LEFT.with(|left| left.set(PER_POLL));
    COUNTED.with(|counted| counted.set(true));
}

/// Ends the counting on this thread.
#[inline]
pub fn unlimited() {
    LEFT.with(|left| left.set(u32::MAX));
    COUNTED.with(|counted| counted.set(false));
}

/// Ready while there is budget left; else wakes the task and pends.
#[inline]
pub fn poll_left(cx: &mut Context<'_>) -> Poll<()> {
    if LEFT.get() == 0 {
        poll_spent(cx)
    } else {
        Poll::Ready(())
    }
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

/// Spends one operation, of a budget of which [some was left](poll_left): it has found something to do.
#[inline]
pub fn spend() {
    let left = LEFT.get();
    debug_assert!(left > 0, "an operation was spent that was not there");
    LEFT.set(left.wrapping_sub(1));
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
}
