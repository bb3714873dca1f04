//! Callback timers: functions that run when their time comes, each as a task.
//!
//! The timer itself, its schedule and its handle are [`CallbackTimer`] and [`TimerHandle`] of the timer crate; here it is spawned.

use crate::runtime::spawn::spawn_from;
use crate::scheduler::origin::Origin;
use std::future::{Future, Ready, ready};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};
use waterwheel_timer::{CallbackTimer, Schedule, TimerHandle};

/// Runs a function once, at an instant; at once if that has passed.
///
/// It runs as a task of the runtime, on any of its workers, and so never inside the call, nor nested in the turn of a driver. A
/// panic of it ends the timer and is told of as that of any task. What is pending when the runtime ends is dropped.
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use waterwheel::{block_on, sleep, timer::run_at};
///
/// block_on(async {
///     let noon = Instant::now() + Duration::from_millis(2);
///     let handle = run_at(noon, move || assert!(Instant::now() >= noon));
///     assert_eq!(handle.next_deadline(), Some(noon));
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
    start(Schedule::At(deadline), once(f))
}

/// Runs a function once, `delay` from now. As [`run_at`] in all else; [`Duration::MAX`] is never.
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
/// use waterwheel::{Runtime, timer::run_after};
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
    start(Schedule::After(delay), once(f))
}

/// Runs a function each time a period ends, for the first time one period from now, until it is cancelled.
///
/// It keeps its phase: lateness does not add up. Runs do not overlap; what is missed because one takes long is left out, as by
/// [`MissedTick::Skip`](waterwheel_timer::MissedTick::Skip). As [`run_at`] in all else.
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
/// use waterwheel::{Runtime, timer};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let beats = Arc::new(AtomicU32::new(0));
///     let counter = Arc::clone(&beats);
///     let heart = timer::run_every(Duration::from_secs(1), move || {
///         counter.fetch_add(1, Ordering::Relaxed);
///     });
///     timer::advance(Duration::from_secs(60)).await;
///     assert_eq!(beats.load(Ordering::Relaxed), 60);
///     assert!(heart.cancel());
/// });
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn run_every<F>(period: Duration, mut f: F) -> TimerHandle
where
    F: FnMut() + Send + 'static,
{
    start(Schedule::Every(period), move || {
        f();
        Some(ready(()))
    })
}

/// Runs a function once, when the wall clock shows `time` or more, however often that is set meanwhile; see
/// [`sleep_until_system`](waterwheel_timer::sleep_until_system). As [`run_at`] in all else.
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{Runtime, timer};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let (start, hour) = (timer::now(), Duration::from_secs(3600));
///     let handle = timer::run_at_system(timer::system_now() + 2 * hour, || ());
///     timer::set_system_time(timer::system_now() + hour);
///     assert_eq!(handle.next_deadline(), Some(start + hour));
/// });
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn run_at_system<F>(time: SystemTime, f: F) -> TimerHandle
where
    F: FnOnce() + Send + 'static,
{
    start(Schedule::AtSystem(time), once(f))
}

/// Runs an async function once, at an instant. As [`run_at`] in all else; what it returns runs in the same task. A handle does
/// not cancel a run that is under way.
///
/// # Panics
///
/// When called outside a runtime.
#[track_caller]
pub fn run_at_async<F, R>(deadline: Instant, f: F) -> TimerHandle
where
    F: FnOnce() -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    start(Schedule::At(deadline), once_async(f))
}

/// Runs an async function once, `delay` from now. As [`run_at_async`] in all else.
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{block_on, sleep, timer::run_after_async};
///
/// block_on(async {
///     let (sender, receiver) = std::sync::mpsc::channel();
///     run_after_async(Duration::from_millis(1), async move || {
///         sleep(Duration::from_millis(1)).await;
///         sender.send(7).unwrap();
///     });
///     let received = waterwheel::spawn_blocking(move || receiver.recv());
///     assert_eq!(received.await.unwrap(), Ok(7));
/// });
/// ```
#[track_caller]
pub fn run_after_async<F, R>(delay: Duration, f: F) -> TimerHandle
where
    F: FnOnce() -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    start(Schedule::After(delay), once_async(f))
}

/// Runs an async function each time a period ends. As [`run_every`] in all else: a run that takes longer than a period is followed by the
/// next at the first multiple of the period after it.
///
/// # Panics
///
/// When called outside a runtime, and if `period` is zero.
#[track_caller]
pub fn run_every_async<F, R>(period: Duration, mut f: F) -> TimerHandle
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    start(Schedule::Every(period), move || Some(f()))
}

/// As [`run_at`], for as long as `target` lives: a *condition timer*. The function is given the target. If that is gone when the time comes,
/// the timer ends and nothing runs.
///
/// # Panics
///
/// When called outside a runtime.
#[track_caller]
pub fn run_at_while<T, F>(target: Weak<T>, deadline: Instant, f: F) -> TimerHandle
where
    T: Send + Sync + ?Sized + 'static,
    F: FnOnce(Arc<T>) + Send + 'static,
{
    start(Schedule::At(deadline), once_while(target, at_once(f)))
}

/// As [`run_after`], for as long as `target` lives; see [`run_at_while`].
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// A session that is gone needs no reminder, and the timer does not keep it:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use waterwheel::{Runtime, timer};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let session = Arc::new("session");
///     let handle = timer::run_after_while(Arc::downgrade(&session), Duration::from_secs(5), |_session| {
///         unreachable!("it is gone");
///     });
///     drop(session);
///     timer::advance(Duration::from_secs(5)).await;
///     assert!(!handle.is_pending());
/// });
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn run_after_while<T, F>(target: Weak<T>, delay: Duration, f: F) -> TimerHandle
where
    T: Send + Sync + ?Sized + 'static,
    F: FnOnce(Arc<T>) + Send + 'static,
{
    start(Schedule::After(delay), once_while(target, at_once(f)))
}

/// As [`run_every`], for as long as `target` lives; see [`run_at_while`]. The timer ends at the first period that finds it gone.
///
/// # Panics
///
/// When called outside a runtime, and if `period` is zero.
#[track_caller]
pub fn run_every_while<T, F>(target: Weak<T>, period: Duration, mut f: F) -> TimerHandle
where
    T: Send + Sync + ?Sized + 'static,
    F: FnMut(Arc<T>) + Send + 'static,
{
    start(Schedule::Every(period), move || {
        let target = target.upgrade()?;
        f(target);
        Some(ready(()))
    })
}

/// As [`run_at_async`], for as long as `target` lives; see [`run_after_while_async`].
///
/// # Panics
///
/// When called outside a runtime.
#[track_caller]
pub fn run_at_while_async<T, F, R>(target: Weak<T>, deadline: Instant, f: F) -> TimerHandle
where
    T: Send + Sync + ?Sized + 'static,
    F: FnOnce(Arc<T>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    start(Schedule::At(deadline), once_while(target, f))
}

/// As [`run_after_async`], for as long as `target` lives; see [`run_at_while`]. A run that is under way has the target, and
/// keeps it for as long as it likes.
///
/// # Panics
///
/// When called outside a runtime.
#[track_caller]
pub fn run_after_while_async<T, F, R>(target: Weak<T>, delay: Duration, f: F) -> TimerHandle
where
    T: Send + Sync + ?Sized + 'static,
    F: FnOnce(Arc<T>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    start(Schedule::After(delay), once_while(target, f))
}

/// As [`run_every_async`], for as long as `target` lives; see [`run_after_while_async`].
///
/// # Panics
///
/// When called outside a runtime, and if `period` is zero.
#[track_caller]
pub fn run_every_while_async<T, F, R>(target: Weak<T>, period: Duration, mut f: F) -> TimerHandle
where
    T: Send + Sync + ?Sized + 'static,
    F: FnMut(Arc<T>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    start(Schedule::Every(period), move || {
        target.upgrade().map(&mut f)
    })
}

fn once(f: impl FnOnce()) -> impl FnMut() -> Option<Ready<()>> {
    once_async(move || {
        f();
        ready(())
    })
}

/// A timer that runs once calls this once; the second call would find nothing, and end it.
fn once_async<R>(f: impl FnOnce() -> R) -> impl FnMut() -> Option<R> {
    let mut f = Some(f);
    move || f.take().map(|f| f())
}

fn once_while<T: ?Sized, R>(
    target: Weak<T>,
    f: impl FnOnce(Arc<T>) -> R,
) -> impl FnMut() -> Option<R> {
    let mut f = Some(f);
    move || {
        let target = target.upgrade()?;
        f.take().map(|f| f(target))
    }
}

/// A function that returns nothing, as one whose future is ready.
fn at_once<T>(f: impl FnOnce(T)) -> impl FnOnce(T) -> Ready<()> {
    move |argument| {
        f(argument);
        ready(())
    }
}

/// Spawns the timer.
#[track_caller]
fn start<C, R>(schedule: Schedule, callback: C) -> TimerHandle
where
    C: FnMut() -> Option<R> + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let (timer, handle) = CallbackTimer::new(schedule, callback);
    spawn_from(timer, Origin::here());
    handle
}
