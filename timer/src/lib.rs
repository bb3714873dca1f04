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
//! | [`interval()`], [`interval_at`] | [`Interval`], a stream | at once, and after each period, see [`MissedTickBehavior`]; [`interval_at`]: from a start on |
//! | [`timeout()`], [`timeout_at`] | [`Timeout`] | with the inner future, or with [`Elapsed`] |
//!
//! and by the names of `waterwheel::time`:
//!
//! | call | gives | resolves |
//! |---|---|---|
//! | [`IdleTimeout::new`] | [`IdleTimeout`] | when nothing has touched it for so long |
//! | [`sleep_until_system`] | [`SystemSleep`] | when the system clock shows that time, however often it is set |
//! | [`sleep_boottime`] | [`BoottimeSleep`] | after a delay in which suspended time counts |
//! | [`clock_steps`] | [`ClockSteps`], a stream | each time the system clock is set |
//!
//! What a program has called back: [`CallbackTimer`], as a task, by the functions in the table below; a [`TimerHandle`] cancels,
//! refreshes and resets it.
//!
//! Time itself: [`now`], [`system_now`]. Both are the system's, or, in a runtime that is built with `paused_time`, those of
//! a [`VirtualClock`], so that a test of a year takes milliseconds; then [`set_system_time`] and [`suspend`] do to it what happens to
//! machines.
//!
//! With [`slack`](Sleep::with_slack), a timer may be late, to share a wake of the thread with others.
//!
//! # For who comes from an event loop
//!
//! Every timer operation of the two libraries that this one descends from, a network library after muduo and a coroutine scheduler
//! after sylar, by what it is here. `tests/timer_ancestry.rs` has a test of each.
//!
//! | there | here (in `waterwheel::time`) | what differs |
//! |---|---|---|
//! | `runAt(time, cb)` | `run_at(Instant, f)`; `Callback::at_system(SystemTime).run(f)` by the system clock | it was the system clock always, though slept for by a monotonic one |
//! | `runAfter(delay, cb)` | `run_after(Duration, f)` | nanoseconds; a delay that overflows is never |
//! | `runEvery(interval, cb)` | `run_every(Duration, f)`; or [`interval()`], which ticks at once, too | it keeps its phase; theirs drifted by its lateness |
//! | `cancelTimer(id)` | [`TimerHandle::cancel`] | tells whether it has prevented a run; from any thread, O(1) |
//! | `addTimer(ms, cb)` | `run_after(Duration, f)` | |
//! | `addTimer(ms, cb, recurring)` | `run_every(Duration, f)` | |
//! | `addConditionTimer(ms, cb, weak)` | `Callback::after(Duration).while_alive(&weak).run(f)`; also `every`, `at`, `at_system` | the function gets the target, and leaves the wheel with it |
//! | `Timer::cancel()` | [`TimerHandle::cancel`] | |
//! | `Timer::refresh()` | [`TimerHandle::refresh`] | a stored value; the wheel is not touched |
//! | `Timer::reset(ms, from_now)` | [`TimerHandle::reset`] | later: a stored value, too |
//! | `getNextTimer()` | [`Timers::next_deadline`] | an instant; `None` for none, and no sentinel |
//! | `hasTimer()` | [`Timers::has_pending`], [`Timers::len`] | |
//! | `listExpiredCb(cbs)` | [`Wheel::expire`] | in order of the deadlines |
//! | `onTimerInsertedAtFront()` | the waker given to [`Timers::new`] | only from other threads: on its own the owner is awake |
//! | `detectClockRollover()` | nothing: deadlines are monotonic | theirs fired everything when the clock was set back |
//! | a timer refreshed by each message | [`IdleTimeout`] | a stored value a message |
//!
//! A callback runs as a task, never nested in the driver's turn, where theirs ran; one that is slow delays no other timer on a
//! runtime of several workers, and one that panics ends itself alone.
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
//! Lock order: every lock here is a leaf, no thread holds two of them, and no user code runs under one: wakers are cloned before it is
//! taken, and woken and dropped after it is released.
//!
//! [`Duration::MAX`]: std::time::Duration::MAX

// The rooms, from top to bottom; each uses what stands below it.
//
// | room | what is there |
// |---|---|
// | `callback` | what calls back |
// | `idle_timeout`, `timeout`, `interval`, `system_time` | futures, and the streams, that are made of a sleep; those of `system_time` go by the system clock |
// | `sleep` | the one future that files timers |
// | `paused` | the time as tasks see it, and the hands on a clock that is paused |
// | `timers` | what a worker turns: the locked wheel, its earliest deadline, what a thread knows of it, who waits for the system clock |
// | `virtual_time` | a clock that moves only when it is told to |
// | `wheel` | pure data |
// | `clock`, `sync` | the clocks, as numbers; the primitives, which loom models replace |

#![forbid(unsafe_code)]

mod callback;
mod clock;
mod idle_timeout;
mod interval;
mod paused;
mod sleep;
mod sync;
mod system_time;
mod timeout;
mod timers;
mod virtual_time;
mod wheel;

/// The futures that methods of this crate's types return. A program awaits them, and seldom names them.
pub mod futures {
    pub use crate::idle_timeout::Watch;
    pub use crate::interval::Tick;
}

pub use callback::{CallbackTimer, Schedule, TimerHandle};
pub use clock::{SystemClock, SystemReading};
pub use idle_timeout::IdleTimeout;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use paused::{now, set_system_time, suspend, system_now};
pub use sleep::{Sleep, sleep, sleep_until};
pub use system_time::{
    BoottimeSleep, ClockStep, ClockSteps, SystemSleep, clock_steps, sleep_boottime,
    sleep_until_system,
};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
pub use timers::{Enter, Timers};
pub use virtual_time::VirtualClock;
pub use wheel::{Key, Wheel};
