//! [`PinnedQueue`]: the ready tasks that are pinned to a thread, each with its [position](crate::seat) among those of the seat.
//!
//! Tasks that were queued while nothing came to the seat have one position, and are one *run*: as long as all that a thread runs is
//! pinned to it, there is one.

#[cfg(all(any(test, debug_assertions), not(loom)))]
#[path = "pinned/validate.rs"]
mod validate;

use crate::shrink;
use crate::task::queue::TaskQueue;
use crate::task::task::Task;
use std::collections::VecDeque;

/// A position that no seat comes to.
pub(crate) const NO_POSITION: u64 = u64::MAX;

pub(crate) struct PinnedQueue {
    tasks: TaskQueue,
    runs: VecDeque<Run>,
}

struct Run {
    position: u64,
    /// How many tasks have it. At least one.
    count: usize,
}

impl PinnedQueue {
    pub(crate) fn new() -> Self {
        Self {
            tasks: TaskQueue::new(),
            runs: VecDeque::with_capacity(8),
        }
    }

    /// Adds a task that comes before `position`, which only grows.
    #[inline(always)]
    pub(crate) fn push(&mut self, position: u64, task: Task) {
        match self.runs.back_mut() {
            Some(run) if run.position == position => run.count += 1,
            _ => self.runs.push_back(Run { position, count: 1 }),
        }
        self.tasks.push(task);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Task> {
        let task = self.tasks.pop()?;
        let run = self.runs.front_mut().expect("every task is in a run");
        run.count -= 1;
        if run.count == 0 {
            self.runs.pop_front();
        }
        Some(task)
    }

    /// The position of the first task, or one that is never reached.
    pub(crate) fn first_position(&self) -> u64 {
        self.runs.front().map_or(NO_POSITION, |run| run.position)
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether it has memory that it needs no more.
    #[inline]
    pub(crate) fn is_roomy(&self) -> bool {
        shrink::is_roomy(self.runs.len(), self.runs.capacity())
    }

    #[cold]
    pub(crate) fn shrink(&mut self) {
        shrink::deque(&mut self.runs);
    }
}
