//! [`SharedQueue`]: tasks behind a lock, for any thread to put in and to take out.
//!
//! A runtime has three kinds of it: the injection queue, for what other threads make ready; the overflow of each slot, for what
//! its [ring](crate::queue::ring) has no room for; and the inbox of each worker, for tasks that are pinned to it.

#[cfg(all(any(test, debug_assertions), not(loom)))]
#[path = "shared/validate.rs"]
mod validate;

use crate::queue::list::TaskQueue;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use crate::task::schedule::Schedule;
use crate::task::task::Task;

pub(crate) struct SharedQueue<S: Schedule> {
    queue: Mutex<Inner<S>>,
    /// How many there are, so that nobody need lock to learn that there are none.
    length: AtomicUsize,
}

struct Inner<S: Schedule> {
    tasks: TaskQueue<S>,
    closed: bool,
}

impl<S: Schedule> SharedQueue<S> {
    pub(crate) fn new() -> Self {
        Self {
            queue: Mutex::new(Inner {
                tasks: TaskQueue::new(),
                closed: false,
            }),
            length: AtomicUsize::new(0),
        }
    }

    /// How many there are. None may have come, or gone, meanwhile.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Acquire: who sees the length finds the task.
        self.length.load(Ordering::Acquire)
    }

    /// Adds a task. Once closed, drops it: its future is its list's to drop.
    pub(crate) fn push(&self, task: Task<S>) {
        let mut inner = lock(&self.queue);
        if inner.closed {
            drop(inner);
            drop(task);
            return;
        }
        inner.tasks.push(task);
        self.length.store(inner.tasks.len(), Ordering::Release);
    }

    /// Takes the first `most`.
    ///
    /// Whoever pushes what this misses sees to it that somebody looks again.
    #[inline]
    pub(crate) fn take(&self, most: usize) -> Option<TaskQueue<S>> {
        if self.len() == 0 {
            return None;
        }
        self.take_some(most)
    }

    fn take_some(&self, most: usize) -> Option<TaskQueue<S>> {
        let mut inner = lock(&self.queue);
        let taken = inner.tasks.split_front(most);
        self.length.store(inner.tasks.len(), Ordering::Release);
        (taken.len() > 0).then_some(taken)
    }

    /// Takes all there are, and no more from here on.
    pub(crate) fn close(&self) -> TaskQueue<S> {
        let mut inner = lock(&self.queue);
        inner.closed = true;
        self.length.store(0, Ordering::Relaxed);
        std::mem::take(&mut inner.tasks)
    }
}
