//! Smol on one thread: a `LocalExecutor`, run by smol's `block_on`, which turns the reactor while it waits.

use super::{OnThread, Tasks};
use crate::local::{self, Local};
use smol::Task;
use std::future::Future;

pub(crate) struct SmolLocal;

impl Tasks for SmolLocal {
    const NAME: &'static str = "smol";

    type JoinHandle<T: Send + 'static> = Task<T>;

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        local::Smol::spawn_task(future)
    }

    async fn join<T: Send + 'static>(handle: Task<T>) -> T {
        handle.await
    }

    fn detach<T: Send + 'static>(handle: Task<T>) {
        handle.detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }
}

impl OnThread for SmolLocal {
    fn block_on<F: Future>(main: F) -> F::Output {
        local::Smol::block_on(main)
    }
}
