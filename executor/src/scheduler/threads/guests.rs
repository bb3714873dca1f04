//! [`Guests`]: the threads that are in `block_on` while somebody else has the first slot.
//!
//! A guest polls its own future, and what is pinned to its thread, and sleeps in a driver of its own. That has descriptors only from when its
//! future first waits for one, so that hundreds of threads may wait in `block_on` for tasks and for time. What it spawns goes to the
//! workers. It has a [`Slot`], for that driver, which nobody steals from. If it is stuck, workers take its turn, in a runtime of several
//! slots.

use crate::scheduler::slot::Slot;
use crate::shrink;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Guests {
    slots: Mutex<Vec<Arc<Slot>>>,
    /// How many there are, so that a runtime without guests does not pay for them.
    count: AtomicUsize,
}

impl Guests {
    pub(crate) fn come(&self, slot: Arc<Slot>) {
        let mut slots = lock(&self.slots);
        slots.push(slot);
        self.count.store(slots.len(), Ordering::SeqCst);
    }

    pub(crate) fn leave(&self, slot: &Arc<Slot>) {
        let mut slots = lock(&self.slots);
        slots.retain(|other| !Arc::ptr_eq(other, slot));
        shrink::vec(&mut slots);
        self.count.store(slots.len(), Ordering::SeqCst);
    }

    /// Those that are there.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Slot>> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        lock(&self.slots).clone()
    }

    pub(crate) fn anybody_awake(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
            && lock(&self.slots)
                .iter()
                .any(|slot| slot.progress.is_awake())
    }
}
