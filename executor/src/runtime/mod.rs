//! [`Runtime`]: a number of workers, and what they share.
//!
//! | module | what is there |
//! |---|---|
//! | here | [`Runtime`] |
//! | `builder` | [`Builder`]: how many workers, and what else can be chosen |
//! | `handle` | [`Handle`]: a runtime from any thread; [`EnterGuard`] |
//! | `report` | [`ShutdownReport`]: what was left |
//! | `metrics` | [`RuntimeMetrics`]: what the workers have done |
//! | `join_handle`, `abort_handle` | `JoinHandle` and `AbortHandle`: a task, as users hold it |
//! | `block_on` | [`block_on`](block_on::block_on): from a thread into the runtime, and back with a result |
//! | `spawn`, `yield_now` | the functions that a task calls |
//! | `tasks` | the public module of names and identities |

pub(crate) mod abort_handle;
pub(crate) mod block_on;
mod builder;
mod handle;
pub(crate) mod join_handle;
mod metrics;
mod report;
pub(crate) mod spawn;
pub mod tasks;
pub(crate) mod yield_now;

pub use crate::scheduler::task_info::TaskInfo;
pub use crate::scheduler::task_panic::TaskPanic;
pub use builder::Builder;
pub use handle::{EnterGuard, Handle, TryCurrentError};
pub use metrics::{RuntimeMetrics, WorkerMetrics};
pub use report::ShutdownReport;

use crate::runtime::join_handle::JoinHandle;
use crate::scheduler::origin::Origin;
use crate::scheduler::settings::Settings;
use crate::scheduler::shared::Shared;
use crate::scheduler::threads::Threads;
use std::future::Future;
use std::io;
use std::time::Instant;

/// A runtime of several threads: tasks run on whichever is free, each thread with timers and descriptors of its own.
///
/// It has a number of *workers*, each with a thread: N − 1 threads that it starts, and the thread that calls
/// [`block_on`](Self::block_on), which is the first worker. When that leaves, another thread takes its place, and what has been
/// spawned goes on. A second thread that calls `block_on` meanwhile is a guest: it polls its own future, and what it spawns
/// runs on the workers.
///
/// Dropped, the runtime ends as by [`shutdown`](Self::shutdown) without a deadline, but waits for no blocking job: every task is
/// cancelled, every future dropped, and the threads have ended when the drop returns. A task whose poll does not return keeps it
/// waiting; a job of [`spawn_blocking`](crate::spawn_blocking) does not, it finishes in the background. Dropped in one of its own
/// tasks, it does not wait for the thread that it is on.
///
/// # In a child of `fork`
///
/// A runtime belongs to the process that made it. A child of `fork` has none of its threads, and shares its epoll instances with the
/// parent. In the child, to spawn on it, to call `block_on` or [`metrics`](Self::metrics), or to await one of its tasks panics. To drop
/// it, or to [shut it down](Self::shutdown), returns at once and changes nothing: its tasks' futures are not dropped there. The child
/// can make a runtime of its own, and await in that the listeners, streams and timers that it has inherited.
///
/// # Examples
///
/// ```
/// use waterwheel::Runtime;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::new()?;
/// let sum = runtime.block_on(async {
///     let tasks: Vec<_> = (1..=10).map(|n| waterwheel::spawn(async move { n * n })).collect();
///     let mut sum = 0;
///     for task in tasks {
///         sum += task.await.expect("no task panics");
///     }
///     sum
/// });
/// assert_eq!(sum, 385);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
}

impl Runtime {
    /// A runtime with a worker for each processor that the process may use.
    ///
    /// # Errors
    ///
    /// The kernel's, if there are not enough descriptors (three for each worker) or threads.
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// To choose the number of workers, and more.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn with(settings: Settings) -> io::Result<Self> {
        let shared = Shared::new(settings, false)?;
        let started = Threads::start(&shared);
        // Dropped, it ends the threads that have been started.
        let runtime = Self {
            handle: Handle::new(shared),
        };
        started.map(|()| runtime)
    }

    /// Runs a future to its end on this thread, as the runtime's first worker, if no other thread is that; or else as a guest.
    ///
    /// A guest takes no descriptors while its future only waits for tasks, for other threads and for time. When it first waits for a socket, or
    /// another descriptor, or sleeps by the wall clock, it opens three; if the kernel has none, the wait for the socket gives its error. Until it
    /// has them, a sleep of a guest may end 50 microseconds late, by the timer slack of its thread (see `PR_SET_TIMERSLACK` in `prctl(2)`).
    ///
    /// What it spawns goes on when it has ended. Only what it has pinned to this thread, by [`spawn_local`](crate::spawn_local), is
    /// cancelled then.
    ///
    /// # Panics
    ///
    /// - When called on a thread that is in a runtime already, inside a task or another `block_on`.
    /// - When the future panics, with its panic. The runtime goes on.
    /// - When the kernel refuses to wait (`epoll_wait(2)`, `timerfd_settime(2)`), here or in another worker, which no sound program is known
    ///   to cause. If it was another, the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = waterwheel::Runtime::new()?;
    /// let task = runtime.block_on(async { waterwheel::spawn(async { 7 }) });
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Starts a task on the runtime, from any thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = waterwheel::Runtime::new()?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// runtime.spawn(async move { sender.send("done") });
    /// assert_eq!(receiver.recv().unwrap(), "done");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_from(future, Origin::here())
    }

    /// Runs a closure that may block on the runtime's pool, as [`spawn_blocking`](crate::spawn_blocking) does.
    ///
    /// # Panics
    ///
    /// When the kernel gives no thread and the pool has none.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, run: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_blocking(run)
    }

    /// A handle, which can be cloned and sent, and does not keep the runtime from ending.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Makes this the runtime of the current thread, as [`Handle::enter`] does.
    pub fn enter(&self) -> EnterGuard {
        self.handle.enter()
    }

    /// What the runtime has done so far.
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Ends the runtime, and tells what was left.
    ///
    /// No task is taken any more: what is spawned from here on is dropped, and its handle says «cancelled». Every task is
    /// cancelled, and its future dropped: one that is pinned to a thread, by that thread; others by any. The threads end. Blocking jobs that
    /// have not started are dropped.
    ///
    /// A poll that is under way, and a blocking job that runs, cannot be interrupted. They are waited for until `deadline`, and
    /// the report tells which were not done by then. Those finish in the background. A `block_on` that another thread is in goes on, without
    /// its tasks.
    ///
    /// The deadline is an instant of the caller's clock, `timer::now()`. The time until then is real also where time is
    /// [paused](Builder::paused_time): the clock of a paused runtime does not move while a poll or a job runs.
    ///
    /// Called in a task of this same runtime, it does not wait for the thread that it is on, which ends when the task
    /// pends.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::{Runtime, sleep};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let task = runtime.spawn(sleep(Duration::MAX));
    /// let report = runtime.shutdown(Instant::now() + Duration::from_secs(5));
    /// assert_eq!(report.tasks[0].id, task.id());
    /// assert!(report.is_complete(), "nothing runs any more");
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(self, deadline: Instant) -> ShutdownReport {
        report::shut_down(self.handle.shared(), deadline)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let shared = self.handle.shared();
        // What destructors spawn is refused, and not an error.
        let _entered = self.handle.enter();
        shared.threads.shut_down(shared, None, &mut |_| ());
    }
}
