//! `SystemSleep` and `BoottimeSleep`: sleeps by clocks that jump.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    system_time::{SystemWait, Target},
    timers::Caller,
    timers::current,
};

/// Waits until the system clock shows `time` or later.
///
/// It goes by what the clock shows, whatever happens to that meanwhile: set forwards past `time`, the sleep resolves then; set
/// backwards, it waits longer. It never resolves while the clock shows less. A time that no clock will show is never.
///
/// The kernel tells when its clock is set (`timerfd_create(2)`, `CLOCK_REALTIME` with `TFD_TIMER_CANCEL_ON_SET`), for which the
/// runtime has one descriptor a worker from the first such wait on. If there is none to be had, the clock is looked at once a
/// second.
///
/// # Panics
///
/// The future panics when it is polled where no Waterwheel runtime runs.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use waterwheel::{block_on, time::sleep_until_system};
///
/// block_on(async {
///     let soon = SystemTime::now() + Duration::from_millis(5);
///     sleep_until_system(soon).await;
///     assert!(SystemTime::now() >= soon);
/// });
/// ```
#[inline]
pub fn sleep_until_system(time: SystemTime) -> SystemSleep {
    SystemSleep {
        time,
        wait: SystemWait::new(Caller::SleepUntilSystem),
    }
}

/// The future of [`sleep_until_system`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited or polled"]
pub struct SystemSleep {
    time: SystemTime,
    wait: SystemWait,
}

impl SystemSleep {
    /// What the system clock will show when the sleep resolves, or more.
    #[must_use]
    pub fn deadline(&self) -> SystemTime {
        self.time
    }

    /// Moves the deadline; the sleep, resolved or not, then waits for the new one. It has to be polled for that.
    pub fn reset(&mut self, time: SystemTime) {
        self.time = time;
    }
}

impl Future for SystemSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let target = Target::System(self.time);
        self.wait.poll(target, cx)
    }
}

/// Waits for a length of time in which the time counts that the machine is suspended.
///
/// Monotonic time, which [`sleep`](crate::sleep()) goes by, stands still while the machine is suspended; this goes by
/// `CLOCK_BOOTTIME`. The time counts from this call; a suspension before the first poll does not. After a suspension it
/// resolves as soon as the machine is awake, if its time has come.
///
/// # Panics
///
/// The future panics when it is polled where no Waterwheel runtime runs.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer.
///
/// ```
/// use std::time::{Duration, Instant};
/// use waterwheel::{block_on, time::sleep_boottime};
///
/// block_on(async {
///     let start = Instant::now();
///     sleep_boottime(Duration::from_millis(5)).await;
///     assert!(start.elapsed() >= Duration::from_millis(5));
/// });
/// ```
#[inline]
pub fn sleep_boottime(delay: Duration) -> BoottimeSleep {
    BoottimeSleep {
        until: Until::After(current::now(), delay),
        wait: SystemWait::new(Caller::SleepBoottime),
    }
}

/// The future of [`sleep_boottime`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited or polled"]
pub struct BoottimeSleep {
    until: Until,
    wait: SystemWait,
}

/// When a sleep by the time since boot ends.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// So long after that instant, as long as nobody has asked for the time since boot.
    After(Instant, Duration),
    At(Duration),
}

impl Future for BoottimeSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = match self.until {
            Until::At(at) => at,
            Until::After(start, delay) => {
                // Read first: what time passes between the two readings makes it late, not early.
                let slept = current::now().saturating_duration_since(start);
                let Some(reading) = self.wait.look(cx) else {
                    return Poll::Pending;
                };
                let at = reading.boottime.saturating_add(delay.saturating_sub(slept));
                self.until = Until::At(at);
                at
            }
        };
        self.wait.poll(Target::Boottime(at), cx)
    }
}
