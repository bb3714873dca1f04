//! The queues of a worker: where a task goes that has become ready, and which one is next. See [`worker`](super) for the order.

use super::{LIFO_STREAK, Worker};
use crate::queue::ring::CAPACITY;
use crate::scheduler::{Header, Task};
use std::sync::Arc;

/// A place in the queue, for something that is queued elsewhere: behind so many of the slot's, and so many of the pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueuePosition {
    pub(crate) ring: u64,
    pub(crate) pinned: u64,
}

impl Worker {
    /// Whether that task may be queued here: it is of this runtime, and not pinned elsewhere.
    #[inline]
    pub(crate) fn may_run(&self, task: &Header) -> bool {
        Arc::ptr_eq(&self.shared, &task.scheduler.shared)
            && match &task.scheduler.pinned_to {
                None => true,
                Some(home) => Arc::ptr_eq(home, &self.local),
            }
    }

    /// Adds a task at the end.
    #[inline]
    pub(crate) fn push(&self, task: Task) {
        if task.header().scheduler.pinned_to.is_some() {
            self.push_pinned(task);
        } else {
            self.push_shared(task);
        }
    }

    #[inline(never)]
    pub(crate) fn push_pinned(&self, task: Task) {
        debug_assert!(
            task.header()
                .scheduler
                .pinned_to
                .as_ref()
                .is_some_and(|local| Arc::ptr_eq(local, &self.local)),
            "a task came to a thread that it is not pinned to"
        );
        self.pinned.push(task, &self.slot, &self.role);
    }

    #[inline]
    pub(super) fn pop_pinned(&self) -> Option<Task> {
        self.pinned.pop(&self.slot, &self.role)
    }

    /// Siblings may have stolen what was before the first pinned task.
    #[inline]
    pub(super) fn note_what_was_stolen(&self) {
        self.pinned.note_what_was_stolen(&self.slot, &self.role);
    }

    #[inline]
    pub(crate) fn push_shared(&self, task: Task) {
        if self.role.is_alone() {
            // SAFETY: we are the slot's worker.
            unsafe { self.slot.push(task) };
        } else {
            self.push_for_all(task);
        }
    }

    fn push_for_all(&self, task: Task) {
        if self.role.number().is_none() {
            return self.shared.inject(task);
        }
        // SAFETY: we are the slot's worker.
        unsafe { self.slot.push(task) };
        let idle = &self.shared.idle;
        if idle.wants_work() && self.slot.ring.len() >= idle.worth_waking() {
            self.shared.wake_one();
        }
    }

    /// Adds a task that has been woken: to run next, if that is by a task.
    #[inline]
    pub(crate) fn push_woken(&self, task: Task) {
        if task.header().scheduler.pinned_to.is_some() {
            self.push_pinned(task);
        } else if self.role.has_siblings() && self.streak.get() < LIFO_STREAK {
            // SAFETY: we are the slot's worker.
            if let Some(displaced) = unsafe { self.slot.lifo.put(task) } {
                self.push_shared(displaced);
            }
        } else {
            self.push_shared(task);
        }
    }

    /// The place of whoever comes now.
    pub(crate) fn next_place(&self) -> QueuePosition {
        QueuePosition {
            ring: self.slot.pushed(),
            pinned: self.pinned.came(),
        }
    }

    /// Whether nobody is before that place: what was there may have been stolen, too.
    #[inline]
    pub(crate) fn is_turn_of(&self, place: QueuePosition) -> bool {
        (place.ring <= self.slot.ring.head() || place.ring <= self.slot.left())
            && place.pinned <= self.pinned.popped()
    }

    /// Whether anything is ready here.
    pub(crate) fn has_ready(&self) -> bool {
        self.main_is_woken.get()
            || self.slot.has_ready()
            || !self.pinned.is_empty()
            || self.local.inbox.len() > 0
            || self.shared.injection.len() > 0
    }

    /// Takes the task whose turn it is.
    #[inline(always)]
    pub(super) fn next(&self) -> Option<Task> {
        if self.role.has_siblings() {
            if let Some(task) = self.slot.lifo.take() {
                self.streak.set(self.streak.get() + 1);
                return Some(task);
            }
            self.streak.set(0);
        }
        if self.pinned.is_turn_of_first(&self.slot) {
            return self.pop_pinned();
        }
        // SAFETY: we are the slot's worker.
        match unsafe { self.slot.ring.pop() } {
            None => self.next_from_afar(),
            task => task,
        }
    }

    /// The same, when the ring is empty.
    #[inline(never)]
    pub(super) fn next_from_afar(&self) -> Option<Task> {
        if self.role.has_siblings() {
            self.note_what_was_stolen();
            if self.pinned.is_turn_of_first(&self.slot) {
                return self.pop_pinned();
            }
        }
        // SAFETY: we are the slot's worker.
        if let Some(task) = unsafe { self.slot.refill() } {
            return Some(task);
        }
        // Siblings may have emptied the overflow since we looked what they have stolen.
        if (self.collect_inbox() || self.role.has_siblings())
            && let Some(task) = self.pop_pinned()
        {
            return Some(task);
        }
        if self.collect_injected() {
            // SAFETY: we are the slot's worker.
            return unsafe { self.slot.ring.pop() };
        }
        None
    }

    /// Takes what other threads have made ready of the tasks pinned here to the end of the queue. Tells whether there was any.
    #[inline]
    pub(super) fn collect_inbox(&self) -> bool {
        let has_some = self.local.inbox.len() > 0;
        if has_some {
            self.empty_inbox();
        }
        has_some
    }

    #[inline(never)]
    fn empty_inbox(&self) {
        if let Some(mut tasks) = self.local.inbox.take(usize::MAX) {
            while let Some(task) = tasks.pop() {
                self.push_pinned(task);
            }
        }
    }

    /// Takes this worker's share of what other threads have made ready to the end of its queue. Tells whether there was any.
    #[inline]
    pub(super) fn collect_injected(&self) -> bool {
        let has_some = self.shared.injection.len() > 0;
        if has_some {
            self.take_share();
        }
        has_some
    }

    #[inline(never)]
    fn take_share(&self) {
        let workers = self.shared.workers();
        if self.role.number().is_none_or(|number| number >= workers) {
            return;
        }
        let injection = &self.shared.injection;
        let share = injection.len() / workers + 1;
        // One at least, also when the ring is full at every turn: it goes to the overflow.
        let room = (CAPACITY - self.slot.ring.len()).max(1);
        let Some(mut tasks) = injection.take(share.min(room)) else {
            return;
        };
        while let Some(task) = tasks.pop() {
            self.push_shared(task);
        }
    }
}
