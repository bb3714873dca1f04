//! The clocks: this file is the crate's own, [`far`] sums that cannot overflow, [`wall_clock`] where the time of day is read.
//!
//! The clock of the crate: the monotonic clock of [`Instant`], in nanoseconds from an origin that all
//! wheels share.
//!
//! A sleep keeps its deadline as an `Instant`, which becomes such a number when the timer is filed. The range
//! is a century back and more than four centuries ahead. An instant before that is the first of it; one
//! beyond is [`NEVER`].
//!
//! The kernel's clocks are read here and nowhere else in this crate: [`real_now`] and [`real_system_now`], for timers whose time is not
//! paused, and for a virtual clock that begins. What a user waits for goes by `timers::current::now`, which is the virtual clock's where
//! there is one; the crates above have that as `waterwheel_timer::now`, and real time from the reactor.

pub(crate) mod far;
mod wall_clock;

pub(crate) use self::wall_clock::Unwatched;
pub use self::wall_clock::{WallClock, WallReading};

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime},
};

/// The deadline that the clock does not reach. A timer filed under it pends for ever, and yet keeps its
/// waker, so that its owner can reset it to an earlier one.
pub(crate) const NEVER: u64 = u64::MAX;

/// Far enough back that a deadline in the past, such as the start of an interval, keeps its exact value.
const BACK: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

static ORIGIN: LazyLock<Instant> = LazyLock::new(|| {
    let now = real_now();
    now.checked_sub(BACK).unwrap_or(now)
});

/// The time by the kernel's monotonic clock, whether or not time is paused.
#[inline]
pub(crate) fn real_now() -> Instant {
    Instant::now()
}

/// The time by the kernel's wall clock, whether or not time is paused.
pub(crate) fn real_system_now() -> SystemTime {
    SystemTime::now()
}

/// [`real_now`], in nanoseconds.
#[inline]
pub(crate) fn now() -> u64 {
    from_instant(real_now())
}

#[inline]
pub(crate) fn from_instant(instant: Instant) -> u64 {
    saturating_nanos(instant.saturating_duration_since(*ORIGIN))
}

/// The instant; of [`NEVER`], one that is centuries away.
#[inline]
pub(crate) fn to_instant(nanos: u64) -> Instant {
    *ORIGIN + Duration::from_nanos(nanos)
}

#[inline]
fn saturating_nanos(duration: Duration) -> u64 {
    // Not by `as_nanos`, which multiplies in 128 bits.
    duration
        .as_secs()
        .checked_mul(1_000_000_000)
        .and_then(|nanos| nanos.checked_add(u64::from(duration.subsec_nanos())))
        .unwrap_or(NEVER)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_instant_of_this_century_comes_back_exactly() {
        let now = Instant::now();
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        for instant in [
            now,
            now - Duration::from_nanos(1),
            now - 99 * year,
            now + 400 * year,
        ] {
            assert_eq!(to_instant(from_instant(instant)), instant);
        }
    }

    #[test]
    fn what_is_out_of_range_is_the_beginning_or_never() {
        let now = Instant::now();
        assert_eq!(from_instant(now - 2 * BACK), 0);
        assert_eq!(from_instant(now + 6 * BACK), NEVER);
        assert!(to_instant(NEVER) > now + 4 * BACK);
    }

    #[test]
    fn it_runs() {
        let (before, reading, after) = (Instant::now(), now(), Instant::now());
        assert!((before..=after).contains(&to_instant(reading)));
    }
}
