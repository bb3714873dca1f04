//! [`Shared`]: what a runtime's tasks, wakers and handles reach from any thread.

use crate::blocking::job::Job;
use crate::blocking::pool::{NoThread, Pool, Settings};
use crate::driver::Driver;
use crate::injection::Injection;
use crate::owned::OwnedTasks;
use crate::task::cell::allocate;
use crate::task::header::{TaskPtr, release};
use crate::task::snapshot::Shutdown;
use crate::task::task::Task;
use crate::worker::Worker;
use crate::{JoinHandle, worker};
use std::future::Future;
use std::io;
use std::sync::Arc;

pub(crate) struct Shared {
    pub(crate) owned: OwnedTasks,
    pub(crate) injection: Injection,
    pub(crate) driver: Driver,
    pub(crate) blocking: Arc<Pool>,
}

impl Shared {
    pub(crate) fn new(blocking: Settings) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            owned: OwnedTasks::default(),
            injection: Injection::new(),
            driver: Driver::new()?,
            blocking: Arc::new(Pool::new(blocking)),
        }))
    }

    /// Makes a task of `future`, and queues it.
    ///
    /// The future need not be `Send`: a worker is not `Sync`, so who refers to one is on its thread, and
    /// [`schedule`](Self::schedule) queues the task where only that worker takes it.
    pub(crate) fn spawn<F: Future>(worker: &Worker, future: F) -> JoinHandle<F::Output> {
        let (task, handle) = worker.shared.adopt(future);
        if let Some(task) = task {
            worker.push(task);
        }
        handle
    }

    /// Makes a task of a closure that may block, and gives it to the pool.
    ///
    /// # Errors
    ///
    /// The kernel's, if there is no thread to run it and none can be started. The closure has been dropped.
    pub(crate) fn spawn_blocking<F, T>(self: &Arc<Self>, run: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (task, handle) = self.adopt(Job::new(run));
        if let Some(job) = task {
            // SAFETY: the closure is `Send`, and so is the job that holds it.
            if let Err(NoThread { job, error }) = unsafe { self.blocking.push(job) } {
                handle.abort();
                // SAFETY: as above. It is not run, but dropped.
                unsafe { job.run() };
                return Err(error);
            }
        }
        Ok(handle)
    }

    /// Makes a task of `future`, for a queue, and its handle. `None`: the runtime is ending; the future has been dropped here
    /// and now, and the handle says «cancelled».
    #[inline]
    fn adopt<F: Future>(self: &Arc<Self>, future: F) -> (Option<Task>, JoinHandle<F::Output>) {
        let task = allocate(future, Arc::clone(self));
        let listed = self.owned.insert(task);
        // SAFETY: a task starts notified, and this is the reference that was made for the queue.
        let queued = unsafe { Task::from_raw(task) };
        // SAFETY: this is the reference that was made for the handle, and `F` is what the task was made for.
        let handle = unsafe { JoinHandle::from_raw(task) };
        if listed {
            (Some(queued), handle)
        } else {
            shut_down(task);
            (None, handle)
        }
    }

    /// Queues a task that has become ready: on this thread's worker, if it is one of the task's own runtime, without a
    /// locked instruction; or else by way of the injection queue.
    #[inline]
    pub(crate) fn schedule(task: Task) {
        let task = worker::with_current(|current| match current {
            Some(worker) if std::ptr::eq(&*worker.shared, &*task.header().shared) => {
                worker.push(task);
                None
            }
            _ => Some(task),
        });
        if let Some(task) = task {
            Self::inject(task);
        }
    }

    #[cold]
    fn inject(task: Task) {
        // As soon as it is queued it may run, and free the last reference to what we are in.
        let shared = Arc::clone(&task.header().shared);
        shared.injection.push(task);
        shared.driver.reactor.unpark();
    }

    /// Ends it: every future that is still alive is dropped, on this thread, which is the seat's. A blocking job that runs
    /// goes on.
    pub(crate) fn shut_down(&self) {
        self.owned.close();
        let jobs = self.blocking.close();
        // Dropping one may wake others, or try to spawn: the former stay in the list, the latter is refused.
        while let Some(task) = self.owned.pop() {
            shut_down(task);
        }
        // Now every task is complete, or a blocking job that runs. What is queued is references to them, and no future.
        drop(self.injection.close());
        drop(jobs);
        self.driver.close();
    }
}

/// Drops a task's future, unless that is done, and releases the list's reference.
fn shut_down(task: TaskPtr) {
    // SAFETY: the list's reference, which is ours, keeps the task alive.
    let header = unsafe { task.as_ref() };
    match header.state.shutdown() {
        // SAFETY: the stage is claimed, and the reference is given along.
        Shutdown::Claimed => unsafe { (header.vtable.cancel)(task) },
        // SAFETY: the reference is ours, and not used after.
        Shutdown::Left => unsafe { release(task, 1) },
    }
}
