//! The primitives that the lock-free parts of this crate are built from.
//!
//! Everything that a loom model explores names its atomics and locks through this module, so that a model
//! can bring the same source files under loom's (`tests/loom_*.rs`).

pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence};

use std::sync::{MutexGuard, PoisonError};

/// Locks, whether or not a panic has poisoned the lock: no user code runs under any lock of this crate, so a
/// panic cannot leave half a change behind.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
