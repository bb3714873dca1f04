//! Tokio's `LocalSet`, on its current-thread runtime: how tasks that need not be `Send` are run there. It has a queue of its own,
//! which it runs as one future of the runtime.

use super::{OnThread, Tasks};
use std::future::Future;
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, LocalSet};

pub(crate) struct TokioLocalSet;

impl Tasks for TokioLocalSet {
    const NAME: &'static str = "tokio LocalSet";

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::task::spawn_local(future)
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

impl OnThread for TokioLocalSet {
    fn block_on<F: Future>(main: F) -> F::Output {
        let runtime = Builder::new_current_thread().enable_all().build();
        LocalSet::new().block_on(&runtime.expect("a runtime"), main)
    }
}
