//! How a future becomes a task of a runtime, and a closure a job.

use super::binding::Binding;
use super::ending::end;
use super::local_tasks::LocalTasks;
use super::origin::Origin;
use super::shared::Shared;
use super::worker::{self, Worker};
use super::{Header, JoinHandle, Task};
use crate::blocking::job::Job;
use crate::blocking::pool::{NoThread, Pushed};
use crate::task::cell::allocate;
use crate::task::header::Kind;
use std::future::Future;
use std::io;
use std::sync::Arc;

impl Shared {
    /// Makes a task of `future`, which any worker may run, and queues it.
    ///
    /// # Safety
    ///
    /// The future is `Send`, and so is its output.
    #[inline(always)]
    pub(crate) unsafe fn spawn<F: Future>(
        self: &Arc<Self>,
        future: F,
        origin: Origin,
    ) -> JoinHandle<F::Output> {
        let (task, handle) = self.adopt(future, None, origin, Kind::Plain);
        if let Some(task) = task {
            let task = worker::with_current(|current| match current {
                Some(worker) if Arc::ptr_eq(&worker.shared, self) => {
                    worker.push_shared(task);
                    None
                }
                _ => Some(task),
            });
            if let Some(task) = task {
                self.inject(task);
            }
            if self.threads.first_slot_is_vacant() {
                self.threads.occupy();
            }
        }
        handle
    }

    /// Makes a task of `future` that stays with the worker of a slot, and queues it there. The first slot changes hands, and in a paused
    /// runtime the others poll nothing: for these it is as [`spawn`](Self::spawn).
    ///
    /// # Safety
    ///
    /// The future is `Send`, and so is its output.
    pub(crate) unsafe fn spawn_on_worker<F: Future>(
        self: &Arc<Self>,
        slot: usize,
        future: F,
        origin: Origin,
    ) -> JoinHandle<F::Output> {
        self.assert_here();
        let local = self.threads.local_in(slot);
        let Some(local) = local.filter(|_| slot < self.workers()) else {
            // SAFETY: by the caller's promise.
            return unsafe { self.spawn(future, origin) };
        };
        // A future that is refused is dropped here, which is sound as it is `Send`; in all else it is the other thread's.
        let home = Some(Arc::clone(local));
        let (task, handle) = self.adopt(future, home, origin, Kind::Plain);
        if let Some(task) = task {
            local.deliver(task);
        }
        handle
    }

    /// Makes a task of `future` that stays on this thread, and queues it. The future need not be `Send`: a worker is not `Sync`,
    /// so who refers to one is on its thread, and the task finds back there by its home.
    pub(crate) fn spawn_local<F: Future>(
        worker: &Worker,
        future: F,
        origin: Origin,
    ) -> JoinHandle<F::Output> {
        let home = Some(Arc::clone(&worker.local));
        let (task, handle) = worker.shared.adopt(future, home, origin, Kind::Plain);
        if let Some(task) = task {
            worker.push_pinned(task);
        }
        handle
    }

    /// Makes a task of a closure that may block, and gives it to the pool.
    ///
    /// # Errors
    ///
    /// The kernel's, if there is no thread to run it and none can be started. The closure has been dropped.
    pub(crate) fn spawn_blocking<F, T>(
        self: &Arc<Self>,
        run: F,
        origin: Origin,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (task, handle) = self.adopt(Job::new(run), None, origin, Kind::Job);
        if let Some(job) = task {
            // SAFETY: the closure is `Send`, and so is the job that holds it.
            match unsafe { self.blocking.push(job) } {
                Ok(Pushed::Done) => {}
                Ok(Pushed::Refused) => self.tell_of_refusal(),
                Err(NoThread { job, error }) => {
                    let _ = end(job.into_raw());
                    return Err(error);
                }
            }
        }
        Ok(handle)
    }

    /// The kernel has refused a thread that a job needs: sees to it that a worker asks again. Each does so before it sleeps; those that
    /// sleep already are woken to learn of it, and if the first slot is vacant, the spare thread is sent there.
    #[cold]
    fn tell_of_refusal(&self) {
        if self.threads.first_slot_is_vacant() {
            self.threads.occupy();
        }
        for slot in &self.slots {
            slot.driver.reactor.unpark();
        }
    }

    /// Drops an aborted job here and now, if it is still queued.
    #[cold]
    pub(crate) fn cancel_job(&self, job: &Header) {
        self.blocking.cancel(job.id, |job| {
            let _ = end(job.into_raw());
        });
    }

    /// Makes a task of `future`, for a queue, and its handle. `None`: the runtime is ending; the future has been dropped here
    /// and now, and the handle says «cancelled».
    #[inline(always)]
    fn adopt<F: Future>(
        self: &Arc<Self>,
        future: F,
        pinned_to: Option<Arc<LocalTasks>>,
        origin: Origin,
        kind: Kind,
    ) -> (Option<Task>, JoinHandle<F::Output>) {
        let kind = match (kind, &origin.name) {
            (kind, None) => kind,
            (Kind::Job, Some(_)) => Kind::NamedJob,
            (_, Some(_)) => Kind::Named,
        };
        let binding = Binding {
            shared: Arc::clone(self),
            pinned_to,
        };
        let task = allocate(future, binding, origin.location, kind);
        // Only now: a panic that had to drop the future would cost instructions where there is none. In a child it is leaked.
        self.assert_here();
        // SAFETY: this is the reference that was made for the handle, and `F` is what the task was made for.
        let handle = unsafe { JoinHandle::from_raw(task) };
        if let Some(name) = origin.name {
            self.names.set(handle.header().id, name);
        }
        let listed = handle.header().owner().insert(task);
        // SAFETY: a task starts notified, and this is the reference that was made for the queue.
        let queued = unsafe { Task::from_raw(task) };
        if listed {
            (Some(queued), handle)
        } else {
            let _ = end(task);
            (None, handle)
        }
    }
}
