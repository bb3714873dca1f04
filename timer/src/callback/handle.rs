//! [`TimerHandle`]: to change a callback timer's mind, from any thread.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use super::schedule::Shared;

/// Cancels, refreshes and resets a timer that a `Callback` has started, or `run_after` or `run_every` for short. It can be cloned, sent and shared.
///
/// Dropping all handles *detaches* the timer, which goes on. A handle keeps neither the function nor what that has captured.
///
/// A timer is *pending* as long as it will run, or run again: one that runs once no more is when its run begins; one that repeats is
/// until it is cancelled, its runtime ends, it panics, or it finds its target dead.
///
/// | called on a timer that | `cancel` | `refresh`, `reset` |
/// |---|---|---|
/// | waits | prevents the run: true | moves it: true |
/// | repeats, in or beside a run | prevents further ones: true | moves the next one: true |
/// | runs once, in or beside that run | is too late: false | are too late: false |
/// | is over, or was cancelled | false | false |
///
/// So of several `cancel`s one at most returns true, on whichever threads they are called, and when one does, the function is not
/// called any more. A run that is under way is not interrupted. The function is dropped by its task, soon after.
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{block_on, time::run_after};
///
/// block_on(async {
///     let handle = run_after(Duration::from_secs(5), || unreachable!("it is cancelled"));
///     assert!(handle.is_pending());
///     let elsewhere = handle.clone();
///     std::thread::spawn(move || assert!(elsewhere.cancel())).join().unwrap();
///     assert!(!handle.cancel(), "once");
/// });
/// ```
#[derive(Clone)]
pub struct TimerHandle {
    shared: Arc<Shared>,
}

impl TimerHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        TimerHandle { shared }
    }

    /// Ends the timer. Returns whether that has prevented a run.
    ///
    /// O(1). It wakes the timer's task, which takes the entry out of the wheel and drops the function.
    pub fn cancel(&self) -> bool {
        self.shared.end()
    }

    /// Counts the delay anew, from now; of a timer that repeats, the period in which it is. Returns whether the timer was pending.
    ///
    /// The delay of a timer that was set to an instant is what was left until then when it was made.
    ///
    /// It stores a value: the wheel hears of it when the old deadline comes.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, time};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().paused_time().build()?;
    /// runtime.block_on(async {
    ///     let start = time::now();
    ///     let handle = time::run_after(Duration::from_secs(5), || ());
    ///     time::advance(Duration::from_secs(3)).await;
    ///     assert!(handle.refresh());
    ///     assert_eq!(handle.next_deadline(), Some(start + Duration::from_secs(8)));
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn refresh(&self) -> bool {
        self.shared.refresh()
    }

    /// Gives the timer another delay, counted from now, or from where the present one is counted from: when the timer was made,
    /// refreshed, reset from now, or, if it repeats, ran last. Returns whether the timer was pending.
    ///
    /// A deadline that has passed by that is due at once. A timer that repeats does so with the new period.
    ///
    /// # Panics
    ///
    /// If the timer repeats and `delay` is zero. Nothing has changed then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, time};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().paused_time().build()?;
    /// runtime.block_on(async {
    ///     let start = time::now();
    ///     let second = Duration::from_secs(1);
    ///     let handle = time::run_after(5 * second, || ());
    ///     time::advance(3 * second).await;
    ///     handle.reset(10 * second, false);
    ///     assert_eq!(handle.next_deadline(), Some(start + 10 * second));
    ///     handle.reset(10 * second, true);
    ///     assert_eq!(handle.next_deadline(), Some(start + 13 * second));
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn reset(&self, delay: Duration, from_now: bool) -> bool {
        self.shared.reset(delay, from_now)
    }

    /// Whether it will run, or run again.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.shared.is_pending()
    }

    /// When it runs next, if it does. Of a timer that goes by the system clock, as far as can be told now.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.shared.next_deadline()
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimerHandle").field(&self.shared).finish()
    }
}
