//! [`Binding`]: what a task knows of the scheduler: its runtime, and the thread that it is pinned to.

use super::local_tasks::LocalTasks;
use super::shared::Shared;
use super::task_panic::TaskPanic;
use super::worker;
use super::{Header, OwnedTasks, Task};
use crate::task::harness::contain_panic;
use crate::task::id::Id;
use crate::task::memory::Blocks;
use crate::task::schedule::Schedule;
use crate::task::waker;
use std::any::Any;
use std::sync::Arc;
use std::task::RawWakerVTable;

pub(crate) struct Binding {
    /// The runtime that the task lives in.
    pub(crate) shared: Arc<Shared>,
    /// The thread that alone may poll and drop the future; `None`: any worker may.
    pub(crate) pinned_to: Option<Arc<LocalTasks>>,
}

/// One table for all tasks, so that `will_wake` compares addresses of tasks and nothing else.
static WAKER_VTABLE: RawWakerVTable = waker::vtable::<Binding>();

impl Schedule for Binding {
    /// Queues the task on this thread's worker, if that may run it, without a locked instruction; or else where its own worker will find it.
    #[inline]
    fn schedule(task: Task) {
        // SAFETY: it is used in this call, which runs no code of others.
        match unsafe { worker::current() } {
            Some(worker) if worker.may_run(task.header()) => worker.push_woken(task),
            _ => send(task),
        }
    }

    #[inline]
    fn reschedule(task: Task) {
        // SAFETY: as above.
        match unsafe { worker::current() } {
            Some(worker) if worker.may_run(task.header()) => worker.push(task),
            _ => send(task),
        }
    }

    #[inline]
    fn owner(&self, id: Id) -> &OwnedTasks {
        match &self.pinned_to {
            Some(local) => &local.owned,
            None => self.shared.owned.of(id),
        }
    }

    /// Tells the user's hook.
    fn panicked(&self, task: &Header, payload: &(dyn Any + Send)) {
        if let Some(hook) = &self.shared.settings.hooks.task_panic {
            contain_panic(|| hook(&TaskPanic::new(task, payload)));
        }
    }

    fn abort_job(&self, job: &Header) {
        self.shared.cancel_job(job);
    }

    fn name(&self, id: Id) -> Option<String> {
        self.shared.names.get(id)
    }

    fn forget_name(&self, id: Id) {
        self.shared.names.forget(id);
    }

    #[inline]
    fn assert_runs(&self) {
        self.shared.assert_here();
    }

    #[inline]
    fn waker_vtable() -> &'static RawWakerVTable {
        &WAKER_VTABLE
    }

    #[inline]
    unsafe fn blocks<'a>() -> Option<&'a Blocks> {
        // SAFETY: by the caller's promise.
        unsafe { worker::current() }.map(|worker| &worker.blocks)
    }
}

/// Queues a task from a thread that is none of its workers.
#[cold]
fn send(task: Task) {
    let binding = &task.header().scheduler;
    if !binding.shared.is_here() {
        // It is the parent's, and so is the queue.
        std::mem::forget(task);
        return;
    }
    // As soon as it is queued it may run, and free the last reference to what we are in.
    match binding.pinned_to.clone() {
        Some(local) => local.deliver(task),
        None => {
            let shared = Arc::clone(&binding.shared);
            shared.inject(task);
        }
    }
}
