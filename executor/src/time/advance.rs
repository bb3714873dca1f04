//! [`advance`]: moves the clock of a runtime whose time is paused.

use crate::scheduler::worker;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use waterwheel_timer::{Timers, VirtualClock};

/// How often [`Advance`] lets others run at one stop, before it goes on nevertheless.
const MOST_YIELDS: u32 = 1_000;

/// Moves the clock of a paused runtime on by `delay`. Where a timer is due on the way, the clock stops there, and the tasks that it
/// wakes run before it goes on.
///
/// To wait by [`sleep`](waterwheel_timer::sleep()) moves the clock as well, but only when everything else waits. This does not ask
/// for that: it goes on past a blocking job that runs, and, after a thousand turns at one stop, past a task that never pends. Nor
/// does it wait for other threads: a guest of `block_on` may be woken at a stop, and run when the clock has gone on; awaited by a guest, it
/// does not wait for what runs on the runtime's own worker.
///
/// # Panics
///
/// When called where time is not paused.
///
/// # Cancel safety
///
/// Dropped before it has resolved, it leaves the clock where that is by then.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{Runtime, sleep, spawn, time};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().paused_time().build()?;
/// runtime.block_on(async {
///     let start = time::now();
///     let task = spawn(async {
///         sleep(Duration::from_secs(2)).await;
///         time::now()
///     });
///     time::advance(Duration::from_secs(5)).await;
///     assert_eq!(time::now(), start + Duration::from_secs(5));
///     assert_eq!(task.await.unwrap(), start + Duration::from_secs(2));
/// });
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn advance(delay: Duration) -> Advance {
    let timers = Timers::current();
    let clock = timers.as_ref().and_then(|timers| timers.virtual_clock());
    let Some(clock) = clock else {
        panic!(
            "`time::advance` was called where time is not paused; \
             call it in a runtime that was built with `Runtime::builder().paused_time()`"
        )
    };
    Advance {
        clock: Arc::clone(clock),
        delay,
        target: None,
        yields: 0,
        has_settled: false,
    }
}

/// The future of [`advance`].
#[derive(Debug)]
#[must_use = "the clock does not move unless this is awaited"]
pub struct Advance {
    clock: Arc<VirtualClock>,
    delay: Duration,
    /// Where the clock is to be in the end. `None` before the first poll.
    target: Option<Instant>,
    /// How often others have had their turn since the clock stopped.
    yields: u32,
    /// Whether nothing was ready when it was polled last, and it has given way once more: to what is polled with it in the same task.
    has_settled: bool,
}

impl Future for Advance {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let delay = self.delay;
        let clock = Arc::clone(&self.clock);
        let target = *self.target.get_or_insert_with(|| {
            clock
                .now()
                .checked_add(delay)
                .unwrap_or_else(|| clock.end())
        });
        let is_quiet = !others_are_ready();
        if !(is_quiet && self.has_settled) && self.yields < MOST_YIELDS {
            self.has_settled = is_quiet;
            self.yields += 1;
        } else if clock.advance_to_next(Some(target)) > 0 {
            self.has_settled = false;
            self.yields = 0;
        } else {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Whether this thread's worker has something else to poll.
fn others_are_ready() -> bool {
    worker::with_current(|current| current.is_some_and(|worker| worker.has_ready()))
}
