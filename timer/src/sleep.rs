//! `Sleep`: a future that resolves at a deadline. The only type of the crate that files timers.
//!
//! Invariants:
//! - A sleep that has never pended has no registration, so it costs nothing to drop.
//! - It is *due* at its deadline or, if it has slack, at the round instant after that; see [`slack`](crate::timers::slack).
//! - While its entry is pending, that is filed under the instant at which this sleep is due or an earlier one. A later
//!   one is therefore only noted: the entry fires at the old one, and the poll that follows files anew.
//!   An earlier one is filed at once. The same holds for an entry taken over from a sleep that was dropped,
//!   which is that sleep's under a later instant; see [`current`].
//! - It resolves only after some reading of the clock was at or after the deadline.
//! - The wheel tells the time of its last turn, so a filed sleep that is reset asks the clock at its next poll.
//! - One that is due without having waited spends of the [budget]; one whose entry has fired has waited.
//!
//! [budget]: waterwheel_poll_context::budget

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use waterwheel_poll_context::budget::{self, GaveWay};

use crate::{
    clock::far,
    timers::Caller,
    timers::Grid,
    timers::{Registration, current},
    timers::{Settled, Timers},
};

/// Waits for a length of time, counted from this call.
///
/// Never resolves early. [`Duration::MAX`], and any delay that overflows the clock, pends for ever;
/// [`Duration::ZERO`] is ready at the first poll, so to let other tasks run, use `yield_now`. A loop of such sleeps still
/// lets them run now and then: a sleep that need not wait spends of the task's [budget](waterwheel_poll_context::budget).
///
/// # Panics
///
/// The future panics if it has to wait where no Waterwheel runtime runs.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer. Its waker is dropped by the thread's next turn at the latest, or
/// serves the task's next timer.
///
/// ```
/// use std::time::{Duration, Instant};
/// use waterwheel::{block_on, sleep};
///
/// block_on(async {
///     let start = Instant::now();
///     sleep(Duration::from_millis(5)).await;
///     assert!(start.elapsed() >= Duration::from_millis(5));
/// });
/// ```
#[inline]
pub fn sleep(delay: Duration) -> Sleep {
    Sleep::after(delay, Caller::Sleep)
}

/// Waits until an instant; one that has passed is ready at the first poll.
///
/// # Panics
///
/// The future panics if it has to wait where no Waterwheel runtime runs.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer. Its waker is dropped by the thread's next turn at the latest, or
/// serves the task's next timer.
///
/// ```
/// use std::time::{Duration, Instant};
/// use waterwheel::{block_on, sleep_until};
///
/// block_on(async {
///     let noon = Instant::now() + Duration::from_millis(5);
///     sleep_until(noon).await;
///     assert!(Instant::now() >= noon);
/// });
/// ```
#[inline]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::at(deadline, Caller::SleepUntil)
}

/// The future of [`sleep()`] and [`sleep_until`].
///
/// It files its timer when it is first polled and has to wait, with the runtime of the thread that polls it.
/// Polled from another task later, or after that runtime has gone, it moves to the runtime where it is
/// polled then. It is `Unpin`, may be sent to another thread, and may be dropped on any.
///
/// It can be used again: once [reset](Sleep::reset), it waits for the new deadline, also after it resolved.
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited or polled"]
pub struct Sleep {
    deadline: Instant,
    registration: Option<Registration>,
    caller: Caller,
    /// Whether the clock was read when the deadline was set, or since, and stood before it: the next poll need not read it
    /// again.
    ahead: bool,
    grid: Grid,
    gave_way: GaveWay,
}

/// How a sleep comes to be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Its entry has fired.
    Waited,
    /// The deadline had passed when it was polled.
    AtOnce,
}

impl Sleep {
    #[inline]
    pub(crate) fn after(delay: Duration, caller: Caller) -> Self {
        let now = current::now();
        Sleep {
            deadline: far::after(now, delay),
            registration: None,
            caller,
            ahead: !delay.is_zero(),
            grid: Grid::NONE,
            gave_way: GaveWay::NO,
        }
    }

    #[inline]
    pub(crate) fn at(deadline: Instant, caller: Caller) -> Self {
        Sleep {
            deadline,
            registration: None,
            caller,
            ahead: false,
            grid: Grid::NONE,
            gave_way: GaveWay::NO,
        }
    }

    /// Lets the sleep be late by up to `slack`, so that it can share a wake of the thread with other timers.
    ///
    /// The timer is filed at a round instant, a multiple of the greatest of 1, 2, 5, 10, 20, 50 … nanoseconds that is not
    /// longer than the slack, where others that have slack are filed too. It never fires before its deadline; a poll that
    /// comes between may find it pending still. Ten thousand timers with 10 ms of slack, spread over a second, wake the
    /// thread about a hundred times.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::{block_on, sleep};
    ///
    /// block_on(async {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_millis(3)).with_slack(Duration::from_millis(2)).await;
    ///     assert!(start.elapsed() >= Duration::from_millis(3));
    /// });
    /// ```
    #[must_use = "the sleep that is returned has the slack"]
    pub fn with_slack(mut self, slack: Duration) -> Self {
        self.grid = Grid::within(slack);
        self.hasten();
        self
    }

    /// When an entry in these timers is to fire: at the deadline, or, with slack, at the round instant after that.
    #[inline(always)]
    fn due(&self, home: &Timers) -> Instant {
        if self.grid.is_none() {
            self.deadline
        } else {
            self.grid.at_or_after(self.deadline, home.origin())
        }
    }

    /// When the sleep resolves. Of one that never does, an instant centuries away.
    #[inline]
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed. Reads the clock; says nothing about whether the sleep was polled.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        current::now() >= self.deadline
    }

    /// Moves the deadline; the sleep, resolved or not, then waits for the new one.
    ///
    /// To move it later costs a comparison and a store, no matter how often, so this is the cheap way to a
    /// timeout that each message pushes back. To move it earlier files the timer anew, and the task that
    /// polled the sleep last is woken at the new deadline, unless the sleep is due already and has woken it. One that is moved
    /// into the past is ready at the next poll.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::{block_on, sleep};
    ///
    /// block_on(async {
    ///     let mut sleep = sleep(Duration::MAX);
    ///     let soon = Instant::now() + Duration::from_millis(1);
    ///     sleep.reset(soon);
    ///     sleep.await;
    ///     assert!(Instant::now() >= soon);
    /// });
    /// ```
    #[inline]
    pub fn reset(&mut self, deadline: Instant) {
        let earlier = deadline < self.deadline;
        self.deadline = deadline;
        self.ahead = false;
        if earlier {
            self.hasten();
        }
    }

    /// Moves the deadline to one that lies ahead of the clock as it has just been read. Unless that is nearer, a filed sleep
    /// waits on, and reads no clock for it.
    #[inline]
    pub(crate) fn push_back(&mut self, deadline: Instant) {
        let may_wait = deadline >= self.deadline && self.registration.is_some();
        self.reset(deadline);
        self.ahead = may_wait;
    }

    /// Sees to it that the entry, if there is one, fires when the sleep is due, or before.
    #[inline(never)]
    fn hasten(&self) {
        if let Some(Registration { home, key }) = &self.registration {
            home.hasten(key, self.due(home));
        }
    }

    /// Polls, and spends nothing of the budget: for a future that does so itself.
    #[inline]
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        match self.registration.take() {
            Some(filed) => self.settle(filed, cx.waker()),
            None => self.poll_first(cx),
        }
    }

    /// Polls while nothing is filed.
    #[inline]
    pub(crate) fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        if !self.ahead {
            if self.is_elapsed() {
                return Poll::Ready(Due::AtOnce);
            }
            self.ahead = true;
        }
        self.register(cx.waker());
        Poll::Pending
    }

    pub(crate) fn gave_way(&mut self) -> &mut GaveWay {
        &mut self.gave_way
    }

    /// Takes over the entry that was cancelled last, if it wakes the same task; or else files a new one. With slack, always a
    /// new one: where that is due is for its timers to say, and a sleep without slack is not to pay for asking.
    #[inline]
    fn register(&mut self, waker: &Waker) {
        if !self.grid.is_none() {
            return self.file(waker);
        }
        match current::take_kept(self.deadline, waker) {
            Some(kept) => self.is_filed(kept),
            None => self.file(waker),
        }
    }

    /// Files the timer with the current thread's runtime.
    fn file(&mut self, waker: &Waker) {
        let Some(home) = Timers::current() else {
            self.caller.outside_runtime()
        };
        // A closed home hands the waker back: the runtime around us is shutting down, and will not poll this
        // task again.
        if let Ok(key) = home.insert(self.due(&home), waker.clone()) {
            self.is_filed(Registration { home, key });
        }
    }

    /// A sleep that has an entry from here on, and had none: so nothing is dropped in its place.
    #[inline]
    fn is_filed(&mut self, filed: Registration) {
        let none = self.registration.replace(filed);
        debug_assert!(none.is_none(), "a sleep has one entry");
        mem::forget(none);
    }

    /// Waits by its own entry, if that can still serve.
    ///
    /// Apart from the poll, so that the first one, which has no entry, does not pay for the registers that this needs.
    #[inline(never)]
    fn settle(&mut self, filed: Registration, waker: &Waker) -> Poll<Due> {
        let Registration { home, key } = filed;
        match home.settle(key, self.deadline, self.due(&home), waker) {
            Settled::Due => {
                self.ahead = false;
                Poll::Ready(Due::Waited)
            }
            Settled::Waiting(key) => {
                if self.is_past_since_reset() {
                    current::take_out_at_once(Registration { home, key });
                    return Poll::Ready(Due::AtOnce);
                }
                self.is_filed(Registration { home, key });
                Poll::Pending
            }
            Settled::Unfiled => {
                if self.is_past_since_reset() {
                    return Poll::Ready(Due::AtOnce);
                }
                self.file(waker);
                Poll::Pending
            }
        }
    }

    /// Whether the deadline has been set anew, and has passed. Reads the clock at the first poll after a reset alone.
    #[inline]
    fn is_past_since_reset(&mut self) -> bool {
        if self.ahead {
            return false;
        }
        let is_past = self.is_elapsed();
        self.ahead = !is_past;
        is_past
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_due(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Due::Waited) => Poll::Ready(()),
            Poll::Ready(Due::AtOnce) => {
                budget::poll_spend_at(cx, &mut self.gave_way, current::now())
            }
        }
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        if let Some(filed) = self.registration.take() {
            if self.grid.is_none() {
                current::cancel(filed, self.deadline);
            } else {
                current::take_out_at_once(filed);
            }
        }
    }
}
