//! Tokio's current-thread runtime with its timers and without its I/O. It is the local one, whose tasks need not be
//! `Send`, as those of the others need not be; the scheduler is the same.

use super::Local;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions};

pub(crate) struct Tokio;

impl Local for Tokio {
    const NAME: &'static str = "tokio";

    type Sleep = tokio::time::Sleep;

    fn block_on<F: Future>(main: F) -> F::Output {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_time().build_local(LocalOptions::default());
        runtime.expect("a runtime").block_on(main)
    }

    fn spawn<F: Future<Output = ()> + 'static>(task: F) {
        drop(tokio::task::spawn_local(task));
    }

    fn sleep(delay: Duration) -> Self::Sleep {
        tokio::time::sleep(delay)
    }

    fn sleep_until(deadline: Instant) -> Self::Sleep {
        tokio::time::sleep_until(deadline.into())
    }

    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant) {
        sleep.reset(deadline.into());
    }

    async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
        tokio::time::timeout(limit, future).await.ok()
    }
}
