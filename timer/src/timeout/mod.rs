//! `Timeout`: a future with a time limit.
//!
//! The inner future is polled first, and a clock is read only when that is pending: a future that is ready
//! pays nothing for its time limit.
//!
//! A timeout spends of the [budget] itself when it is ready, whether by the inner future, which may be anybody's, or by the
//! limit. It gives way before it polls the inner future, and not after: a limit that has passed counts, also when the inner
//! future pends only because the budget is spent. It gives way once: in the polls after that, it is for the inner future to do so.
//!
//! [budget]: waterwheel_poll_context::budget

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use pin_project_lite::pin_project;
use waterwheel_poll_context::budget;

mod elapsed;

pub use self::elapsed::Elapsed;

use crate::{
    sleep::{Due, Sleep},
    timers::Caller,
};

/// Limits the time for which a future may pend.
///
/// Resolves to the future's output, or to [`Elapsed`] if that took longer than `limit`. The time begins when
/// the future is first polled and found pending: one that is ready at once costs no reading of the clock.
/// When both are ready at the same poll, the output wins. A limit of [`Duration::MAX`] is none; one of
/// [`Duration::ZERO`] polls the future once.
///
/// # Panics
///
/// The future panics if it has to wait where no Waterwheel runtime runs.
///
/// # Cancel safety
///
/// That of the inner future: dropping the `Timeout` drops it and cancels the timer. When the limit passes,
/// the inner future is not dropped, but stays in the `Timeout`, from which
/// [`into_inner`](Timeout::into_inner) takes it.
///
/// ```
/// use std::{future::{pending, ready}, time::Duration};
/// use waterwheel::{block_on, timeout};
///
/// block_on(async {
///     assert_eq!(timeout(Duration::from_secs(1), ready(7)).await, Ok(7));
///     assert!(timeout(Duration::from_millis(1), pending::<()>()).await.is_err());
/// });
/// ```
#[inline]
pub fn timeout<F: IntoFuture>(limit: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        limit: Limit::After(limit),
    }
}

/// Gives a future until an instant: as [`timeout()`], with a deadline in place of a length of time, so that
/// several operations can share it.
///
/// Once the instant has passed, the future is polled once more at most: if that finds it ready, its output
/// wins.
///
/// # Panics
///
/// The future panics if it has to wait where no Waterwheel runtime runs.
///
/// # Cancel safety
///
/// As of [`timeout()`].
///
/// ```
/// use std::{future::pending, time::{Duration, Instant}};
/// use waterwheel::{block_on, timeout_at};
///
/// block_on(async {
///     let deadline = Instant::now() + Duration::from_millis(1);
///     assert!(timeout_at(deadline, pending::<()>()).await.is_err());
///     assert!(timeout_at(deadline, pending::<()>()).await.is_err());
/// });
/// ```
#[inline]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let sleep = Sleep::at(deadline, Caller::TimeoutAt);
    Timeout {
        future: future.into_future(),
        limit: Limit::At(sleep),
    }
}

pin_project! {
    /// The future of [`timeout()`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "a timeout does nothing unless it is awaited or polled"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        limit: Limit,
    }
}

/// When the time is up.
#[derive(Debug)]
enum Limit {
    /// This long after the first poll that finds the future pending, which is yet to come.
    After(Duration),
    /// At the deadline of the sleep.
    At(Sleep),
}

impl Limit {
    /// Waits until the time is up; the first call begins to count it.
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        match self {
            Limit::At(sleep) => sleep.poll_due(cx),
            Limit::After(limit) => {
                let sleep = Sleep::after(*limit, Caller::Timeout);
                let duration = mem::replace(self, Limit::At(sleep));
                // A duration needs no destructor, but the compiler would call that of a limit.
                mem::forget(duration);
                match self {
                    Limit::At(sleep) => sleep.poll_first(cx),
                    Limit::After(_) => unreachable!("the time has just begun"),
                }
            }
        }
    }

    /// Pends for want of budget, once; the time begins to count.
    #[cold]
    fn give_way(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Limit::After(limit) = self {
            *self = Limit::At(Sleep::after(*limit, Caller::Timeout));
        }
        match self {
            Limit::At(sleep) => budget::give_way_for_good(cx, sleep.gave_way()),
            Limit::After(_) => unreachable!("the time has just begun"),
        }
    }
}

impl<F> Timeout<F> {
    /// The inner future.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The inner future, mutably.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// Cancels the time limit, and returns the inner future.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, sleep, timeout};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let runtime = Runtime::builder().paused_time().build()?;
    /// runtime.block_on(async {
    ///     let mut work = timeout(Duration::from_millis(1), sleep(Duration::from_millis(2)));
    ///     assert!((&mut work).await.is_err(), "too slow");
    ///     work.into_inner().await; // but worth waiting for
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if budget::is_spent() {
            ready!(this.limit.give_way(cx));
        }
        if let Poll::Ready(output) = this.future.poll(cx) {
            budget::spend();
            return Poll::Ready(Ok(output));
        }
        match this.limit.poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Due::Waited) => {}
            Poll::Ready(Due::AtOnce) => budget::spend(),
        }
        Poll::Ready(Err(Elapsed::new()))
    }
}
