//! A point in time by one of two clocks, and the arithmetic of schedules with it.

use std::time::{Duration, Instant, SystemTime};

use crate::{clock::far, interval::MissedTick, paused, virtual_time::VirtualClock};

/// When a [`CallbackTimer`](super::CallbackTimer) calls its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Once, at an instant.
    At(Instant),
    /// Once, so long from now.
    After(Duration),
    /// Each time a period ends, for the first time one period from now. What is missed because a run takes long is left out,
    /// and the phase is kept, as by [`MissedTick::Skip`].
    Every(Duration),
    /// Once, when the wall clock shows that or more; see [`sleep_until_system`](crate::sleep_until_system).
    AtSystem(SystemTime),
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Moment {
    Monotonic(Instant),
    System(SystemTime),
}

impl Moment {
    /// The present, by the clock that this is a moment of: that of a paused runtime, or else that of this thread.
    pub(super) fn present(self, paused: Option<&VirtualClock>) -> Self {
        match self {
            Moment::Monotonic(_) => {
                Moment::Monotonic(paused.map_or_else(paused::now, VirtualClock::now))
            }
            Moment::System(_) => {
                let now = paused.map_or_else(paused::system_now, VirtualClock::system_now);
                Moment::System(now)
            }
        }
    }

    /// So much earlier, if there is such a moment.
    pub(super) fn before(self, delay: Duration) -> Option<Self> {
        match self {
            Moment::Monotonic(instant) => instant.checked_sub(delay).map(Moment::Monotonic),
            Moment::System(time) => time.checked_sub(delay).map(Moment::System),
        }
    }

    /// So much later; a moment that does not exist is never.
    pub(super) fn after(self, delay: Duration) -> Self {
        match self {
            Moment::Monotonic(instant) => Moment::Monotonic(far::after(instant, delay)),
            Moment::System(time) => {
                let never = SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX.unsigned_abs());
                Moment::System(time.checked_add(delay).unwrap_or(never))
            }
        }
    }

    /// How long it is from `other`, of the same clock, to this; zero if this is not later.
    pub(super) fn since(self, other: Self) -> Duration {
        match (self, other) {
            (Moment::Monotonic(this), Moment::Monotonic(other)) => {
                this.saturating_duration_since(other)
            }
            (Moment::System(this), Moment::System(other)) => {
                this.duration_since(other).unwrap_or(Duration::ZERO)
            }
            _ => unreachable!("a schedule goes by one clock"),
        }
    }

    /// The tick after this one, which was taken at `now`.
    pub(super) fn next_tick(self, now: Self, period: Duration) -> Self {
        match (self, now) {
            (Moment::Monotonic(tick), Moment::Monotonic(now)) => {
                Moment::Monotonic(MissedTick::Skip.next(tick, now, period))
            }
            _ => self.after(period),
        }
    }

    /// As an instant of the monotonic clock, as far as can be told now.
    pub(super) fn as_instant(self, paused: Option<&VirtualClock>) -> Instant {
        match self {
            Moment::Monotonic(instant) => instant,
            Moment::System(_) => {
                let now = paused.map_or_else(paused::now, VirtualClock::now);
                far::after(now, self.since(self.present(paused)))
            }
        }
    }
}
