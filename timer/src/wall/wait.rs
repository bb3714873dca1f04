//! A wait for the wall clock.
//!
//! A deadline of the wall clock, or of the time since boot, becomes one of the monotonic clock, by what the clocks show now,
//! and waits in the wheel like any other. That holds as long as no clock jumps: both are disciplined alike between jumps. When
//! one does, all who wait are woken, look again, and file anew.
//!
//! Invariants:
//! - *Listed before it looks.* A wait is in the list before it reads the clocks. A jump before the reading is in it, and one
//!   after it finds the wait in the list.
//! - *It resolves by the clock that it waits for.* The wheel only says when to look.

use std::{
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use waterwheel_poll_context::budget::{self, GaveWay};

use crate::{
    clock::{WallReading, far},
    sleep::Sleep,
    timers::{Caller, Listed, current},
};

/// How often a clock is looked at that does not tell when it is set.
const UNTOLD: Duration = Duration::from_secs(1);

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    System(SystemTime),
    /// A time since boot.
    Boottime(Duration),
}

impl Target {
    /// How long it is until then, if it is not past.
    fn ahead_of(self, reading: &WallReading) -> Option<Duration> {
        let left = match self {
            Target::System(time) => time.duration_since(reading.system).ok(),
            Target::Boottime(time) => time.checked_sub(reading.boottime),
        };
        left.filter(|left| !left.is_zero())
    }
}

/// A wait for a time of the wall clock, or for one since boot.
#[derive(Debug)]
pub(crate) struct WallWait {
    sleep: Sleep,
    listed: Option<Listed>,
    caller: Caller,
    gave_way: GaveWay,
}

impl WallWait {
    pub(crate) fn new(caller: Caller) -> Self {
        WallWait {
            sleep: Sleep::after(Duration::ZERO, caller),
            listed: None,
            caller,
            gave_way: GaveWay::NO,
        }
    }

    /// Waits until that time. When that has come, spends of the budget, also if it has waited: a clock can be set in a loop.
    pub(crate) fn poll(&mut self, target: Target, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let is_told = Listed::renew(&mut self.listed, cx.waker(), self.caller);
            let Some(listed) = &self.listed else {
                return Poll::Pending;
            };
            let Some(left) = target.ahead_of(&listed.read()) else {
                ready!(budget::poll_spend_at(
                    cx,
                    &mut self.gave_way,
                    current::now()
                ));
                self.listed = None;
                // After a step its timer is pending still, and would wake the task for nothing.
                self.sleep = Sleep::at(self.sleep.deadline(), self.caller);
                return Poll::Ready(());
            };
            let left = if is_told { left } else { left.min(UNTOLD) };
            self.sleep.reset(far::after(current::now(), left));
            ready!(self.sleep.poll_due(cx));
        }
    }

    /// Reads the clocks, and has the task woken when they are set next; by a clock that does not tell, when it is time to
    /// look again. `None`: the runtime is shutting down.
    pub(crate) fn look(&mut self, cx: &mut Context<'_>) -> Option<WallReading> {
        let is_told = Listed::renew(&mut self.listed, cx.waker(), self.caller);
        let reading = self.listed.as_ref().map(Listed::read);
        if !is_told {
            self.sleep.reset(far::after(current::now(), UNTOLD));
            let _ = self.sleep.poll_due(cx);
        }
        reading
    }

    /// Spends of the budget, for who has [looked](Self::look), and found something.
    pub(crate) fn poll_spend(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        budget::poll_spend(cx, &mut self.gave_way)
    }
}
