//! Loom's atomic, of which loom forgets no access.
//!
//! To find what may be reordered, loom looks at the *last* access to an object alone. In a load and a compare-exchange
//! by one thread, the load hides an earlier access of another thread from the exchange, and loom does not try to put that
//! access after it. So every read-modify-write here touches a second object first, by one of its own, which nothing hides, and which, being relaxed, orders nothing in the model.

use loom::sync::atomic::{self, Ordering};

#[derive(Debug)]
pub(crate) struct AtomicUsize {
    value: atomic::AtomicUsize,
    accesses: atomic::AtomicUsize,
}

impl AtomicUsize {
    pub(crate) fn new(value: usize) -> Self {
        Self {
            value: atomic::AtomicUsize::new(value),
            accesses: atomic::AtomicUsize::new(0),
        }
    }

    fn touch(&self) -> &atomic::AtomicUsize {
        self.accesses.fetch_add(1, Ordering::Relaxed);
        &self.value
    }

    pub(crate) fn load(&self, order: Ordering) -> usize {
        self.value.load(order)
    }

    pub(crate) fn fetch_add(&self, more: usize, order: Ordering) -> usize {
        self.touch().fetch_add(more, order)
    }

    pub(crate) fn fetch_sub(&self, less: usize, order: Ordering) -> usize {
        self.touch().fetch_sub(less, order)
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        self.touch()
            .compare_exchange_weak(current, new, success, failure)
    }
}
