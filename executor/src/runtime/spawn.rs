//! [`spawn`], [`spawn_local`] and [`spawn_blocking`].

use crate::runtime::join_handle::JoinHandle;
use crate::scheduler::entered;
use crate::scheduler::origin::Origin;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

/// Starts a task: the future runs beside the caller, whether or not its handle is awaited.
///
/// It is polled for the first time when its turn comes, after what is ready already; in a [`Runtime`](crate::Runtime) of several workers,
/// by whichever worker is free. A panic ends the task, and nothing else; awaiting the handle tells of it. Dropping the handle detaches
/// the task. The runtime drops what is still alive when it ends.
///
/// The task itself lies on the heap. The future is copied there from the stack of the thread that spawns it, and the output travels over the
/// stack of the worker that polls it last and of the thread that joins it. A stack of 2 MiB, the usual one of a thread, has room for outputs and
/// futures of 256 KiB; for 64 KiB in a program that is built without optimization, which copies more often. Larger values belong in a
/// `Box` or a `Vec`, of any size; or the threads get [larger stacks](crate::Builder::thread_stack_size). The same holds of everything else that
/// takes a future or a blocking job, and of handlers of `serve`. Where a stack overflows, the process is aborted.
///
/// The task goes to the runtime that this thread has [entered](crate::Handle::enter), or else to the one that it works for.
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// waterwheel::block_on(async {
///     let handle = waterwheel::spawn(async { 6 * 7 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
#[inline]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn_from(future, Origin::here())
}

#[inline(always)]
#[track_caller]
pub(crate) fn spawn_from<F>(future: F, origin: Origin) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    with_shared("spawn", |shared| {
        // SAFETY: future and output are `Send`.
        JoinHandle(unsafe { shared.spawn(future, origin) })
    })
}

/// Starts a task that stays on this thread: its future need not be `Send`, and is polled and dropped here and nowhere
/// else.
///
/// Its wakers may go anywhere. In all else it is as [`spawn`]. It is cancelled when its thread leaves the runtime: when the
/// [`block_on`](crate::block_on()) ends that this thread is in, or, on a thread of a [`Runtime`](crate::Runtime), when that ends.
///
/// # Panics
///
/// When called on a thread that does not work for a runtime.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// waterwheel::block_on(async {
///     let shared = Rc::new(5);
///     let theirs = Rc::clone(&shared);
///     let handle = waterwheel::spawn_local(async move { *theirs + 1 });
///     assert_eq!(handle.await.unwrap(), *shared + 1);
/// });
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_local_from(future, Origin::here())
}

#[track_caller]
pub(crate) fn spawn_local_from<F>(future: F, origin: Origin) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match worker::with_current(|current| {
        current.map(|worker| JoinHandle(Shared::spawn_local(worker, future, origin)))
    }) {
        Some(handle) => handle,
        None => outside("spawn_local"),
    }
}

/// Runs a closure on a thread where it may block: read a file, resolve a name, compute for long. The runtime goes on meanwhile.
///
/// The runtime has a pool of threads for this, named `waterwheel-blocking`. It starts one when a job finds no idle one, up to
/// 512 (see [`Builder::max_blocking_threads`](crate::Builder::max_blocking_threads)). From there on jobs wait, and start in the order in
/// which they were given. A job goes to the thread that has been idle for the shortest time. A thread that has had no job for 10 seconds
/// ends (see [`Builder::thread_keep_alive`](crate::Builder::thread_keep_alive)).
///
/// Awaiting the handle gives what the closure returns, or tells of its panic. Dropping the handle detaches the job.
///
/// # Cancellation
///
/// [`abort`](JoinHandle::abort) before the job has started cancels it: a job that waits leaves the queue, and the call drops its
/// closure. Once the job has started, nothing can stop it: `abort` changes nothing, and the handle gives its output.
///
/// When the runtime ends, jobs that have not started are dropped with it, and their handles say that they were cancelled;
/// [`ShutdownReport::unstarted`](crate::ShutdownReport::unstarted) lists them. Jobs that run are not waited for: they finish in the
/// background, or end with the process, and their output goes to the handle, or is dropped if there is none. Until then the runtime's
/// descriptors stay open. Await the handle if the job must be done.
///
/// # When the kernel gives no thread
///
/// If the pool has threads, the job waits for one of them. It does not depend on them, as they may wait for this job: the
/// pool asks for one more thread when another job is given, when one ends, and every 20 milliseconds by a worker that has nothing else to
/// do. If the pool has no thread at all, the call panics. [`Handle::try_spawn_blocking`](crate::Handle::try_spawn_blocking) returns an error instead.
///
/// # Inside the closure
///
/// It is outside the runtime: [`spawn`], `spawn_blocking` and the rest panic there, as they do on any other thread. It
/// may call [`block_on`](crate::block_on()), which makes a runtime of its own.
///
/// # Panics
///
/// - When called outside a runtime.
/// - When the kernel gives no thread (`EAGAIN`) and the pool has none: like [`std::thread::spawn`]. The closure is dropped.
///
/// # Examples
///
/// ```
/// waterwheel::block_on(async {
///     let reading = waterwheel::spawn_blocking(|| std::fs::read_to_string("/proc/self/comm"));
///     let name = reading.await.expect("the closure does not panic")?;
///     assert!(!name.is_empty());
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn_blocking_from(f, Origin::here())
}

#[track_caller]
pub(crate) fn spawn_blocking_from<F, T>(run: F, origin: Origin) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    with_shared("spawn_blocking", |shared| {
        spawn_blocking_in(shared, run, origin)
    })
}

#[track_caller]
pub(crate) fn spawn_blocking_in<F, T>(shared: &Arc<Shared>, run: F, origin: Origin) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match shared.spawn_blocking(run, origin) {
        Ok(handle) => JoinHandle(handle),
        Err(error) => panic!("`spawn_blocking` {}", NoBlockingThread(error)),
    }
}

/// The same, with an error where that panics.
#[track_caller]
pub(crate) fn try_spawn_blocking_in<F, T>(
    shared: &Arc<Shared>,
    run: F,
    origin: Origin,
) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let spawned = shared.spawn_blocking(run, origin).map(JoinHandle);
    // Not of the kernel's kind: that is `WouldBlock`, which tells those who do I/O to wait for readiness.
    spawned.map_err(|error| io::Error::other(NoBlockingThread(error)))
}

/// There is no thread to run a blocking job: why the kernel gives none.
#[derive(Debug)]
struct NoBlockingThread(io::Error);

impl fmt::Display for NoBlockingThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "could not start a thread, and the runtime has none that could run the job: {}; \
             allow the process more threads (`ulimit -u`, the pids limit of its cgroup) or more memory",
            self.0
        )
    }
}

impl Error for NoBlockingThread {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Runs `f` with the runtime that this thread has entered, or else the one that it works for.
#[inline(always)]
#[track_caller]
fn with_shared<R>(call: &str, f: impl FnOnce(&Arc<Shared>) -> R) -> R {
    if let Some(entered) = entered::last() {
        return f(&entered);
    }
    match worker::with_current(|current| current.map(|worker| f(&worker.shared))) {
        Some(result) => result,
        None => outside(call),
    }
}

#[cold]
#[track_caller]
fn outside(call: &str) -> ! {
    panic!(
        "`{call}` was called outside a Waterwheel runtime; \
         call it inside `waterwheel::block_on(async {{ … }})`, or in a task spawned there"
    )
}
