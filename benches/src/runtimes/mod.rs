//! What a workload of tasks needs of a runtime, as four small traits. One file for each runtime implements them, with nothing but
//! calls of that runtime's own public functions.
//!
//! [`Tasks`] is what runs inside; [`OnThread`] and [`OnWorkers`] are the two ways to get inside; [`FromOutside`] is the way to start
//! tasks from a thread that is not inside. A runtime implements what it has:
//!
//! | contestant | of | on one thread | on workers | from outside |
//! |---|---|---|---|---|
//! | [`Waterwheel`] | `block_on`; `Runtime` | yes | yes | yes |
//! | [`Tokio`] | the current-thread runtime; the multi-thread one | yes | yes | yes |
//! | [`TokioLocalSet`] | a `LocalSet` on the current-thread runtime | yes | | |
//! | [`SmolLocal`] | a `LocalExecutor`, as smol's users have it on one thread | yes | | |
//! | [`Smol`] | an `Executor`, which other threads may reach | yes | yes | yes |
//! | [`Monoio`] | the epoll driver | yes | | |
//!
//! Futures are `Send` wherever they are spawned, so that one body of a workload serves all. Who does not need that loses nothing
//! by it: the workloads share nothing that costs more for being `Send`.

mod monoio;
mod smol;
mod smol_local;
mod tokio;
mod tokio_local_set;
mod waterwheel;

pub(crate) use monoio::Monoio;
pub(crate) use smol::Smol;
pub(crate) use smol_local::SmolLocal;
pub(crate) use tokio::Tokio;
pub(crate) use tokio_local_set::TokioLocalSet;
pub(crate) use waterwheel::Waterwheel;

use std::future::Future;
use std::io;

/// Tasks, from within a runtime.
pub(crate) trait Tasks: Sized + 'static {
    const NAME: &'static str;

    /// Of a task that was spawned. What becomes of the task if this is dropped differs from runtime to runtime:
    /// [`join`](Tasks::join) or [`detach`](Tasks::detach) it.
    type JoinHandle<T: Send + 'static>: 'static;

    /// Starts a task, from the main future or from another task.
    fn spawn<F>(future: F) -> Self::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Awaits what a task comes to. Panics if the task has panicked.
    fn join<T: Send + 'static>(handle: Self::JoinHandle<T>) -> impl Future<Output = T>;

    /// Lets a task run on without its handle.
    fn detach<T: Send + 'static>(handle: Self::JoinHandle<T>);

    /// Lets the other tasks of the worker run first.
    fn yield_now() -> impl Future<Output = ()> + Send;
}

/// A runtime on the thread that enters it, and on no other.
pub(crate) trait OnThread: Tasks {
    /// Runs the main future and the tasks on this thread, in a new runtime.
    fn block_on<F: Future>(main: F) -> F::Output;
}

/// A runtime on several threads.
pub(crate) trait OnWorkers: Tasks {
    /// A runtime with so many workers, and whatever else its default configuration says.
    fn new(workers: usize) -> io::Result<Self>;

    /// Runs the main future on this thread, beside the tasks.
    fn block_on<F: Future>(&self, main: F) -> F::Output;
}

/// A runtime that other threads may give tasks to.
pub(crate) trait FromOutside: Tasks {
    /// By which they do.
    type Spawner: Send + 'static;

    /// Of the runtime that this is called in.
    fn spawner() -> Self::Spawner;

    /// Starts a task and detaches it, from a thread that is not in the runtime.
    fn spawn_from_outside<F>(spawner: &Self::Spawner, future: F)
    where
        F: Future<Output = ()> + Send + 'static;
}

#[cfg(test)]
mod tests;
