//! [`Worker`]: the loop that runs tasks and turns the driver.
//!
//! A worker belongs to one thread, and is known to it through a thread-local, so that a task woken here is queued
//! without a lock. Nothing of it is reached from another thread.

use crate::driver::Entered;
use crate::shared::Shared;
use crate::task::queue::TaskQueue;
use crate::task::task::Task;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use waterwheel_reactor::budget;

/// How many polls a worker makes at most before it turns its driver: a task that wakes itself for ever starves neither
/// sockets nor timers (tokio#8212).
pub(crate) const EVENT_INTERVAL: u32 = 61;

thread_local! {
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    queue: RefCell<TaskQueue>,
}

impl Worker {
    #[inline]
    pub(crate) fn push(&self, task: Task) {
        self.queue.borrow_mut().push(task);
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        self.queue.borrow_mut().pop()
    }

    /// The place in the queue of whoever is pushed next.
    #[inline]
    pub(crate) fn next_place(&self) -> u64 {
        self.queue.borrow().pushed()
    }

    /// The place in the queue whose turn it is.
    #[inline]
    pub(crate) fn place_now(&self) -> u64 {
        self.queue.borrow().popped()
    }

    /// Runs the task at the front of the queue. `false`: there is none.
    #[inline]
    pub(crate) fn run_one(&self) -> bool {
        let Some(task) = self.pop().or_else(|| self.take_injected()) else {
            return false;
        };
        budget::refill();
        // SAFETY: a local task was spawned on this thread: a worker never leaves the thread of its `Seat`, and a
        // runtime has one seat.
        unsafe { task.run() };
        true
    }

    /// Moves what other threads have made ready to the end of the queue, and pops.
    fn take_injected(&self) -> Option<Task> {
        self.collect_injected();
        self.pop()
    }

    fn collect_injected(&self) {
        if let Some(injected) = self.shared.injection.take() {
            self.queue.borrow_mut().append(injected);
        }
    }

    /// Wakes whom concerns what has happened, without sleeping.
    pub(crate) fn turn_now(&self) {
        self.shared.driver.turn_now();
        self.collect_injected();
    }

    /// Sleeps until there is something to do. May return with nothing.
    pub(crate) fn park(&self) {
        self.shared.driver.park();
    }
}

/// Runs `f` with this thread's worker, if it has one.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: the pointer is null, or a `Seat` of this thread has set it to a worker that it keeps alive, and will set
    // it back before it lets go. `f` cannot take the reference further than this call.
    f(unsafe { CURRENT.get().as_ref() })
}

/// A thread's stay in a worker: from here on `spawn`, `sleep` and sockets work on this thread. Dropped, it ends the
/// runtime on this thread.
pub(crate) struct Seat {
    /// An `Rc`, and not a `Box`: to move a box is to assert that nobody else points into it, and the thread-local does.
    /// So a seat is not `Send` either, as the thread-local is this thread's.
    worker: Rc<Worker>,
    /// Given up last, after `drop` has run, so that destructors of tasks find what they know.
    _entered: Entered,
}

impl Seat {
    /// Takes a new seat. The thread must have none.
    pub(crate) fn take(shared: Arc<Shared>) -> Self {
        let entered = shared.driver.enter();
        let worker = Rc::new(Worker {
            shared,
            queue: RefCell::new(TaskQueue::new()),
        });
        debug_assert!(CURRENT.get().is_null(), "a thread has one seat");
        CURRENT.set(Rc::as_ptr(&worker));
        Self {
            worker,
            _entered: entered,
        }
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Before the worker is freed, also if what follows panics.
        let _vacate = Vacate;
        budget::unlimited();
        self.worker.shared.shut_down();
        while let Some(task) = self.worker.pop() {
            drop(task);
        }
    }
}

/// Dropped, it makes this thread one without a worker.
struct Vacate;

impl Drop for Vacate {
    fn drop(&mut self) {
        CURRENT.set(ptr::null());
    }
}
