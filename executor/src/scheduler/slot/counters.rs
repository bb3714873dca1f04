//! [`Counters`]: what a worker has done.
//!
//! The worker alone adds to them, so that adding is a load and a store, and costs what it would without other threads. Anybody
//! may read them, each for itself: they are not read in one moment.

use crate::sync::{AtomicU64, Ordering};

/// A count with one writer.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        let count = self.0.load(Ordering::Relaxed);
        self.0.store(count + more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) polls: Counter,
    pub(crate) steals: Counter,
    pub(crate) parks: Counter,
    pub(crate) unparks: Counter,
    pub(crate) turns: Counter,
    pub(crate) sibling_turns: Counter,
}
