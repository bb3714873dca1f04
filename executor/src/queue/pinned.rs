//! [`PinnedQueue`]: the ready tasks that are pinned to a thread, each with its [position](crate::scheduler::slot) among those of the slot.
//!
//! Tasks that were queued while nothing came to the slot have one position, and are one *run*: as long as all that a thread runs is
//! pinned to it, there is one. So the first run stands apart from the others, and they are empty most of the time.

#[cfg(all(any(test, debug_assertions), not(loom)))]
#[path = "pinned/validate.rs"]
mod validate;

use crate::queue::list::TaskQueue;
use crate::shrink;
use crate::task::schedule::Schedule;
use crate::task::task::Task;
use std::collections::VecDeque;

/// A position that no slot comes to.
pub(crate) const NO_POSITION: u64 = u64::MAX;

pub(crate) struct PinnedQueue<S: Schedule> {
    tasks: TaskQueue<S>,
    /// The run of the first task, or [`Run::NONE`].
    first: Run,
    /// The runs behind it. Empty when there is no first.
    later: VecDeque<Run>,
}

struct Run {
    position: u64,
    /// How many tasks have it. At least one, but in `NONE`.
    count: usize,
}

impl Run {
    const NONE: Self = Self {
        position: NO_POSITION,
        count: 0,
    };
}

impl<S: Schedule> PinnedQueue<S> {
    pub(crate) fn new() -> Self {
        Self {
            tasks: TaskQueue::new(),
            first: Run::NONE,
            later: VecDeque::new(),
        }
    }

    /// Adds a task that comes before `position`, which only grows. Tells whether it is the first one now.
    #[inline(always)]
    pub(crate) fn push(&mut self, position: u64, task: Task<S>) -> bool {
        let was_empty = self.first.count == 0;
        if was_empty {
            self.first.position = position;
        }
        if self.first.position == position {
            self.first.count += 1;
        } else {
            self.push_later(position);
        }
        self.tasks.push(task);
        was_empty
    }

    fn push_later(&mut self, position: u64) {
        match self.later.back_mut() {
            Some(run) if run.position == position => run.count += 1,
            _ => self.later.push_back(Run { position, count: 1 }),
        }
    }

    /// Takes the first task. Tells whether the next one has another position.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(Task<S>, bool)> {
        let task = self.tasks.pop()?;
        self.first.count -= 1;
        let run_ends = self.first.count == 0;
        if run_ends {
            self.first = self.later.pop_front().unwrap_or(Run::NONE);
        }
        Some((task, run_ends))
    }

    /// The position of the first task, or one that is never reached.
    #[inline]
    pub(crate) fn first_position(&self) -> u64 {
        self.first.position
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether it has memory that it needs no more.
    #[inline]
    pub(crate) fn is_roomy(&self) -> bool {
        shrink::is_roomy(self.later.len(), self.later.capacity())
    }

    #[cold]
    pub(crate) fn shrink(&mut self) {
        shrink::deque(&mut self.later);
    }
}
