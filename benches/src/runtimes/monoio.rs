//! Monoio on its epoll driver. It is not built with its `sync` feature, without which no other thread can wake its tasks, and with
//! which every wake asks on which thread it is.

use super::{OnThread, Tasks};
use crate::local::{self, Local};
use monoio::task::JoinHandle;
use std::future::{Future, poll_fn};
use std::task::Poll;

pub(crate) struct Monoio;

impl Tasks for Monoio {
    const NAME: &'static str = "monoio";

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        monoio::spawn(future)
    }

    async fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.await
    }

    fn detach<T: Send + 'static>(handle: JoinHandle<T>) {
        drop(handle);
    }

    /// Monoio has none; this is how its users write it. A task that wakes itself is the next to run there: it lets the main
    /// future run, and no other task.
    fn yield_now() -> impl Future<Output = ()> + Send {
        let mut yielded = false;
        poll_fn(move |cx| {
            if yielded {
                return Poll::Ready(());
            }
            yielded = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }
}

impl OnThread for Monoio {
    fn block_on<F: Future>(main: F) -> F::Output {
        local::Monoio::block_on(main)
    }
}
