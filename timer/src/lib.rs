//! The timing wheel and the timers of the Waterwheel async runtime.
//!
//! Time is [`std::time::Duration`] and [`std::time::Instant`]; deadlines are exact to the nanosecond. No
//! timer fires before its deadline, and those due together fire in the order of the deadlines that they are
//! filed under, ties in the order of their insertion. *Never* is a time like any other: [`Duration::MAX`], or any sum that overflows, pends
//! for ever and panics nowhere. So does an instant more than four centuries away.
//!
//! What a program awaits (in the facade, at the root):
//!
//! | call | gives | resolves |
//! |---|---|---|
//! | [`sleep()`], [`sleep_until`] | [`Sleep`] | once, at a deadline |
//! | [`interval()`], [`interval_at`] | [`Interval`], a stream | at every multiple of a period, see [`MissedTick`] |
//! | [`timeout()`], [`timeout_at`] | [`Timeout`] | with the inner future, or with [`Elapsed`] |
//!
//! What a runtime turns:
//!
//! - [`Wheel`] is the data structure: pure, without clock or I/O, every operation O(1);
//! - [`Timers`] is a wheel behind a mutex, with a clock and the earliest deadline at hand: one a worker.
//!
//! ```text
//! Sleep ──first pending poll──► Timers::current() ──lock──► Wheel::insert
//!   ▲                                │
//!   └──── waker ◄──── Timers::turn ◄─┘ the worker, at or after Timers::next_deadline
//!
//! Sleep ──dropped──► kept by its thread ──next Sleep of the task, due no earlier──► taken over
//!                        └──next turn or wait of the thread, at the latest──► Wheel::remove
//! ```
//!
//! The modules `sleep`, `interval` and `timeout` hold the futures, with `far`, `missed_tick`, `elapsed` and
//! `caller` to help them; `timers` what a worker turns, with `clock`; `current` what a thread knows of its
//! timers, and the entry it keeps from a dropped sleep for the next one; `wheel` the data structure.
//!
//! Lock order: the mutex of a [`Timers`] is the only lock here, no thread holds two of them, and no user
//! code runs under one: wakers are cloned before it is taken, and woken and dropped after it is released.
//!
//! [`Duration::MAX`]: std::time::Duration::MAX

#![forbid(unsafe_code)]

mod callback;
mod caller;
mod clock;
mod clock_steps;
mod current;
mod elapsed;
mod far;
mod idle_timeout;
mod interval;
mod missed_tick;
mod paused;
mod slack;
mod sleep;
mod system_sleep;
mod timeout;
mod timers;
mod virtual_clock;
mod wall;
mod wall_clock;
mod wheel;

pub use callback::{CallbackTimer, Schedule, TimerHandle};
pub use clock_steps::{ClockStep, ClockSteps, clock_steps};
pub use elapsed::Elapsed;
pub use idle_timeout::{IdleTimeout, Watch};
pub use interval::{Interval, Tick, interval, interval_at};
pub use missed_tick::MissedTick;
pub use paused::{now, set_system_time, suspend, system_now};
pub use sleep::{Sleep, sleep, sleep_until};
pub use system_sleep::{BoottimeSleep, SystemSleep, sleep_boottime, sleep_until_system};
pub use timeout::{Timeout, timeout, timeout_at};
pub use timers::{Enter, Timers};
pub use virtual_clock::VirtualClock;
pub use wall_clock::{WallClock, WallReading};
pub use wheel::{Key, Wheel};
