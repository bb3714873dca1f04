//! [`Injection`]: tasks that other threads have made ready, until the worker takes them.

use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use crate::task::queue::TaskQueue;
use crate::task::task::Task;

pub(crate) struct Injection {
    queue: Mutex<Inner>,
    /// How many there are, so that a worker need not lock to learn that there are none.
    length: AtomicUsize,
}

struct Inner {
    tasks: TaskQueue,
    closed: bool,
}

impl Injection {
    pub(crate) fn new() -> Self {
        Self {
            queue: Mutex::new(Inner {
                tasks: TaskQueue::new(),
                closed: false,
            }),
            length: AtomicUsize::new(0),
        }
    }

    /// Adds a task. Once closed, drops it: its future is the list's to drop.
    pub(crate) fn push(&self, task: Task) {
        let mut inner = lock(&self.queue);
        if inner.closed {
            drop(inner);
            drop(task);
            return;
        }
        inner.tasks.push(task);
        // Release, under the lock: who sees the length finds the task.
        self.length
            .store(inner.tasks.len() as usize, Ordering::Release);
    }

    /// Takes all there are.
    ///
    /// A push that this misses is followed by an unpark, which keeps the worker from sleeping.
    #[inline]
    pub(crate) fn take(&self) -> Option<TaskQueue> {
        if self.length.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut inner = lock(&self.queue);
        self.length.store(0, Ordering::Relaxed);
        Some(std::mem::take(&mut inner.tasks))
    }

    /// Takes all there are, and no more from here on.
    pub(crate) fn close(&self) -> TaskQueue {
        let mut inner = lock(&self.queue);
        inner.closed = true;
        self.length.store(0, Ordering::Relaxed);
        std::mem::take(&mut inner.tasks)
    }
}
