//! The cooperative budget: how much a task may do in one poll before it must let others run.
//!
//! A task whose sockets are always ready, or whose timers are always due, never comes to an await that pends. It would keep
//! its worker for ever: no other task would run there, no timer would fire, and not even an abort could end it. So the
//! executor gives each task a budget of [`PER_POLL`] before it polls it, and the leaf futures spend from it.
//!
//! # The rule
//!
//! - *A leaf future that is ready spends one.* It may leave that out if it has pended before, and was woken because it became
//!   ready: a task that waits is no danger. Timers do so.
//! - *Time counts, too, where it is known.* A timer that is due without having waited has read the clock. If [`LONG`] has passed
//!   since the first such timer of the poll, it spends all that is left. So an interval that is shorter than the work between
//!   its ticks does not make a poll last 128 times as long as that work.
//! - *When the budget is spent, a leaf future gives way.* It keeps its result, wakes its task, and pends. The task is polled
//!   again after the others, with a fresh budget.
//! - *It gives way once.* A future that has given way is ready the next time, whatever the budget says ([`GaveWay`]). So a
//!   future is not held up for ever by another one in the same task that spends everything in each poll, nor by an
//!   executor inside the task that polls it again at once. Every loop makes its futures anew, or takes items from one that
//!   forgets between two items that it gave way, so the loop is held up again.
//! - *A limit on time still fires.* A future that limits another one may give way before it polls that, but not after:
//!   when the other pends, even if only because the budget is spent, the limit is looked at. It gives way
//!   [once in its life](give_way_for_good), so that limits around limits cost one poll each.
//!
//! A thread that polls by hand, outside any task, has no budget: nothing is counted there.
//!
//! # Examples
//!
//! A future of your own that is always ready, and starves nobody:
//!
//! ```
//! use std::pin::Pin;
//! use std::task::{Context, Poll, Waker};
//! use waterwheel_poll_context::budget::{self, GaveWay};
//!
//! #[derive(Default)]
//! struct NextNumber {
//!     gave_way: GaveWay,
//! }
//!
//! impl Future for NextNumber {
//!     type Output = u32;
//!
//!     fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
//!         budget::poll_spend(cx, &mut self.gave_way).map(|()| 7)
//!     }
//! }
//!
//! budget::refill(); // as the executor does before each poll of a task
//! let mut cx = Context::from_waker(Waker::noop());
//! let mut poll_next = || Pin::new(&mut NextNumber::default()).poll(&mut cx);
//! for _ in 0..budget::PER_POLL {
//!     assert_eq!(poll_next(), Poll::Ready(7));
//! }
//! assert!(poll_next().is_pending());
//! # budget::unlimited();
//! ```
//!
//! In an `async fn` that may come to its end without an await that pends, [`consume`] does the same.

use std::cell::Cell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// How many leaf futures may be ready in one poll of a task.
pub const PER_POLL: u32 = 128;

/// After so long a time in one poll, the next timer that is due without having waited is the last leaf future in it that is ready.
pub const LONG: Duration = Duration::from_millis(1);

thread_local! {
    /// Signed, so that to spend is one instruction: what is below zero is spent, as zero is.
    static LEFT: Cell<i32> = const { Cell::new(i32::MAX) };
    static COUNTED: Cell<Counted> = const { Cell::new(Counted::No) };
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Whether what is left is a task's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    /// No: it is refilled when it runs out, and so without limit.
    No,
    Yes,
    /// Yes, and `SINCE` is an instant of this poll.
    AndTimed,
}

/// What a leaf future remembers of the budget: whether it has given way, and is not to do so again before it is ready.
#[derive(Debug, Default)]
pub struct GaveWay(bool);

impl GaveWay {
    /// That of a future that has not given way.
    pub const NO: Self = Self(false);
}

/// Gives the task that is about to be polled on this thread a fresh budget.
#[inline]
pub fn refill() {
    LEFT.set(PER_POLL as i32);
    COUNTED.set(Counted::Yes);
}

/// Ends the counting on this thread.
#[inline]
pub fn unlimited() {
    LEFT.set(i32::MAX);
    COUNTED.set(Counted::No);
}

/// Ready while there is budget left; else it [gives way](give_way).
///
/// For a future that does not know yet whether it is ready: it asks this first, and [spends](spend) once it is.
#[inline]
pub fn poll_left(cx: &mut Context<'_>, gave_way: &mut GaveWay) -> Poll<()> {
    if is_spent() {
        give_way(cx, gave_way)
    } else {
        *gave_way = GaveWay::NO;
        Poll::Ready(())
    }
}

/// Spends one; when nothing is left, it [gives way](give_way).
///
/// For a future that knows that it is ready, and keeps its result when this pends.
#[inline]
pub fn poll_spend(cx: &mut Context<'_>, gave_way: &mut GaveWay) -> Poll<()> {
    if is_spent() {
        give_way(cx, gave_way)
    } else {
        spend();
        *gave_way = GaveWay::NO;
        Poll::Ready(())
    }
}

/// Spends one, or all that is left if the poll has lasted [`LONG`]; when nothing is left, it [gives way](give_way).
///
/// For a timer that is due without having waited, at `now`. The poll lasts since the first of these calls in it.
#[inline]
pub fn poll_spend_at(cx: &mut Context<'_>, gave_way: &mut GaveWay, now: Instant) -> Poll<()> {
    ready!(poll_spend(cx, gave_way));
    match COUNTED.get() {
        Counted::No => {}
        Counted::Yes => {
            SINCE.set(Some(now));
            COUNTED.set(Counted::AndTimed);
        }
        Counted::AndTimed => {
            let since = SINCE.get().unwrap_or(now);
            if now.saturating_duration_since(since) >= LONG {
                LEFT.set(0);
            }
        }
    }
    Poll::Ready(())
}

/// Spends one: a future that [asked](poll_left) before is ready.
///
/// There may be none left. Another leaf future may have spent the last one in between, as an operation on a descriptor may poll one;
/// and a future that gave way before is ready without.
#[inline]
pub fn spend() {
    LEFT.set(LEFT.get().wrapping_sub(1));
}

/// Whether nothing is left, so that a future has to ask whether it is to [give way](give_way).
#[inline]
#[must_use]
pub fn is_spent() -> bool {
    LEFT.get() <= 0
}

/// Wakes the task and pends, when nothing is left; ready, if the future gave way before, or if nothing is counted on this
/// thread.
///
/// [`poll_left`] and [`poll_spend`] call it. A future calls it itself if it has to look for its `gave_way` first, which it
/// then does only when the budget [is spent](is_spent).
#[cold]
pub fn give_way(cx: &mut Context<'_>, gave_way: &mut GaveWay) -> Poll<()> {
    if COUNTED.get() == Counted::No {
        unlimited();
        return Poll::Ready(());
    }
    if mem::take(&mut gave_way.0) {
        return Poll::Ready(());
    }
    gave_way.0 = true;
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// As [`give_way`], for a future that polls another, and gives way before it does so: it does not give way again before its user
/// [forgets](GaveWay::NO) that.
///
/// Otherwise such futures, each around another, would let the innermost one come to its turn once in a number of polls that doubles
/// with each: after every poll in which that gives way, all that are around it would give way anew.
#[cold]
pub fn give_way_for_good(cx: &mut Context<'_>, gave_way: &mut GaveWay) -> Poll<()> {
    if gave_way.0 {
        return Poll::Ready(());
    }
    give_way(cx, gave_way)
}

/// Spends one of the task's budget, and lets others run if nothing is left.
///
/// Put it into a loop whose other futures, not Waterwheel's, may always be ready: the channel of another crate, or a
/// computation in steps. It costs a few instructions; [`yield_now`] would go through the queue each time.
///
/// # Cancel safety
///
/// Nothing is lost by dropping it.
///
/// # Examples
///
/// ```
/// use std::future::ready;
/// use std::time::Duration;
/// use waterwheel::poll_context::budget;
/// use waterwheel::{sleep, spawn};
///
/// waterwheel::block_on(async {
///     let busy = spawn(async {
///         loop {
///             ready("always").await;
///             budget::consume().await;
///         }
///     });
///     sleep(Duration::from_millis(2)).await;
///     busy.abort();
///     assert!(busy.await.unwrap_err().is_cancelled());
/// });
/// ```
///
/// [`yield_now`]: https://docs.rs/waterwheel/latest/waterwheel/fn.yield_now.html
#[inline]
pub fn consume() -> Consume {
    Consume {
        gave_way: GaveWay::NO,
    }
}

/// The future of [`consume`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Consume {
    gave_way: GaveWay,
}

impl Future for Consume {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_spend(cx, &mut self.gave_way)
    }
}

#[cfg(test)]
mod tests;
