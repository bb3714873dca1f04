//! The primitives that [`Timers`](crate::Timers) are built from.
//!
//! By way of this module, a loom model can bring the same source files under loom's (`tests/loom_timers.rs`).

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};
