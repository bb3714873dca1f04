//! The primitives that the lock-free parts of this crate are built from.
//!
//! Everything that a loom model explores names its atomics through this module, so that a model can bring the same
//! source files under loom's (`tests/loom_*.rs`).

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread;

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
};

use std::sync::PoisonError;

/// Locks, whether or not a panic has poisoned the lock: no user code runs under any lock of this crate, so a
/// panic cannot leave half a change behind.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
