//! [`Search`]: a worker's search for tasks in the queues of its siblings.

use super::{MOST_STEALS, Worker};
use crate::scheduler::Task;
use crate::scheduler::idle::Woken;
use crate::scheduler::slot::Slot;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;
use waterwheel_reactor::sys::clock::real_now;

pub(super) struct Search {
    /// Whether the worker is counted as one that searches.
    is_on: Cell<bool>,
    /// Where the next search begins.
    first_victim: Cell<usize>,
    /// When the worker woke last, and how.
    woken: Cell<(Instant, Woken)>,
}

impl Search {
    pub(super) fn new(first_victim: usize) -> Self {
        Self {
            is_on: Cell::new(false),
            first_victim: Cell::new(first_victim),
            woken: Cell::new((real_now(), Woken::ByItself)),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.get()
    }

    pub(super) fn begin(&self) {
        self.is_on.set(true);
    }

    /// Whether it was on. From here on it is not.
    pub(super) fn end(&self) -> bool {
        self.is_on.take()
    }

    fn next_victim(&self, slots: usize) -> usize {
        let first = self.first_victim.get();
        self.first_victim.set((first + 1) % slots);
        first
    }

    pub(super) fn woken(&self) -> (Instant, Woken) {
        self.woken.get()
    }

    pub(super) fn set_woken(&self, now: Instant, how: Woken) {
        self.woken.set((now, how));
    }
}

impl Worker {
    /// Looks for tasks in the queues of siblings.
    pub(super) fn search(&self) -> Option<Task> {
        if !self.role.has_siblings() {
            return None;
        }
        if !self.search.is_on() {
            if !self.shared.idle.start_searching() {
                return None;
            }
            self.search.begin();
            self.rested.set(true);
        }
        let slots = &self.shared.slots;
        let first = self.search.next_victim(slots.len());
        for offset in 0..slots.len() {
            let victim = &slots[(first + offset) % slots.len()];
            if Arc::ptr_eq(victim, &self.slot) {
                continue;
            }
            // SAFETY: we are the worker of our slot, and that is another.
            if let Some(task) = unsafe { victim.steal_into(&self.slot) } {
                self.slot.counters.steals.add(1);
                return Some(task);
            }
        }
        // It may have been filled meanwhile.
        self.next_from_afar()
    }

    /// Takes the tasks that are ready on another slot, whose worker is stuck, to the end of the queue here.
    pub(crate) fn steal_from(&self, stuck: &Slot) {
        debug_assert!(self.role.has_siblings(), "who looks has siblings");
        for _ in 0..MOST_STEALS {
            // SAFETY: we are the worker of our slot, and that is another, of the runtime's, from which others may steal.
            let Some(task) = (unsafe { stuck.steal_into(&self.slot) }) else {
                return;
            };
            self.slot.counters.steals.add(1);
            self.push_shared(task);
        }
    }
}
