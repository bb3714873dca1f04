//! Waterwheel: on one thread its plain `block_on`; on workers a `Runtime` in its default configuration but for their number.

use super::{FromOutside, OnThread, OnWorkers, Tasks};
use std::future::Future;
use std::io;
use waterwheel::{Handle, JoinHandle};

pub(crate) struct Waterwheel(waterwheel::Runtime);

impl Tasks for Waterwheel {
    const NAME: &'static str = "waterwheel";

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        waterwheel::spawn(future)
    }

    async fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.await.expect("the task does not panic")
    }

    fn detach<T: Send + 'static>(handle: JoinHandle<T>) {
        drop(handle);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        waterwheel::yield_now()
    }
}

impl OnThread for Waterwheel {
    fn block_on<F: Future>(main: F) -> F::Output {
        waterwheel::block_on(main)
    }
}

impl OnWorkers for Waterwheel {
    fn new(workers: usize) -> io::Result<Self> {
        let builder = waterwheel::Runtime::builder();
        builder.worker_threads(workers).build().map(Self)
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.block_on(main)
    }
}

impl FromOutside for Waterwheel {
    type Spawner = Handle;

    fn spawner() -> Handle {
        Handle::current()
    }

    fn spawn_from_outside<F>(spawner: &Handle, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(spawner.spawn(future));
    }
}
