//! `ClockSteps`: by how much the system clock has been set.
//!
//! A step is a change of the distance between the system clock and the time since boot. That distance stays while both are
//! disciplined alike, also through a suspension, in which both go on.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use futures_core::Stream;

use crate::{clock::SystemReading, system_time::SystemWait, timers::Caller, timers::Timers};

/// The steps of the system clock, from now on: each time it is set, by how much.
///
/// Called outside a runtime, it begins with its first poll. It never ends, and costs nothing while nobody sets the clock. A
/// change of less than the precision with which two clocks can be read, some microseconds, is no step. What happens between
/// two polls is one step, or none if it adds up to nothing.
///
/// # Panics
///
/// It panics when it is polled where no Waterwheel runtime runs.
///
/// # Cancel safety
///
/// A step is not lost if a poll is not followed by another: a later one tells of it.
///
/// ```
/// use std::time::Duration;
/// use futures_util::StreamExt;
/// use waterwheel::{Runtime, time::{self, ClockStep}};
///
/// # fn main() -> std::io::Result<()> {
/// // With paused time the system clock is the program's own to set.
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let mut steps = time::clock_steps();
///     time::set_system_time(time::system_now() - Duration::from_secs(60));
///     assert_eq!(steps.next().await, Some(ClockStep::Backward(Duration::from_secs(60))));
/// });
/// # Ok(())
/// # }
/// ```
pub fn clock_steps() -> ClockSteps {
    let reading = Timers::current().map(|timers| timers.system().read());
    ClockSteps {
        last: reading.map(Distance::of),
        wait: SystemWait::new(Caller::ClockSteps),
    }
}

/// By how much the system clock has been set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClockStep {
    /// It shows so much more than it would have.
    Forward(Duration),
    /// It shows so much less.
    Backward(Duration),
}

/// A stream of the system clock's steps; made by [`clock_steps`].
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct ClockSteps {
    last: Option<Distance>,
    wait: SystemWait,
}

/// What the system clock is ahead of the time since boot.
#[derive(Clone, Copy, Debug)]
struct Distance {
    /// When the time since boot was zero.
    booted: SystemTime,
    uncertainty: Duration,
}

/// What two exact readings may differ by, by their rounding.
const GRAIN: Duration = Duration::from_micros(1);

impl Distance {
    fn of(reading: SystemReading) -> Self {
        let booted = reading.system.checked_sub(reading.boottime);
        Distance {
            booted: booted.unwrap_or(SystemTime::UNIX_EPOCH),
            uncertainty: reading.uncertainty,
        }
    }

    /// What has happened since `last`.
    fn step_from(self, last: Distance) -> Option<ClockStep> {
        let (step, by) = match self.booted.duration_since(last.booted) {
            Ok(by) => (ClockStep::Forward(by), by),
            Err(error) => (ClockStep::Backward(error.duration()), error.duration()),
        };
        (by >= self.uncertainty + last.uncertainty + GRAIN).then_some(step)
    }
}

impl Stream for ClockSteps {
    type Item = ClockStep;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClockStep>> {
        let Some(reading) = self.wait.look(cx) else {
            return Poll::Pending;
        };
        let now = Distance::of(reading);
        match self.last.map(|last| now.step_from(last)) {
            // Kept as it was, so that what is too small to tell adds up until it is not.
            Some(None) => Poll::Pending,
            Some(Some(step)) => {
                // Polled again, it is found again.
                ready!(self.wait.poll_spend(cx));
                self.last = Some(now);
                Poll::Ready(Some(step))
            }
            None => {
                self.last = Some(now);
                Poll::Pending
            }
        }
    }
}
