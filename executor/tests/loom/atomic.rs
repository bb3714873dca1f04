//! Loom's atomics, of which loom forgets no access.
//!
//! To find what may be reordered, loom looks at the *last* access to an object alone. In a load and a compare-exchange
//! by one thread, the load hides an earlier access of another thread from the exchange, and loom does not try to put that
//! access after it; so does a load before a store. So every access here touches a second object first, in a way that nothing
//! hides: an exchange that fails. As it writes nothing, it orders nothing in the model, not even with a fence beside it.

#![allow(dead_code, reason = "a model uses a part of them")]

use loom::sync::atomic::{self, Ordering};
use std::cell::Cell;

std::thread_local! {
    /// All threads of a model are one of the system's, so that this is the model's.
    static FORGETS: Cell<bool> = const { Cell::new(false) };
}

/// Whether loom may forget accesses in the model that begins: it then has less to explore, and may miss an order.
pub(crate) fn forget(may: bool) {
    FORGETS.set(may);
}

/// What every access to an atomic touches.
#[derive(Debug)]
struct Touched(atomic::AtomicBool);

impl Touched {
    fn new() -> Self {
        Self(atomic::AtomicBool::new(false))
    }

    fn touch(&self) {
        if FORGETS.get() {
            return;
        }
        self.0
            .compare_exchange(true, true, Ordering::Relaxed, Ordering::Relaxed)
            .expect_err("it is false for ever");
    }
}

macro_rules! atomic {
    ($name:ident $(<$parameter:ident>)?, $value:ty) => {
        #[derive(Debug)]
        pub(crate) struct $name $(<$parameter>)? {
            value: atomic::$name $(<$parameter>)?,
            touched: Touched,
        }

        impl $(<$parameter>)? $name $(<$parameter>)? {
            pub(crate) fn new(value: $value) -> Self {
                Self {
                    value: atomic::$name::new(value),
                    touched: Touched::new(),
                }
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.touched.touch();
                self.value.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.touched.touch();
                self.value.store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.touched.touch();
                self.value.swap(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.touched.touch();
                self.value.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.touched.touch();
                self.value
                    .compare_exchange_weak(current, new, success, failure)
            }
        }
    };
}

atomic!(AtomicUsize, usize);
atomic!(AtomicU64, u64);
atomic!(AtomicPtr<T>, *mut T);

impl AtomicUsize {
    pub(crate) fn fetch_add(&self, more: usize, order: Ordering) -> usize {
        self.touched.touch();
        self.value.fetch_add(more, order)
    }

    pub(crate) fn fetch_sub(&self, less: usize, order: Ordering) -> usize {
        self.touched.touch();
        self.value.fetch_sub(less, order)
    }
}
