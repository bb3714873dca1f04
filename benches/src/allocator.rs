//! The allocator of the program, and so of every contestant: the system's. While it is asked to, it counts the bytes in
//! use.
//!
//! Where it is not asked to, which is wherever time is measured, it costs all alike one load and one branch a call.

#![expect(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; nothing else in this program is"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicI64 = AtomicI64::new(0);

struct Counting;

/// Counts what is allocated, by any thread.
#[must_use = "it counts until it is stopped"]
pub(crate) struct Counter(());

impl Counter {
    /// Begins to count. There is only one at a time.
    pub(crate) fn start() -> Self {
        BYTES.store(0, Relaxed);
        assert!(!COUNTS.swap(true, Relaxed), "somebody else counts");
        Self(())
    }

    /// By how many bytes, as they were asked for, more are in use now than at the start.
    pub(crate) fn stop(self) -> i64 {
        COUNTS.store(false, Relaxed);
        BYTES.load(Relaxed)
    }
}

#[inline]
fn count(more: usize, less: usize) {
    if COUNTS.load(Relaxed) {
        BYTES.fetch_add(more as i64 - less as i64, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator, which keeps the contract, and its result is returned as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as above; the block is the system's, as all are.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}
