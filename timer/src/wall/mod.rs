//! What goes by the wall clock, or by the time since boot.
//!
//! - [`wait`]: the wait that all of them are made of. The list of those that wait is with the timers.
//! - [`system_sleep`]: a sleep until a time of day, or for a time in which suspensions count.
//! - [`clock_steps`]: a stream of the times at which the clock is set.

mod clock_steps;
mod system_sleep;
mod wait;

pub use self::clock_steps::{ClockStep, ClockSteps, clock_steps};
pub use self::system_sleep::{BoottimeSleep, SystemSleep, sleep_boottime, sleep_until_system};
pub(crate) use self::wait::{Target, WallWait};
