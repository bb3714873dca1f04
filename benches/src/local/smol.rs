//! Smol: its `block_on`, which turns the reactor while it waits, and a local executor for the tasks.

use super::Local;
use smol::{LocalExecutor, Task, Timer, future};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

pub(crate) struct Smol;

thread_local! {
    /// One a thread: the trait has nothing to carry it in.
    static EXECUTOR: &'static LocalExecutor<'static> = Box::leak(Box::default());
}

impl Smol {
    /// Starts a task on this thread.
    pub(crate) fn spawn_task<T: 'static>(task: impl Future<Output = T> + 'static) -> Task<T> {
        EXECUTOR.with(|executor| executor.spawn(task))
    }
}

impl Local for Smol {
    const NAME: &'static str = "smol";

    type Sleep = Sleep;

    fn block_on<F: Future>(main: F) -> F::Output {
        smol::block_on(EXECUTOR.with(|executor| executor.run(main)))
    }

    fn spawn<F: Future<Output = ()> + 'static>(task: F) {
        Self::spawn_task(task).detach();
    }

    fn sleep(delay: Duration) -> Sleep {
        Sleep(Timer::after(delay))
    }

    fn sleep_until(deadline: Instant) -> Sleep {
        Sleep(Timer::at(deadline))
    }

    fn reset(sleep: Pin<&mut Sleep>, deadline: Instant) {
        sleep.get_mut().0.set_at(deadline);
    }

    /// Smol has none; this is how its users write it.
    async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
        let out_of_time = async {
            Timer::after(limit).await;
            None
        };
        future::or(async { Some(future.await) }, out_of_time).await
    }
}

/// A timer that does not tell when it fired.
pub(crate) struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}
