//! [`Runtime`]: what a workload needs of a runtime. One file for each runtime implements it, with nothing but calls of
//! that runtime's own public functions.

mod tokio;
mod waterwheel;

pub(crate) use tokio::Tokio;
pub(crate) use waterwheel::Waterwheel;

use std::future::Future;
use std::io;

pub(crate) trait Runtime: Sized + 'static {
    const NAME: &'static str;

    /// Of a task that was spawned. What becomes of the task if this is dropped differs from runtime to runtime:
    /// [`join`](Runtime::join) or [`detach`](Runtime::detach) it.
    type JoinHandle<T: Send + 'static>: Send + 'static;

    /// By which threads that are not in the runtime spawn tasks.
    type Spawner: Send + 'static;

    /// A runtime with so many workers, and whatever else its default configuration says.
    fn new(workers: usize) -> io::Result<Self>;

    /// Runs the main future on this thread, beside the tasks.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    fn spawner(&self) -> Self::Spawner;

    /// Starts a task, from the main future or from another task.
    fn spawn<F>(future: F) -> Self::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Starts a task and detaches it, from a thread that is not in the runtime.
    fn spawn_from_outside<F>(spawner: &Self::Spawner, future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Awaits what a task comes to. Panics if the task has panicked.
    fn join<T: Send + 'static>(handle: Self::JoinHandle<T>) -> impl Future<Output = T> + Send;

    /// Lets a task run on without its handle.
    fn detach<T: Send + 'static>(handle: Self::JoinHandle<T>);

    /// Lets the other tasks of the worker run first.
    fn yield_now() -> impl Future<Output = ()> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    /// A `yield_now` that is ready at once would make a workload of yields a loop of nothing.
    fn yields<R: Runtime>() {
        let runtime = R::new(2).expect("a runtime");
        let polls = runtime.block_on(async {
            R::join(R::spawn(async {
                let mut polls = 0;
                let mut future = pin!(R::yield_now());
                poll_fn(|cx| {
                    polls += 1;
                    match future.as_mut().poll(cx) {
                        Poll::Ready(()) => Poll::Ready(polls),
                        Poll::Pending => Poll::Pending,
                    }
                })
                .await
            }))
            .await
        });
        assert_eq!(polls, 2, "{}", R::NAME);
    }

    #[test]
    fn yield_now_yields() {
        yields::<Waterwheel>();
        yields::<Tokio>();
    }
}
