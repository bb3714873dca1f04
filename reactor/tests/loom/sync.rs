//! What `src/sync.rs` is to the crate, with loom's primitives in place of the standard ones.

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
pub(crate) use loom::sync::{Condvar, Mutex};

use loom::sync::MutexGuard;
use loom::sync::atomic;
use std::time::Duration;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no model poisons a lock")
}

/// Loom's atomic, of which loom forgets no access.
///
/// To find what may be reordered, loom looks at the *last* access to an object alone. In a load and a compare-exchange
/// by one thread, the load hides an earlier access of another thread from the exchange, and loom does not try to put that
/// access after it. So every access here touches a second object first, by a read-modify-write, which nothing
/// hides, and which, being relaxed, orders nothing in the model.
#[derive(Debug)]
pub(crate) struct AtomicU64 {
    value: atomic::AtomicU64,
    accesses: atomic::AtomicUsize,
}

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        Self {
            value: atomic::AtomicU64::new(value),
            accesses: atomic::AtomicUsize::new(0),
        }
    }

    fn touch(&self) -> &atomic::AtomicU64 {
        self.accesses.fetch_add(1, Ordering::Relaxed);
        &self.value
    }

    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.touch().load(order)
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.touch()
            .compare_exchange_weak(current, new, success, failure)
    }
}

pub(crate) fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).expect("no model poisons a lock")
}

pub(crate) fn wait_timeout<'a, T>(
    _: &Condvar,
    _: MutexGuard<'a, T>,
    _: Duration,
) -> MutexGuard<'a, T> {
    unreachable!("no model has a clock")
}

/// The standard one, with an atomic of loom's in front of it, so that loom knows of each look.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    /// `None`: it has been there from the beginning.
    is_set: Option<atomic::AtomicBool>,
    value: std::sync::OnceLock<T>,
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        Self {
            is_set: None,
            value: std::sync::OnceLock::from(value),
        }
    }
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            is_set: Some(atomic::AtomicBool::new(false)),
            value: std::sync::OnceLock::new(),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        match &self.is_set {
            Some(is_set) if !is_set.load(Ordering::Acquire) => None,
            _ => self.value.get(),
        }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        if let Some(is_set) = &self.is_set {
            is_set.store(true, Ordering::Release);
        }
        Ok(())
    }
}
