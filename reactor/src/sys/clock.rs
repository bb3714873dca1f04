//! `clock_gettime(2)`: what the kernel's clocks show.
//!
//! # Two clocks
//!
//! Every reading of a clock in the project is one of two, and `.ci/clock` sees to it:
//!
//! - **Real time**, [`real_now`], is for what serves the machine: drivers, the scheduler, the watch over stuck workers, threads that
//!   wait for other threads. It goes on while a runtime's time is paused.
//! - **The runtime's time**, `waterwheel_timer::now`, is for what limits or times an operation of a user: timeouts, graces, periods,
//!   pauses before another try. It is the virtual clock's in a paused runtime, and the same as real time in any other.
//!
//! Real time is read here because the kernel is asked in this module and nowhere else, and because the reactor needs it, which does
//! not know the timers. The timers do not know the reactor either: `timer/src/clock/mod.rs` reads the kernel's clock for them. Neither
//! function is in what the facade gives to users as `timer`, where `real_now` beside `now` would be a trap.

use super::check;
use std::io;
use std::time::{Duration, Instant, SystemTime};

/// The wall clock and the time since boot, read together.
#[derive(Clone, Copy, Debug)]
pub struct WallTime {
    /// `CLOCK_REALTIME`.
    pub system: SystemTime,
    /// `CLOCK_BOOTTIME`: that in which the machine was suspended counts.
    pub boottime: Duration,
    /// The two were read no further apart than this.
    pub uncertainty: Duration,
}

/// The time by the kernel's monotonic clock, whether or not the time of a runtime is paused.
///
/// What limits or times an operation of a user reads `waterwheel_timer::now` instead.
#[inline]
#[must_use]
pub fn real_now() -> Instant {
    Instant::now()
}

/// Nearer together than this is near enough.
const TOGETHER: Duration = Duration::from_micros(1);

/// Reads the wall clock and the time since boot, as nearly together as a few attempts allow.
///
/// # Errors
///
/// The kernel's, from `clock_gettime(2)`. None is known.
pub fn wall_time() -> io::Result<WallTime> {
    let mut best: Option<WallTime> = None;
    for _ in 0..8 {
        let before = read(libc::CLOCK_BOOTTIME)?;
        let system = SystemTime::now();
        let between = read(libc::CLOCK_BOOTTIME)?.saturating_sub(before);
        if best.is_none_or(|best| between < best.uncertainty) {
            best = Some(WallTime {
                system,
                boottime: before + between / 2,
                uncertainty: between,
            });
        }
        if between < TOGETHER {
            break;
        }
    }
    Ok(best.expect("the loop above runs at least once"))
}

/// The monotonic clock.
pub(crate) fn monotonic() -> io::Result<Duration> {
    read(libc::CLOCK_MONOTONIC)
}

fn read(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a timespec that the call may write to.
    check(unsafe { libc::clock_gettime(clock, &raw mut now) })?;
    Ok(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_are_read_between_two_others() {
        let (system, boottime) = (SystemTime::now(), read(libc::CLOCK_BOOTTIME).unwrap());
        let read_together = wall_time().unwrap();
        assert!(system <= read_together.system && read_together.system <= SystemTime::now());
        let after = read(libc::CLOCK_BOOTTIME).unwrap();
        assert!((boottime..=after).contains(&read_together.boottime));
        assert!(read_together.uncertainty <= after - boottime);
    }
}
