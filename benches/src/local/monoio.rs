//! Monoio on its epoll driver, with its timers.

use super::Local;
use monoio::time::TimeDriver;
use monoio::{LegacyDriver, RuntimeBuilder};
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

pub(crate) struct Monoio;

impl Local for Monoio {
    const NAME: &'static str = "monoio";

    type Sleep = monoio::time::Sleep;

    fn block_on<F: Future>(main: F) -> F::Output {
        let builder: RuntimeBuilder<TimeDriver<LegacyDriver>> =
            RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        builder.build().expect("a runtime").block_on(main)
    }

    fn spawn<F: Future<Output = ()> + 'static>(task: F) {
        drop(monoio::spawn(task));
    }

    fn sleep(delay: Duration) -> Self::Sleep {
        monoio::time::sleep(delay)
    }

    fn sleep_until(deadline: Instant) -> Self::Sleep {
        monoio::time::sleep_until(deadline.into())
    }

    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant) {
        sleep.reset(deadline.into());
    }

    async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
        monoio::time::timeout(limit, future).await.ok()
    }
}
