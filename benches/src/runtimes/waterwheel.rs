//! Waterwheel, in its default configuration but for the number of its workers.

use super::Runtime;
use std::future::Future;
use std::io;
use waterwheel::{Handle, JoinHandle};

pub(crate) struct Waterwheel(waterwheel::Runtime);

impl Runtime for Waterwheel {
    const NAME: &'static str = "waterwheel";

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Spawner = Handle;

    fn new(workers: usize) -> io::Result<Self> {
        let builder = waterwheel::Runtime::builder();
        builder.worker_threads(workers).build().map(Self)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawner(&self) -> Handle {
        self.0.handle().clone()
    }

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        waterwheel::spawn(future)
    }

    fn spawn_from_outside<F>(spawner: &Handle, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(spawner.spawn(future));
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
