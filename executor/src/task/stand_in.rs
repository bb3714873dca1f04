//! [`World`]: a scheduler for tests of tasks and of queues. It keeps what is ready, and runs nothing by itself.

use super::cell::allocate;
use super::header::{Header, Kind, TaskPtr, release};
use super::id::Id;
use super::join_handle::JoinHandle;
use super::memory::Blocks;
use super::owned::OwnedTasks;
use super::schedule::Schedule;
use super::snapshot::Shutdown;
use super::task::Task;
use super::waker;
use std::any::Any;
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::task::RawWakerVTable;

/// What a task of a [`World`] knows of it.
pub(crate) struct StandIn(Arc<Inner>);

struct Inner {
    owned: OwnedTasks<StandIn>,
    ready: Mutex<VecDeque<Task<StandIn>>>,
    panics: Mutex<Vec<Id>>,
}

static WAKER_VTABLE: RawWakerVTable = waker::vtable::<StandIn>();

impl Schedule for StandIn {
    fn schedule(task: Task<Self>) {
        let inner = Arc::clone(&task.header().scheduler.0);
        inner.ready.lock().unwrap().push_back(task);
    }

    fn reschedule(task: Task<Self>) {
        Self::schedule(task);
    }

    fn owner(&self, _: Id) -> &OwnedTasks<Self> {
        &self.0.owned
    }

    fn panicked(&self, task: &Header<Self>, _: &(dyn Any + Send)) {
        self.0.panics.lock().unwrap().push(task.id);
    }

    fn abort_job(&self, _: &Header<Self>) {}

    fn name(&self, _: Id) -> Option<String> {
        None
    }

    fn forget_name(&self, _: Id) {}

    fn assert_runs(&self) {}

    fn waker_vtable() -> &'static RawWakerVTable {
        &WAKER_VTABLE
    }

    unsafe fn blocks<'a>() -> Option<&'a Blocks> {
        None
    }
}

/// Tasks, and those of them that are ready. Dropped, it ends them all.
pub(crate) struct World(Arc<Inner>);

impl World {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            owned: OwnedTasks::default(),
            ready: Mutex::default(),
            panics: Mutex::default(),
        }))
    }

    /// A world of so many tasks, all of them ready, whose futures are never done.
    pub(crate) fn of(tasks: usize) -> Self {
        let world = Self::new();
        for _ in 0..tasks {
            drop(world.spawn(pending::<()>()));
        }
        world
    }

    pub(crate) fn spawn<F: Future>(&self, future: F) -> JoinHandle<F::Output, StandIn> {
        let scheduler = StandIn(Arc::clone(&self.0));
        let task = allocate(future, scheduler, Location::caller(), Kind::Plain);
        assert!(self.0.owned.insert(task), "the world has not ended");
        // SAFETY: a task starts notified, with a reference each for the list, a queue and a handle.
        unsafe {
            StandIn::schedule(Task::from_raw(task));
            JoinHandle::from_raw(task)
        }
    }

    /// The tasks that are not complete.
    pub(crate) fn owned(&self) -> &OwnedTasks<StandIn> {
        &self.0.owned
    }

    /// The ids of tasks that have panicked.
    pub(crate) fn panics(&self) -> Vec<Id> {
        self.0.panics.lock().unwrap().clone()
    }

    /// Takes a task that is ready.
    pub(crate) fn take_ready(&self) -> Option<Task<StandIn>> {
        self.0.ready.lock().unwrap().pop_front()
    }

    /// Polls the tasks that are ready until none is. Returns how many polls that were.
    pub(crate) fn run(&self) -> usize {
        let mut polls = 0;
        while let Some(task) = self.take_ready() {
            // SAFETY: a test has its tasks on one thread.
            unsafe { task.run() };
            polls += 1;
        }
        polls
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.0.owned.close();
        while let Some(task) = self.0.owned.pop() {
            end(task);
        }
        self.0.ready.lock().unwrap().clear();
    }
}

/// Ends a task. The caller gives the list's reference.
fn end(task: TaskPtr<StandIn>) {
    // SAFETY: the reference keeps the task alive, and is given up in either case.
    unsafe {
        match task.as_ref().state.shutdown() {
            Shutdown::Claimed => (task.as_ref().vtable.cancel)(task),
            Shutdown::Left => release(task, 1),
        }
    }
}
