//! The time as tasks see it, and the hands on a clock that is paused.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    clock::real_system_now,
    timers::{Timers, current},
    virtual_time::VirtualClock,
};

/// The time by the clock of this thread's runtime: virtual if that is paused, or else `Instant::now()`.
///
/// Deadlines are instants of this clock. What a program measures by it can be tested with paused time.
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{Runtime, sleep, time};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let start = time::now();
///     sleep(Duration::from_secs(3600)).await;
///     assert_eq!(time::now(), start + Duration::from_secs(3600));
/// });
/// # Ok(())
/// # }
/// ```
#[must_use]
#[inline]
pub fn now() -> Instant {
    current::now()
}

/// What the system clock of this thread's runtime shows: its own if time is paused, or else `SystemTime::now()`.
#[must_use]
pub fn system_now() -> SystemTime {
    Timers::current().map_or_else(real_system_now, |timers| timers.system().read().system)
}

/// Sets the system clock of a paused runtime, forwards or backwards, as somebody might set the machine's.
///
/// Monotonic time does not move. Who waits for the system clock is woken and looks again.
///
/// # Panics
///
/// When called where time is not paused.
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{Runtime, time};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let start = time::now();
///     let tomorrow = time::system_now() + Duration::from_secs(24 * 60 * 60);
///     time::set_system_time(tomorrow);
///     time::sleep_until_system(tomorrow).await;
///     assert_eq!(time::now(), start, "it was there already");
/// });
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn set_system_time(time: SystemTime) {
    paused("set_system_time").set_system_time(time);
}

/// Does to the clocks of a paused runtime what a suspension of the machine for so long does: the system clock and the time since boot
/// go on, and monotonic time stands still.
///
/// # Panics
///
/// When called where time is not paused.
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{Runtime, time};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let (start, hour) = (time::now(), Duration::from_secs(3600));
///     let sleep = time::sleep_boottime(hour);
///     let mut sleep = std::pin::pin!(sleep);
///     assert!(waterwheel::timeout(hour / 4, &mut sleep).await.is_err());
///     time::suspend(hour / 2);
///     sleep.await;
///     assert_eq!(time::now(), start + hour / 2);
/// });
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn suspend(time: Duration) {
    paused("suspend").suspend(time);
}

#[track_caller]
fn paused(call: &str) -> Arc<VirtualClock> {
    current::virtual_clock().unwrap_or_else(|| {
        panic!(
            "`time::{call}` was called where time is not paused; \
             call it in a runtime that was built with `Runtime::builder().paused_time()`"
        )
    })
}
