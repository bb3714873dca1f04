//! [`TaskQueue`]: first in, first out, linked through the tasks themselves, so that queueing never allocates.

#[cfg(all(any(test, debug_assertions), not(loom)))]
#[path = "list/validate.rs"]
mod validate;

use crate::task::header::TaskPtr;
use crate::task::schedule::Schedule;
use crate::task::task::Task;

pub(crate) struct TaskQueue<S: Schedule> {
    ends: Option<Ends<S>>,
    length: usize,
}

struct Ends<S: 'static> {
    first: TaskPtr<S>,
    last: TaskPtr<S>,
}

// SAFETY: the queue owns its `Task`s, which may be sent, and has nothing else.
unsafe impl<S: Schedule> Send for TaskQueue<S> {}

impl<S: Schedule> Default for TaskQueue<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Schedule> TaskQueue<S> {
    pub(crate) const fn new() -> Self {
        Self {
            ends: None,
            length: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, task: Task<S>) {
        let task = task.into_raw();
        // SAFETY: a task is in one queue at most (T2), and this one has it now: its link is ours.
        unsafe { *task.as_ref().queue_next.get() = None };
        match &mut self.ends {
            None => {
                let (first, last) = (task, task);
                self.ends = Some(Ends { first, last });
            }
            Some(ends) => {
                // SAFETY: the last task is alive, as the queue has its reference, and its link is ours.
                unsafe { *ends.last.as_ref().queue_next.get() = Some(task) };
                ends.last = task;
            }
        }
        self.length += 1;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Task<S>> {
        let ends = self.ends.as_mut()?;
        let task = ends.first;
        // SAFETY: the task is alive, as the queue has its reference, and its link is ours.
        match unsafe { *task.as_ref().queue_next.get() } {
            Some(next) => ends.first = next,
            None => self.ends = None,
        }
        self.length -= 1;
        // SAFETY: it was pushed as a `Task`, and leaves as the same.
        Some(unsafe { Task::from_raw(task) })
    }

    /// Takes the first `most` out, in their order.
    pub(crate) fn split_front(&mut self, most: usize) -> Self {
        if self.length <= most {
            return std::mem::take(self);
        }
        let mut front = Self::new();
        while front.length < most {
            front.push(self.pop().expect("it has more than that"));
        }
        front
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.length
    }
}

impl<S: Schedule> Drop for TaskQueue<S> {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}
