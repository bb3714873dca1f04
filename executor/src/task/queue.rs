//! [`TaskQueue`]: first in, first out, linked through the tasks themselves, so that queueing never allocates.

use super::header::TaskPtr;
use super::task::Task;

#[derive(Default)]
pub(crate) struct TaskQueue {
    ends: Option<Ends>,
    pushed: u64,
    popped: u64,
}

struct Ends {
    first: TaskPtr,
    last: TaskPtr,
}

// SAFETY: the queue owns its `Task`s, which may be sent, and has nothing else.
unsafe impl Send for TaskQueue {}

impl TaskQueue {
    pub(crate) const fn new() -> Self {
        Self {
            ends: None,
            pushed: 0,
            popped: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, task: Task) {
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
        self.pushed += 1;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Task> {
        let ends = self.ends.as_mut()?;
        let task = ends.first;
        // SAFETY: the task is alive, as the queue has its reference, and its link is ours.
        match unsafe { *task.as_ref().queue_next.get() } {
            Some(next) => ends.first = next,
            None => self.ends = None,
        }
        self.popped += 1;
        // SAFETY: it was pushed as a `Task`, and leaves as the same.
        Some(unsafe { Task::from_raw(task) })
    }

    /// Takes all tasks of `other`, in their order, behind its own.
    pub(crate) fn append(&mut self, other: Self) {
        self.pushed += other.len();
        let mut other = std::mem::ManuallyDrop::new(other);
        let Some(theirs) = other.ends.take() else {
            return;
        };
        match &mut self.ends {
            None => self.ends = Some(theirs),
            Some(ours) => {
                // SAFETY: the last task is alive, as the queue has its reference, and its link is ours.
                unsafe { *ours.last.as_ref().queue_next.get() = Some(theirs.first) };
                ours.last = theirs.last;
            }
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.pushed - self.popped
    }

    /// The number of tasks ever pushed: the place of whoever comes next.
    #[inline]
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// The number of tasks ever popped: the place whose turn it is.
    #[inline]
    pub(crate) fn popped(&self) -> u64 {
        self.popped
    }
}

impl Drop for TaskQueue {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}
