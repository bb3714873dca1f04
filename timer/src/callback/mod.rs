//! Callback timers: a function that runs when its time comes, for those who come from event loops.
//!
//! | module | what is there |
//! |---|---|
//! | here | [`CallbackTimer`]: the future that waits and calls |
//! | `handle` | [`TimerHandle`]: to cancel, refresh and reset it from anywhere |
//! | `schedule` | when it runs next: what the two share, behind a lock |
//! | `moment` | [`Schedule`]; an instant or a time of the system clock |
//!
//! What programs use, `Callback` and the short forms such as `run_after`, is the executor's: it spawns such a future as a task. So a
//! callback never runs nested in the turn of a driver, and one that is slow or panics concerns itself alone.
//!
//! ```text
//! TimerHandle ──cancel, refresh, reset──► Schedule ◄──when next?──── CallbackTimer ──► f()
//!      │                                (behind a lock)   ──claim──►      │ waits by a Sleep
//!      └────────── wakes, if it is over or due earlier ──────────────────►┘
//! ```
//!
//! Invariant: *a run is claimed under the lock*, and so is every change of the schedule. What `cancel` prevents never runs:
//! either it comes before the claim, and there is none, or after, and then it says that it prevented nothing.

mod handle;
mod moment;
mod schedule;

pub use self::{handle::TimerHandle, moment::Schedule};

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use waterwheel_poll_context::budget::{self, GaveWay};

use self::{
    moment::Moment,
    schedule::{Claim, Shared},
};
use crate::{
    sleep::Sleep,
    system_time::{SystemWait, Target},
    timers::Caller,
};

pin_project! {
    /// A future that calls a function when its [`Schedule`] says so, and resolves when it will not do so again.
    ///
    /// The function returns the future of its run, or `None` to end: that of a condition timer finds its target gone. Runs of
    /// a timer never overlap. `waterwheel::time::Callback` spawns one as a task; this type is for loops of
    /// one's own.
    ///
    /// # Panics
    ///
    /// It panics if it has to wait where no Waterwheel runtime runs, and when the function or the future of a run does. It is to be dropped
    /// then, as an executor does.
    ///
    /// # Cancel safety
    ///
    /// Dropping it ends the timer, with the run that is under way, and wakes nobody.
    ///
    /// ```
    /// use std::{cell::Cell, future::ready, time::Duration};
    /// use waterwheel::time::{CallbackTimer, Schedule};
    ///
    /// let runs = Cell::new(0);
    /// let every = Schedule::Every(Duration::from_millis(1));
    /// let (timer, handle) = CallbackTimer::new(every, || {
    ///     runs.set(runs.get() + 1);
    ///     // The third is the last.
    ///     (runs.get() < 3).then(|| ready(()))
    /// });
    /// waterwheel::block_on(timer);
    /// assert_eq!(runs.get(), 3);
    /// assert!(!handle.is_pending());
    /// ```
    #[must_use = "futures do nothing unless awaited"]
    pub struct CallbackTimer<C, R> {
        callback: C,
        #[pin]
        run: Option<R>,
        wait: Wait,
        gave_way: GaveWay,
        over: Over,
    }
}

/// How it waits.
enum Wait {
    Monotonic(Sleep),
    System(SystemWait),
}

impl Wait {
    fn poll(&mut self, moment: Moment, cx: &mut Context<'_>) -> Poll<()> {
        match (self, moment) {
            (Wait::Monotonic(sleep), Moment::Monotonic(instant)) => {
                if sleep.deadline() != instant {
                    sleep.reset(instant);
                }
                Pin::new(sleep).poll(cx)
            }
            (Wait::System(wait), Moment::System(time)) => wait.poll(Target::System(time), cx),
            _ => unreachable!("a schedule goes by one clock"),
        }
    }
}

/// Dropped, however that comes about, it tells the handles that the timer is over. It wakes nobody: that would be who drops it.
struct Over(Arc<Shared>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl<C, R> CallbackTimer<C, R>
where
    C: FnMut() -> Option<R>,
    R: Future<Output = ()>,
{
    /// A timer, and a handle to it. The delays of the schedule count from this call.
    ///
    /// # Panics
    ///
    /// If the schedule repeats, and its period is zero.
    #[track_caller]
    pub fn new(schedule: Schedule, callback: C) -> (Self, TimerHandle) {
        let shared = Arc::new(Shared::new(schedule));
        let wait = match shared.deadline() {
            Moment::Monotonic(instant) => Wait::Monotonic(Sleep::at(instant, Caller::Callback)),
            Moment::System(_) => Wait::System(SystemWait::new(Caller::Callback)),
        };
        let timer = CallbackTimer {
            callback,
            run: None,
            wait,
            gave_way: GaveWay::NO,
            over: Over(Arc::clone(&shared)),
        };
        (timer, TimerHandle::new(shared))
    }
}

impl<C, R> Future for CallbackTimer<C, R>
where
    C: FnMut() -> Option<R>,
    R: Future<Output = ()>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let shared = &this.over.0;
        let mut has_run = false;
        loop {
            if let Some(run) = this.run.as_mut().as_pin_mut() {
                ready!(run.poll(cx));
                this.run.set(None);
                has_run = true;
            }
            let Some(next) = shared.next(cx.waker()) else {
                if has_run {
                    return Poll::Ready(());
                }
                // It may have been over when it was polled first.
                return budget::poll_spend(cx, this.gave_way);
            };
            ready!(this.wait.poll(next, cx));
            if has_run {
                // Due again already: the others have their turn first (libuv#4250).
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match shared.claim(next) {
                Claim::NotDue => {}
                Claim::Over => return Poll::Ready(()),
                Claim::Run => match (this.callback)() {
                    None => return Poll::Ready(()),
                    run => this.run.set(run),
                },
            }
        }
    }
}

impl<C, R> fmt::Debug for CallbackTimer<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackTimer")
            .field("schedule", &self.over.0)
            .field("is_running", &self.run.is_some())
            .finish_non_exhaustive()
    }
}
