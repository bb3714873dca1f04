//! `Interval`: ticks at the multiples of a period.
//!
//! Invariant: the deadline of `sleep` is the instant of the next tick, derived from the previous tick and
//! not from when that was noticed, so lateness does not add up.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use futures_core::Stream;

mod missed_tick_behavior;

pub use self::missed_tick_behavior::MissedTickBehavior;

use crate::{clock::far::after, sleep::Sleep, timers::Caller, timers::current};

/// Ticks at once, and then once every `period`, counted from this call.
///
/// For another first tick, such as one period from now, use [`interval_at`]. With a period of [`Duration::MAX`] the first tick is the only
/// one.
///
/// # Panics
///
/// If `period` is zero. The ticks panic if they have to wait where no Waterwheel runtime runs.
///
/// ```
/// use std::time::{Duration, Instant};
/// use waterwheel::{block_on, interval};
///
/// block_on(async {
///     let start = Instant::now();
///     let mut interval = interval(Duration::from_millis(2));
///     let first = interval.tick().await;
///     assert!(first >= start && first <= Instant::now(), "at once");
///     for n in 1..=3 {
///         assert!(interval.tick().await >= first + n * Duration::from_millis(2));
///     }
///     assert!(start.elapsed() >= Duration::from_millis(6));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert_period("interval", period);
    Interval::new(Sleep::at(current::now(), Caller::Interval), period)
}

/// Ticks once every `period`; the first tick is at `start`, at once if that has passed.
///
/// An interval that waits one period first is `interval_at(time::now() + period, period)`.
///
/// # Panics
///
/// If `period` is zero. The ticks panic if they have to wait where no Waterwheel runtime runs.
///
/// ```
/// use std::time::{Duration, Instant};
/// use waterwheel::{block_on, interval_at};
///
/// block_on(async {
///     let (start, period) = (Instant::now(), Duration::from_millis(50));
///     let mut interval = interval_at(start, period);
///     assert_eq!(interval.tick().await, start);
///     assert_eq!(interval.tick().await, start + period);
/// });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert_period("interval_at", period);
    Interval::new(Sleep::at(start, Caller::IntervalAt), period)
}

#[track_caller]
fn assert_period(call: &str, period: Duration) {
    assert!(
        !period.is_zero(),
        "`{call}` needs a period longer than zero; to yield once use `yield_now`"
    );
}

/// Ticks at the multiples of a period; made by [`interval()`] and [`interval_at`].
///
/// Phase-locked: each tick is one period after the one before, no matter how late that was taken. What
/// becomes of ticks that were missed altogether is a [`MissedTickBehavior`], by default
/// [`Skip`](MissedTickBehavior::Skip).
///
/// It is a [`Stream`] of the ticks' instants that never ends.
#[derive(Debug)]
#[must_use = "an interval does nothing unless its ticks are awaited"]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    fn new(sleep: Sleep, period: Duration) -> Self {
        Interval {
            sleep,
            period,
            missed_tick_behavior: MissedTickBehavior::default(),
        }
    }

    /// Lets each tick be late by up to `slack`, so that it can share a wake of the thread with other timers. See
    /// [`Sleep::with_slack`]. The instants that ticks are scheduled for, and tell, stay the same.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::{block_on, interval_at};
    ///
    /// block_on(async {
    ///     let (start, period) = (Instant::now(), Duration::from_millis(4));
    ///     let mut interval = interval_at(start, period).with_slack(Duration::from_millis(1));
    ///     assert_eq!(interval.tick().await, start);
    ///     assert_eq!(interval.tick().await, start + period);
    /// });
    /// ```
    #[must_use = "the interval that is returned has the slack"]
    pub fn with_slack(mut self, slack: Duration) -> Self {
        self.sleep = self.sleep.with_slack(slack);
        self
    }

    /// Waits for the next tick, and returns the instant for which it was scheduled.
    ///
    /// # Cancel safety
    ///
    /// A tick that was not awaited to its end is not lost: the next call waits for the same one.
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self }
    }

    /// Polls for the next tick: as [`tick`](Interval::tick), for futures written by hand.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let tick = self.sleep.deadline();
        self.sleep.reset(
            self.missed_tick_behavior
                .next(tick, current::now(), self.period),
        );
        Poll::Ready(tick)
    }

    /// Starts the period anew: the next tick is one period from now.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::{block_on, interval_at};
    ///
    /// block_on(async {
    ///     let period = Duration::from_millis(2);
    ///     let mut interval = interval_at(Instant::now(), period);
    ///     let before = Instant::now();
    ///     interval.reset();
    ///     assert!(interval.tick().await >= before + period);
    /// });
    /// ```
    pub fn reset(&mut self) {
        self.sleep.reset(after(current::now(), self.period));
    }

    /// The time from tick to tick.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What becomes of ticks that are missed.
    #[must_use]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Sets what becomes of ticks that are missed, from the next tick on.
    pub fn set_missed_tick_behavior(&mut self, missed_tick_behavior: MissedTickBehavior) {
        self.missed_tick_behavior = missed_tick_behavior;
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// The future of [`Interval::tick`]: resolves to the instant for which the tick was scheduled.
#[derive(Debug)]
#[must_use = "a tick does nothing unless it is awaited or polled"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx)
    }
}
