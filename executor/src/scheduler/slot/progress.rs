//! [`Progress`]: by which others see whether a worker is awake, and whether it is stuck.
//!
//! A count that is odd while the worker is awake, and even while it sleeps or the slot is empty. It changes at each turn, so a
//! worker that is awake and whose count stays is in one poll all the time: its driver is turned by nobody.

use crate::sync::{AtomicU64, Ordering};

pub(crate) struct Progress {
    count: AtomicU64,
    /// What it was at the last look.
    seen: AtomicU64,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            seen: AtomicU64::new(0),
        }
    }

    /// The worker comes, or wakes. Its alone to call, as are the next three.
    pub(crate) fn awake(&self) {
        self.step(1);
    }

    /// The worker goes to sleep.
    pub(crate) fn asleep(&self) {
        self.step(1);
    }

    /// The worker has left, awake or, by a panic, out of its sleep.
    pub(crate) fn gone(&self) {
        if self.is_awake() {
            self.step(1);
        }
    }

    /// The worker is awake, and has turned its driver.
    pub(crate) fn on(&self) {
        self.step(2);
    }

    /// A load and a store: there is one writer.
    fn step(&self, by: u64) {
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count + by, Ordering::Release);
    }

    pub(crate) fn is_awake(&self) -> bool {
        self.count.load(Ordering::Acquire) % 2 == 1
    }

    /// Whether the worker has been in one poll since this was asked last.
    pub(crate) fn is_stuck(&self) -> bool {
        let count = self.count.load(Ordering::Acquire);
        self.seen.swap(count, Ordering::Relaxed) == count && count % 2 == 1
    }
}
