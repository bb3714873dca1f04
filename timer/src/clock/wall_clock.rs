//! [`WallClock`]: where timers read the time of day and the time since boot, and who tells when these have jumped.

use std::{
    task::Waker,
    time::{Duration, Instant, SystemTime},
};

use crate::clock::{real_now, real_system_now};

/// A source of the time of day, and of the time since boot, for [`Timers`](crate::Timers).
///
/// A runtime gives its timers one that reads the kernel's clocks and hears when they are set. One's own can stand in
/// their place: that of a machine under test, say.
pub trait WallClock: Send + Sync + 'static {
    /// Reads the clocks.
    fn read(&self) -> WallReading;

    /// Has `changed` woken from now on each time the wall clock is set, or goes on after a suspension. It may be woken
    /// for nothing.
    ///
    /// False: that cannot be done, now at least. Whoever waits then looks at the clock once a second, and asks again.
    /// Once it has returned true it may be called again, and needs to do no more.
    fn watch(&self, changed: Waker) -> bool;
}

/// What the clocks showed at one moment.
#[derive(Clone, Copy, Debug)]
pub struct WallReading {
    /// The time of day (`CLOCK_REALTIME`).
    pub system: SystemTime,
    /// The time since some fixed moment, that in which the machine was suspended included (`CLOCK_BOOTTIME`).
    pub boottime: Duration,
    /// The two were read no further apart than this.
    pub uncertainty: Duration,
}

/// The clocks that the standard library has: nobody tells when they jump, and the time since boot misses suspensions.
#[derive(Debug)]
pub(crate) struct Unwatched {
    start: Instant,
}

impl Unwatched {
    pub(crate) fn new() -> Self {
        Unwatched { start: real_now() }
    }
}

impl WallClock for Unwatched {
    fn read(&self) -> WallReading {
        let before = real_now();
        let system = real_system_now();
        WallReading {
            system,
            boottime: before.duration_since(self.start),
            uncertainty: real_now().duration_since(before),
        }
    }

    fn watch(&self, _changed: Waker) -> bool {
        false
    }
}
