//! Waterwheel, by its plain `block_on`.

use super::Local;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

pub(crate) struct Waterwheel;

impl Local for Waterwheel {
    const NAME: &'static str = "waterwheel";

    type Sleep = waterwheel::time::Sleep;

    fn block_on<F: Future>(main: F) -> F::Output {
        waterwheel::block_on(main)
    }

    fn spawn<F: Future<Output = ()> + 'static>(task: F) {
        drop(waterwheel::spawn_local(task));
    }

    fn sleep(delay: Duration) -> Self::Sleep {
        waterwheel::sleep(delay)
    }

    fn sleep_until(deadline: Instant) -> Self::Sleep {
        waterwheel::sleep_until(deadline)
    }

    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant) {
        sleep.get_mut().reset(deadline);
    }

    async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
        waterwheel::timeout(limit, future).await.ok()
    }
}
