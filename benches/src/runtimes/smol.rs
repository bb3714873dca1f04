//! Smol's `Executor`, which any thread may run and give tasks to. The main future is run by one of the threads that run tasks,
//! as in smol's own examples.

use super::{FromOutside, OnThread, OnWorkers, Tasks};
use smol::{Executor, Task};
use std::cell::Cell;
use std::future::{Future, pending};
use std::io;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

type Shared = &'static Executor<'static>;

thread_local! {
    /// The one that this thread runs: the traits have nothing to carry it in.
    static CURRENT: Cell<Option<Shared>> = const { Cell::new(None) };
}

fn current() -> Shared {
    CURRENT.get().expect("this thread runs an executor")
}

fn run<F: Future>(executor: Shared, main: F) -> F::Output {
    CURRENT.set(Some(executor));
    smol::block_on(executor.run(main))
}

/// On workers. On one thread there is nothing to keep.
pub(crate) struct Smol {
    executor: Shared,
    /// All but the one that enters. Each ends when its sender is dropped.
    others: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Tasks for Smol {
    const NAME: &'static str = "smol";

    type JoinHandle<T: Send + 'static> = Task<T>;

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        current().spawn(future)
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

impl OnThread for Smol {
    fn block_on<F: Future>(main: F) -> F::Output {
        run(Box::leak(Box::default()), main)
    }
}

impl OnWorkers for Smol {
    fn new(workers: usize) -> io::Result<Self> {
        let executor: Shared = Box::leak(Box::default());
        let others = (1..workers).map(|_| {
            let (stop, stopped) = oneshot::channel();
            let main = async move {
                if stopped.await.is_ok() {
                    pending().await
                }
            };
            let thread = thread::Builder::new().name(Self::NAME.to_owned());
            Ok((stop, thread.spawn(move || run(executor, main))?))
        });
        let others = others.collect::<io::Result<_>>()?;
        Ok(Self { executor, others })
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        run(self.executor, main)
    }
}

impl Drop for Smol {
    fn drop(&mut self) {
        for (stop, thread) in self.others.drain(..) {
            drop(stop);
            if thread.join().is_err() {
                assert!(thread::panicking(), "a worker ends well");
            }
        }
    }
}

impl FromOutside for Smol {
    type Spawner = Shared;

    fn spawner() -> Shared {
        current()
    }

    fn spawn_from_outside<F>(spawner: &Shared, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        spawner.spawn(future).detach();
    }
}
