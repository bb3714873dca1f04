//! When an interval ticks next: a pure function of the last tick, the time, and the period.

use std::time::{Duration, Instant};

use crate::clock::far::after;

/// What an [`Interval`](crate::Interval) does when its ticks were not taken in time, because the task was
/// busy or did not ask for them.
///
/// With a period of 10 ms, and the tick due at 10 ms taken only at 34 ms:
///
/// | policy | instants of the following ticks |
/// |---|---|
/// | [`Skip`](MissedTickBehavior::Skip) | 40, 50, 60 … |
/// | [`Burst`](MissedTickBehavior::Burst) | 20 and 30 at once, then 40, 50, 60 … |
/// | [`Delay`](MissedTickBehavior::Delay) | 44, 54, 64 … |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MissedTickBehavior {
    /// The missed ticks are left out, and the phase is kept: the next tick is the first multiple of the
    /// period that lies in the future.
    #[default]
    Skip,
    /// The missed ticks follow at once, one after the other, until the interval has caught up: as many
    /// ticks as there were periods.
    Burst,
    /// The interval starts anew: the next tick is one period from now. A tick that is merely late, by less than a period, has
    /// missed none, and the phase is kept.
    Delay,
}

impl MissedTickBehavior {
    /// The instant of the tick after the one due at `previous`, which was taken at `now`.
    ///
    /// - `Skip`: the first `previous + n * period` that is later than `now`, with `n >= 1`;
    /// - `Burst`: `previous + period`;
    /// - `Delay`: `previous + period` if that is later than `now`; else `now + period`.
    ///
    /// A sum that overflows is the far future: the interval ticks no more. A `period` of zero has no
    /// multiples, and gives `previous` for `Skip`; an `Interval` never has one.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::time::MissedTickBehavior;
    ///
    /// let ms = Duration::from_millis;
    /// let start = Instant::now();
    /// let (previous, now) = (start + ms(10), start + ms(34));
    ///
    /// assert_eq!(MissedTickBehavior::Skip.next(previous, now, ms(10)), start + ms(40));
    /// assert_eq!(MissedTickBehavior::Burst.next(previous, now, ms(10)), start + ms(20));
    /// assert_eq!(MissedTickBehavior::Delay.next(previous, now, ms(10)), start + ms(44));
    /// ```
    #[inline]
    #[must_use]
    pub fn next(self, previous: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            MissedTickBehavior::Skip => {
                let next = after(previous, period);
                if next > now {
                    next
                } else {
                    skip(previous, now, period)
                }
            }
            MissedTickBehavior::Burst => after(previous, period),
            MissedTickBehavior::Delay => {
                let next = after(previous, period);
                if next > now { next } else { after(now, period) }
            }
        }
    }
}

/// The first `previous + n * period` after `now`, for `previous <= now`.
#[cold]
fn skip(previous: Instant, now: Instant, period: Duration) -> Instant {
    let late = now.duration_since(previous);
    let Some(into_period) = late.as_nanos().checked_rem(period.as_nanos()) else {
        return previous;
    };
    after(now, period - Duration::from_nanos_u128(into_period))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const NS: fn(u64) -> Duration = Duration::from_nanos;

    #[test]
    fn a_tick_taken_in_time_is_followed_one_period_later() {
        let start = Instant::now();
        for now in [start, start + NS(1), start + MS(10) - NS(1)] {
            assert_eq!(
                MissedTickBehavior::Skip.next(start, now, MS(10)),
                start + MS(10)
            );
            assert_eq!(
                MissedTickBehavior::Burst.next(start, now, MS(10)),
                start + MS(10)
            );
            assert_eq!(
                MissedTickBehavior::Delay.next(start, now, MS(10)),
                start + MS(10)
            );
        }
    }

    #[test]
    fn skip_is_strictly_after_now() {
        let start = Instant::now();
        let next = |late| MissedTickBehavior::Skip.next(start, start + late, MS(10));
        assert_eq!(
            next(MS(10)),
            start + MS(20),
            "a multiple that is now is missed"
        );
        assert_eq!(next(MS(10) + NS(1)), start + MS(20));
        assert_eq!(next(MS(20) - NS(1)), start + MS(20));
        assert_eq!(next(MS(20)), start + MS(30));
        assert_eq!(next(MS(1_000_004)), start + MS(1_000_010));
    }

    #[test]
    fn skip_keeps_the_phase_over_centuries_of_nanoseconds() {
        let start = Instant::now();
        let late = Duration::from_secs(900 * 365 * 24 * 60 * 60);
        let next = MissedTickBehavior::Skip.next(start, start + late, NS(7));
        assert!(next > start + late && next <= start + late + NS(7));
        assert_eq!((next - start).as_nanos() % 7, 0);
    }

    #[test]
    fn burst_and_delay_ignore_how_many_were_missed() {
        let start = Instant::now();
        let now = start + MS(35);
        assert_eq!(
            MissedTickBehavior::Burst.next(start, now, MS(10)),
            start + MS(10)
        );
        assert_eq!(
            MissedTickBehavior::Delay.next(start, now, MS(10)),
            start + MS(45)
        );
    }

    /// Recurring timers re-armed at `now + period` drift (Cppnp, sylar).
    #[test]
    fn lateness_does_not_accumulate() {
        for policy in [
            MissedTickBehavior::Skip,
            MissedTickBehavior::Burst,
            MissedTickBehavior::Delay,
        ] {
            let start = Instant::now();
            let mut tick = start;
            for n in 1..=10_000 {
                tick = policy.next(tick, tick + NS(300 * n % 9_000), NS(10_000));
                assert_eq!(tick, start + NS(10_000 * n), "{policy:?}");
            }
        }
    }

    #[test]
    fn delay_moves_the_phase_only_when_a_tick_was_missed() {
        let start = Instant::now();
        let next = |late| MissedTickBehavior::Delay.next(start, start + late, MS(10));
        assert_eq!(next(MS(10) - NS(1)), start + MS(10));
        assert_eq!(
            next(MS(10)),
            start + MS(20),
            "a multiple that is now is missed"
        );
        assert_eq!(next(MS(13)), start + MS(23));
    }

    /// An interval of `Duration::MAX` overflows (tokio#6634).
    #[test]
    fn overflow_is_never() {
        let start = Instant::now();
        for policy in [
            MissedTickBehavior::Skip,
            MissedTickBehavior::Burst,
            MissedTickBehavior::Delay,
        ] {
            let next = policy.next(start, start + MS(1), Duration::MAX);
            assert!(next > start + Duration::from_nanos(u64::MAX), "{policy:?}");
        }
    }

    #[test]
    fn a_period_of_zero_terminates() {
        let start = Instant::now();
        assert_eq!(
            MissedTickBehavior::Skip.next(start, start + MS(1), Duration::ZERO),
            start
        );
        assert_eq!(
            MissedTickBehavior::Burst.next(start, start + MS(1), Duration::ZERO),
            start
        );
    }
}
