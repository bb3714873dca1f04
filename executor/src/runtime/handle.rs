//! [`Handle`]: a runtime, from any thread.

use super::metrics::{self, RuntimeMetrics};
use crate::runtime::block_on::block_on_in;
use crate::runtime::join_handle::JoinHandle;
use crate::runtime::spawn;
use crate::scheduler::entered::{self, Entered};
use crate::scheduler::origin::Origin;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

/// Reaches a runtime from any thread: to spawn on it, above all. It can be cloned and sent.
///
/// It does not keep the runtime from ending. When that has ended, what is spawned by the handle is dropped at once, and its
/// [`JoinHandle`] says "cancelled". It does keep the runtime's descriptors open, three for each worker.
///
/// # Examples
///
/// Another thread has work done in the runtime. It wakes a worker that sleeps, by one write to an eventfd, however many tasks
/// it spawns meanwhile:
///
/// ```
/// use waterwheel::{Handle, block_on};
///
/// let sum = block_on(async {
///     let handle = Handle::current();
///     let thread = std::thread::spawn(move || handle.spawn(async { 6 * 7 }));
///     thread.join().unwrap().await.unwrap()
/// });
/// assert_eq!(sum, 42);
/// ```
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The runtime that this thread has [entered](Self::enter) last, or else the one that it works for.
    ///
    /// # Panics
    ///
    /// When there is none. [`try_current`](Self::try_current) does not.
    #[must_use]
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`current`](Self::current).
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        entered::last()
            .or_else(|| {
                worker::with_current(|current| current.map(|worker| Arc::clone(&worker.shared)))
            })
            .map(Self::new)
            .ok_or(TryCurrentError(()))
    }

    /// Starts a task on the runtime. On a worker of that, it is as [`spawn`](crate::spawn()).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_from(future, Origin::here())
    }

    pub(crate) fn spawn_from<F>(&self, future: F, origin: Origin) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: future and output are `Send`.
        JoinHandle(unsafe { self.shared.spawn(future, origin) })
    }

    /// How many workers the runtime has, the thread in `block_on` among them.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shared.slots.len()
    }

    /// Starts a task that stays with the worker of that number, whose driver then has its descriptors and timers: for what there is one of
    /// for each worker, such as a listener of a group at one address (`SO_REUSEPORT`).
    ///
    /// No other worker takes it, however busy that one is. It ends with the runtime at the latest. The first worker is the thread that is in
    /// `block_on`, and changes: a task for worker 0 is not bound to it, and is as one of [`spawn`](Self::spawn). So is every one
    /// if time is paused.
    ///
    /// It does not wait for the worker. A task that comes before its worker has begun, such as one from a hook of
    /// [`on_thread_start`](crate::Builder::on_thread_start), runs when the worker has begun.
    ///
    /// # Panics
    ///
    /// If there is no worker of that number: they are `0..workers()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::thread;
    ///
    /// let runtime = waterwheel::Runtime::builder().worker_threads(2).build()?;
    /// let mut tasks = (0..2).map(|_| runtime.handle().spawn_on_worker(1, async { thread::current().id() }));
    /// let (first, second) = (tasks.next().unwrap(), tasks.next().unwrap());
    /// runtime.block_on(async {
    ///     assert_eq!(first.await.unwrap(), second.await.unwrap());
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_on_worker<F>(&self, worker: usize, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        assert!(
            worker < self.workers(),
            "`spawn_on_worker({worker}, …)` was asked for; this runtime has the workers 0..{}",
            self.workers()
        );
        // SAFETY: future and output are `Send`.
        JoinHandle(unsafe { self.shared.spawn_on_worker(worker, future, Origin::here()) })
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
        spawn::spawn_blocking_in(&self.shared, run, Origin::here())
    }

    /// Runs a closure that may block on the runtime's pool, as [`spawn_blocking`](Self::spawn_blocking) does, and returns an error where that
    /// panics.
    ///
    /// # Errors
    ///
    /// When the kernel gives no thread and the pool has none. The closure has been dropped. The error is of the kind
    /// [`Other`](io::ErrorKind::Other), and its source is the kernel's.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = waterwheel::Runtime::new()?;
    /// let job = runtime.handle().try_spawn_blocking(|| std::fs::read_to_string("/proc/self/comm"))?;
    /// let name = runtime.block_on(job).expect("the closure does not panic")?;
    /// assert!(!name.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn_blocking<F, T>(&self, run: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn::try_spawn_blocking_in(&self.shared, run, Origin::here())
    }

    /// Runs a future to its end on this thread, as [`Runtime::block_on`](crate::Runtime::block_on) does.
    ///
    /// If the runtime has ended, or ends meanwhile, the future runs all the same, with timers and sockets, but what it spawns is
    /// cancelled at once.
    ///
    /// # Panics
    ///
    /// As that does.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on_in(&self.shared, future)
    }

    /// Makes this the runtime of the current thread, until the guard is dropped: [`spawn`](crate::spawn()),
    /// [`spawn_blocking`](crate::spawn_blocking) and [`current`](Self::current) use it.
    ///
    /// Nothing is polled here: timers and sockets must be awaited in a task or in [`block_on`](Self::block_on), and
    /// [`spawn_local`](crate::spawn_local) needs a thread that works for a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = waterwheel::Runtime::new()?;
    /// let task = {
    ///     let _entered = runtime.enter();
    ///     waterwheel::spawn(async { 7 })
    /// };
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter(&self) -> EnterGuard {
        EnterGuard {
            _entered: entered::enter(Arc::clone(&self.shared)),
        }
    }

    /// What the runtime has done so far.
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        self.shared.assert_here();
        metrics::of(&self.shared)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("workers", &self.shared.slots.len())
            .finish_non_exhaustive()
    }
}

/// There is no runtime on this thread: [`Handle::try_current`] was called outside of all.
#[derive(Debug)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "`Handle::current` was called outside a Waterwheel runtime; call it inside `block_on` or a task, \
             or enter a runtime with `Handle::enter` before",
        )
    }
}

impl Error for TryCurrentError {}

/// The time in which a thread has [entered](Handle::enter) a runtime. Dropped, it gives back what was before.
///
/// Guards may be dropped in any order: the runtime that counts is that of the youngest which is left.
#[must_use = "dropping it leaves the runtime at once"]
pub struct EnterGuard {
    _entered: Entered,
}

impl fmt::Debug for EnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}
