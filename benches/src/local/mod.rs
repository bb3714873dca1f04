//! [`Local`]: what a workload of timers needs of a runtime, on one thread. One file for each runtime implements it, with
//! nothing but calls of that runtime's own public functions, as its documentation recommends them.

mod monoio;
mod smol;
mod tokio;
mod waterwheel;

pub(crate) use monoio::Monoio;
pub(crate) use smol::Smol;
pub(crate) use tokio::Tokio;
pub(crate) use waterwheel::Waterwheel;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

pub(crate) trait Local: 'static {
    const NAME: &'static str;

    /// The future of a sleep.
    type Sleep: Future<Output = ()> + 'static;

    /// Runs a future on this thread, in a new runtime that has timers.
    fn block_on<F: Future>(main: F) -> F::Output;

    /// Starts a task on this thread, and lets go of it.
    fn spawn<F: Future<Output = ()> + 'static>(task: F);

    fn sleep(delay: Duration) -> Self::Sleep;

    fn sleep_until(deadline: Instant) -> Self::Sleep;

    /// Gives a sleep, pending or not, another deadline.
    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant);

    /// The future's output, or nothing if that takes longer than `limit`.
    fn timeout<F: Future>(limit: Duration, future: F) -> impl Future<Output = Option<F::Output>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::future::{pending, poll_fn, ready};
    use std::pin::pin;
    use std::rc::Rc;
    use std::task::Poll;

    const MOMENT: Duration = Duration::from_millis(5);
    const FOR_EVER: Duration = Duration::from_secs(3600);

    /// What the workloads take for granted, so that none of them measures something that does not work.
    fn keeps_time<R: Local>() {
        R::block_on(async {
            let began = Instant::now();
            R::sleep(MOMENT).await;
            R::sleep_until(began + 2 * MOMENT).await;
            assert!(began.elapsed() >= 2 * MOMENT, "{} is early", R::NAME);

            assert_eq!(R::timeout(FOR_EVER, ready(7)).await, Some(7), "{}", R::NAME);
            assert_eq!(R::timeout(MOMENT, pending::<()>()).await, None);
        });
    }

    fn resets<R: Local>() {
        R::block_on(async {
            let began = Instant::now();
            let mut sleep = pin!(R::sleep(MOMENT));
            let first = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx))).await;
            assert!(first.is_pending(), "{}", R::NAME);
            R::reset(sleep.as_mut(), began + 4 * MOMENT);
            sleep.await;
            assert!(began.elapsed() >= 4 * MOMENT, "{}: not later", R::NAME);
        });
    }

    fn runs_tasks<R: Local>() {
        R::block_on(async {
            let ran = Rc::new(Cell::new(false));
            let runs = Rc::clone(&ran);
            R::spawn(async move {
                R::sleep(MOMENT).await;
                runs.set(true);
            });
            R::sleep(4 * MOMENT).await;
            while !ran.get() {
                R::sleep(MOMENT).await;
            }
        });
    }

    fn serves<R: Local>() {
        keeps_time::<R>();
        resets::<R>();
        runs_tasks::<R>();
    }

    #[test]
    fn every_runtime_does_what_the_workloads_take_for_granted() {
        serves::<Waterwheel>();
        serves::<Tokio>();
        serves::<Smol>();
        serves::<Monoio>();
    }
}
