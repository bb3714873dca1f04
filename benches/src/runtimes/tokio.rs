//! Tokio's current-thread runtime, and its multi-thread one with so many workers; both with all drivers, and else in their
//! default configuration.

use super::{FromOutside, OnThread, OnWorkers, Tasks};
use std::future::Future;
use std::io;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

pub(crate) struct Tokio(tokio::runtime::Runtime);

impl Tasks for Tokio {
    const NAME: &'static str = "tokio";

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(future)
    }

    async fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.await.expect("the task does not panic")
    }

    fn detach<T: Send + 'static>(handle: JoinHandle<T>) {
        drop(handle);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
}

impl OnThread for Tokio {
    fn block_on<F: Future>(main: F) -> F::Output {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(main)
    }
}

impl OnWorkers for Tokio {
    fn new(workers: usize) -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(workers).enable_all();
        builder.build().map(Self)
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.block_on(main)
    }
}

impl FromOutside for Tokio {
    type Spawner = Handle;

    fn spawner() -> Handle {
        Handle::current()
    }

    fn spawn_from_outside<F>(spawner: &Handle, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        spawner.spawn(future);
    }
}
