//! What the process has of the system: memory, descriptors, threads, time; and limits.
//!
//! Memory is measured twice. The *heap* is the sum of what has been allocated and not freed, counted by the allocator: when it
//! grows, something is kept. *Resident* memory is what the kernel has given: it also grows when the C library's allocator cannot use again
//! what was freed, and so tells of fragmentation, stacks, and whatever is mapped without an allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static BYTES: AtomicIsize = AtomicIsize::new(0);
static BLOCKS: AtomicIsize = AtomicIsize::new(0);

fn changes(bytes: isize, blocks: isize) {
    BYTES.fetch_add(bytes, Ordering::Relaxed);
    BLOCKS.fetch_add(blocks, Ordering::Relaxed);
}

// SAFETY: each call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's promise.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            changes(layout.size() as isize, 1);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        changes(-(layout.size() as isize), -1);
        // SAFETY: by the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the caller's promise.
        let moved = unsafe { System.realloc(block, layout, size) };
        if !moved.is_null() {
            changes(size as isize - layout.size() as isize, 0);
        }
        moved
    }
}

/// Bytes that are allocated.
pub(crate) fn heap() -> isize {
    BYTES.load(Ordering::Relaxed)
}

/// Allocations that are alive.
pub(crate) fn blocks() -> isize {
    BLOCKS.load(Ordering::Relaxed)
}

/// Bytes of resident memory, exactly: the kernel walks the page tables. (`statm` may be off by some hundred KiB, as it leaves out what the
/// processors have not added up yet.)
pub(crate) fn resident() -> isize {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Rss:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kib.map_or(0, |kib: isize| kib << 10)
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Open descriptors, without the one that counts them.
pub(crate) fn descriptors() -> usize {
    entries("/proc/self/fd").saturating_sub(1)
}

pub(crate) fn threads() -> usize {
    entries("/proc/self/task")
}

/// Gives the system what the C library's allocator keeps for later.
pub(crate) fn trim() {
    // SAFETY: it has no preconditions.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// Bytes that the C library's allocator has of the system and has not given to anybody: between blocks that are in use, mostly.
pub(crate) fn unused() -> usize {
    // SAFETY: it has no preconditions.
    #[cfg(target_env = "gnu")]
    return unsafe { libc::mallinfo2() }.fordblks;
    #[cfg(not(target_env = "gnu"))]
    0
}

/// Processor time that the process has used.
pub(crate) fn processor_time() -> Duration {
    // SAFETY: zeroes are a value of it.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a value of that type.
    let got = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(got, 0, "getrusage: {}", io::Error::last_os_error());
    let of = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}

fn limit() -> libc::rlimit {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a value of that type.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    assert_eq!(got, 0, "getrlimit: {}", io::Error::last_os_error());
    limit
}

/// Lets the process have as many descriptors as the hard limit allows, or `at_most`, and returns how many that is.
pub(crate) fn allow_descriptors(at_most: usize) -> usize {
    let mut limit = limit();
    limit.rlim_cur = limit.rlim_max.min(at_most as libc::rlim_t);
    // SAFETY: the pointer is to a value of that type.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0, "setrlimit: {}", io::Error::last_os_error());
    limit.rlim_cur as usize
}

/// One heap for all threads. With one for each, what a thread frees is not there for what another allocates: as tasks wander between threads, each
/// heap would come to be as large as all, and resident memory grow for hours with nothing kept.
pub(crate) fn share_a_heap() {
    // SAFETY: it takes numbers, and no pointers.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1)
    };
}

/// No pages of 2 MiB, which the kernel gives and takes as it likes: resident memory is to follow what is used.
pub(crate) fn refuse_huge_pages() {
    // SAFETY: it takes numbers, and no pointers.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}
