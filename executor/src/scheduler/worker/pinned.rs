//! [`Pinned`]: the ready tasks that are pinned to a worker's thread, and when the turn of the first one comes.

use super::role::Role;
use crate::queue::pinned::NO_POSITION;
use crate::scheduler::slot::Slot;
use crate::scheduler::{PinnedQueue, Task};
use std::cell::{Cell, RefCell};

pub(super) struct Pinned {
    /// Each with its position among those of the slot: it comes before that.
    queue: RefCell<PinnedQueue>,
    /// The head of the ring at which the turn of the first of them comes, or one that is never reached. That is its position, less
    /// what siblings have stolen from the overflow, as far as the worker has looked: it looks at each turn, and when the ring is empty.
    first: Cell<u64>,
    /// How many have ever left the queue.
    popped: Cell<u64>,
}

impl Pinned {
    pub(super) fn new() -> Self {
        Self {
            queue: RefCell::new(PinnedQueue::new()),
            first: Cell::new(NO_POSITION),
            popped: Cell::new(0),
        }
    }

    /// Adds a task behind all that are queued in `slot`. Siblings steal from there.
    #[inline]
    pub(super) fn push(&self, task: Task, slot: &Slot, role: &Role) {
        let mut queue = self.queue.borrow_mut();
        if queue.push(slot.pushed(), task) {
            self.set_first(&queue, slot, role);
        }
    }

    #[inline]
    pub(super) fn pop(&self, slot: &Slot, role: &Role) -> Option<Task> {
        let mut queue = self.queue.borrow_mut();
        let (task, run_ends) = queue.pop()?;
        if run_ends {
            self.set_first(&queue, slot, role);
        }
        self.popped.set(self.popped.get() + 1);
        Some(task)
    }

    /// Says at which head of the ring the turn of the first one comes, by what has been stolen until now.
    #[inline]
    fn set_first(&self, queue: &PinnedQueue, slot: &Slot, role: &Role) {
        let position = queue.first_position();
        self.first.set(position);
        if role.has_siblings() && position != NO_POSITION {
            let head = position.saturating_sub(slot.stolen_behind());
            self.first.set(head);
        }
    }

    /// Siblings may have stolen what was before the first one.
    #[inline]
    pub(super) fn note_what_was_stolen(&self, slot: &Slot, role: &Role) {
        let queue = self.queue.borrow();
        if queue.len() > 0 {
            self.set_first(&queue, slot, role);
        }
    }

    #[inline]
    pub(super) fn is_turn_of_first(&self, slot: &Slot) -> bool {
        self.first.get() <= slot.ring.head()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.borrow().len() == 0
    }

    /// How many have ever left the queue.
    #[inline]
    pub(super) fn popped(&self) -> u64 {
        self.popped.get()
    }

    /// How many have ever come to it.
    pub(super) fn came(&self) -> u64 {
        self.popped.get() + self.queue.borrow().len() as u64
    }

    /// Gives memory back that was needed for more tasks than there are.
    #[inline]
    pub(super) fn shrink(&self) {
        if self.queue.borrow().is_roomy() {
            self.queue.borrow_mut().shrink();
        }
    }

    #[cfg(all(any(test, debug_assertions), not(loom)))]
    pub(super) fn queue(&self) -> std::cell::Ref<'_, PinnedQueue> {
        self.queue.borrow()
    }

    #[cfg(all(any(test, debug_assertions), not(loom)))]
    pub(super) fn first(&self) -> &Cell<u64> {
        &self.first
    }
}
