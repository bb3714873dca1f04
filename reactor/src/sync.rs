//! The primitives that the lock-free parts of this crate are built from.
//!
//! Everything that a loom model explores names its atomics and locks through this module, so that a model
//! can bring the same source files under loom's (`tests/loom_*.rs`).

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, OnceLock};

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// Locks, whether or not a panic has poisoned the lock: no user code runs under any lock of this crate, so a
/// panic cannot leave half a change behind.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a change of what the lock guards. It may return without one.
pub(crate) fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// The same, for so long at most.
pub(crate) fn wait_timeout<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    most: Duration,
) -> MutexGuard<'a, T> {
    let waited = changed.wait_timeout(guard, most);
    waited.unwrap_or_else(PoisonError::into_inner).0
}
