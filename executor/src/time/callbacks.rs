//! Callback timers: functions that run when their time comes, each as a task.
//!
//! Here are the short forms; `callback` has the builder, [`Callback`], that they are short for.

pub use super::callback::{Callback, Once, Repeating};

use std::time::{Duration, Instant};
use waterwheel_timer::TimerHandle;

/// Runs a function once, at an instant; at once if that has passed. Short for [`Callback::at`]`(deadline).`[`run`](Callback::run)`(f)`.
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use waterwheel::{block_on, sleep, time::run_at};
///
/// block_on(async {
///     let noon = Instant::now() + Duration::from_millis(2);
///     let handle = run_at(noon, move || assert!(Instant::now() >= noon));
///     while handle.is_pending() {
///         sleep(Duration::from_millis(1)).await;
///     }
/// });
/// ```
#[track_caller]
pub fn run_at<F>(deadline: Instant, f: F) -> TimerHandle
where
    F: FnOnce() + Send + 'static,
{
    Callback::at(deadline).run(f)
}

/// Runs a function once, `delay` from now; [`Duration::MAX`] is never. Short for
/// [`Callback::after`]`(delay).`[`run`](Callback::run)`(f)`.
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use waterwheel::{Runtime, time::run_after};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::new()?;
/// let _entered = runtime.enter();
/// let (sender, receiver) = mpsc::channel();
/// run_after(Duration::from_millis(2), move || sender.send("now").unwrap());
/// assert_eq!(receiver.recv().unwrap(), "now");
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn run_after<F>(delay: Duration, f: F) -> TimerHandle
where
    F: FnOnce() + Send + 'static,
{
    Callback::after(delay).run(f)
}

/// Runs a function each time a period ends, for the first time one period from now, until it is cancelled. Short for
/// [`Callback::every`]`(period).`[`run`](Callback::run)`(f)`.
///
/// # Panics
///
/// When called outside a runtime, and if `period` is zero.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::sync::Arc;
/// use std::time::Duration;
/// use waterwheel::{Runtime, time};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let beats = Arc::new(AtomicU32::new(0));
///     let counter = Arc::clone(&beats);
///     let heart = time::run_every(Duration::from_secs(1), move || {
///         counter.fetch_add(1, Ordering::Relaxed);
///     });
///     time::advance(Duration::from_secs(60)).await;
///     assert_eq!(beats.load(Ordering::Relaxed), 60);
///     assert!(heart.cancel());
/// });
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn run_every<F>(period: Duration, f: F) -> TimerHandle
where
    F: FnMut() + Send + 'static,
{
    Callback::every(period).run(f)
}
