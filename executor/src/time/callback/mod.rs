//! [`Callback`]: says when a function runs, and is given the function at last.
//!
//! - here: when it runs, and for as long as what is alive;
//! - `run`: takes the function, and spawns the timer.

mod run;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Weak;
use std::time::{Duration, Instant, SystemTime};
use waterwheel_timer::Schedule;

/// Runs a function when its time comes: once, or again and again.
///
/// | say when | then, if you like | and give it the function |
/// |---|---|---|
/// | [`Callback::after`]`(delay)`, [`Callback::at`]`(instant)`, [`Callback::at_system`]`(time)`: once | [`while_alive`](Callback::while_alive)`(&weak)` | [`run`](Callback::run)`(f)` |
/// | [`Callback::every`]`(period)`, [`Callback::every_from`]`(first, period)`: again and again | | [`run_async`](Callback::run_async)`(f)` |
///
/// For the three that are used most there is a short form: [`run_after`](super::callbacks::run_after), [`run_at`](super::callbacks::run_at) and
/// [`run_every`](super::callbacks::run_every).
///
/// The function runs as a task of the runtime, on any of its workers: never inside the call that starts the timer, and never nested in the
/// turn of a driver. A panic of it ends the timer, and the runtime tells of it as of that of any task. Timers that are pending when the
/// runtime ends are dropped.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::sync::Arc;
/// use std::time::Duration;
/// use waterwheel::{Runtime, time::{self, Callback}};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let session = Arc::new(AtomicU32::new(0));
///     let weak = Arc::downgrade(&session);
///     let heart = Callback::every(Duration::from_secs(1)).while_alive(&weak).run(|session| {
///         session.fetch_add(1, Ordering::Relaxed);
///     });
///     time::advance(Duration::from_secs(60)).await;
///     assert_eq!(session.load(Ordering::Relaxed), 60);
///
///     drop(session);
///     time::advance(Duration::from_secs(1)).await;
///     assert!(!heart.is_pending(), "the session is gone, and its timer with it");
/// });
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is called back before `run` or `run_async` is given a function"]
pub struct Callback<Kind = Once, Target = ()> {
    schedule: Schedule,
    target: Target,
    kind: PhantomData<fn() -> Kind>,
}

/// A [`Callback`] that runs once: its function is an `FnOnce`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Once;

/// A [`Callback`] that runs again and again: its function is an `FnMut`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Repeating;

impl Callback<Once> {
    /// Once, at an instant; at once if that has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::{block_on, sleep, time::Callback};
    ///
    /// block_on(async {
    ///     let noon = Instant::now() + Duration::from_millis(2);
    ///     let handle = Callback::at(noon).run(move || assert!(Instant::now() >= noon));
    ///     assert_eq!(handle.next_deadline(), Some(noon));
    ///     while handle.is_pending() {
    ///         sleep(Duration::from_millis(1)).await;
    ///     }
    /// });
    /// ```
    pub fn at(deadline: Instant) -> Self {
        Self::new(Schedule::At(deadline))
    }

    /// Once, `delay` after the call that gives it the function; [`Duration::MAX`] is never.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, time::Callback};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let _entered = runtime.enter();
    /// let (sender, receiver) = mpsc::channel();
    /// Callback::after(Duration::from_millis(2)).run(move || sender.send("now").unwrap());
    /// assert_eq!(receiver.recv().unwrap(), "now");
    /// # Ok(())
    /// # }
    /// ```
    pub fn after(delay: Duration) -> Self {
        Self::new(Schedule::After(delay))
    }

    /// Once, when the system's clock shows `time` or more, however often that is set meanwhile; see
    /// [`sleep_until_system`](waterwheel_timer::sleep_until_system).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, time::{self, Callback}};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().paused_time().build()?;
    /// runtime.block_on(async {
    ///     let (start, hour) = (time::now(), Duration::from_secs(3600));
    ///     let handle = Callback::at_system(time::system_now() + 2 * hour).run(|| ());
    ///     time::set_system_time(time::system_now() + hour);
    ///     assert_eq!(handle.next_deadline(), Some(start + hour));
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn at_system(time: SystemTime) -> Self {
        Self::new(Schedule::AtSystem(time))
    }
}

impl Callback<Repeating> {
    /// Each time a period ends, for the first time one period after the call that gives it the function, until it is cancelled.
    ///
    /// It keeps its phase: lateness does not add up. Runs do not overlap. When a run takes longer than a period, the next one
    /// follows at once for the tick that came first, and other periods that ended meanwhile are left out, as by
    /// [`MissedTickBehavior::Skip`](waterwheel_timer::MissedTickBehavior::Skip). [`interval`](waterwheel_timer::interval()), in contrast, ticks at once.
    ///
    /// `run` and `run_async` panic if `period` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, sleep, time::{self, Callback}};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().paused_time().build()?;
    /// runtime.block_on(async {
    ///     let beats = Arc::new(AtomicU32::new(0));
    ///     let counter = Arc::clone(&beats);
    ///     let heart = Callback::every(Duration::from_secs(2)).run_async(move || {
    ///         let counter = Arc::clone(&counter);
    ///         async move {
    ///             sleep(Duration::from_secs(1)).await;
    ///             counter.fetch_add(1, Ordering::Relaxed);
    ///         }
    ///     });
    ///     time::advance(Duration::from_secs(61)).await;
    ///     assert_eq!(beats.load(Ordering::Relaxed), 30);
    ///     assert!(heart.cancel());
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn every(period: Duration) -> Self {
        Self::new(Schedule::Every(period))
    }

    /// For the first time at an instant, at once if that has passed, and then each time a period ends, counted from there; as
    /// [`every`](Self::every) in all else.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, time::{self, Callback}};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().paused_time().build()?;
    /// runtime.block_on(async {
    ///     let (start, second) = (time::now(), Duration::from_secs(1));
    ///     let (sender, receiver) = mpsc::channel();
    ///     let heart = Callback::every_from(start, 10 * second).run(move || sender.send(time::now() - start).unwrap());
    ///     time::advance(25 * second).await;
    ///     assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0 * second, 10 * second, 20 * second]);
    ///     assert!(heart.cancel());
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn every_from(first: Instant, period: Duration) -> Self {
        Self::new(Schedule::EveryFrom(first, period))
    }
}

impl<Kind> Callback<Kind> {
    fn new(schedule: Schedule) -> Self {
        Callback {
            schedule,
            target: (),
            kind: PhantomData,
        }
    }

    /// For as long as `target` lives: a *condition timer*. The function is given the target. If that is gone when the time comes, the timer
    /// ends and nothing runs.
    ///
    /// The timer does not keep the target. A run that is under way has it, and an async one keeps it for as long as it likes.
    ///
    /// # Examples
    ///
    /// A session that is gone needs no reminder:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, time::{self, Callback}};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().paused_time().build()?;
    /// runtime.block_on(async {
    ///     let session = Arc::new("session");
    ///     let handle = Callback::after(Duration::from_secs(5)).while_alive(&Arc::downgrade(&session)).run(|_session| {
    ///         unreachable!("it is gone");
    ///     });
    ///     drop(session);
    ///     time::advance(Duration::from_secs(5)).await;
    ///     assert!(!handle.is_pending());
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn while_alive<T>(self, target: &Weak<T>) -> Callback<Kind, Weak<T>>
    where
        T: Send + Sync + ?Sized + 'static,
    {
        Callback {
            schedule: self.schedule,
            target: Weak::clone(target),
            kind: PhantomData,
        }
    }
}

impl<Kind, Target> fmt::Debug for Callback<Kind, Target> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}
