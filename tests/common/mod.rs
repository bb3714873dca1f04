//! What the tests of the runtime share: random numbers, what the kernel says of this process, and futures that count.

#![allow(dead_code, reason = "each test uses some of it")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Numbers that look random, from a seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// How often a long test does what it does: `all` in a release build or if `WATERWHEEL_LONG` is set; else, so that a debug build
/// is done in seconds, `some`.
pub(crate) fn rounds(all: usize, some: usize) -> usize {
    if cfg!(debug_assertions) && std::env::var_os("WATERWHEEL_LONG").is_none() {
        some
    } else {
        all
    }
}

/// How many descriptors this process has open.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// The names of this process's threads, as the kernel knows them.
pub(crate) fn threads() -> Vec<String> {
    fs::read_dir("/proc/self/task")
        .expect("proc")
        // One that ends meanwhile has no name any more.
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .collect()
}

/// How many of them have that name.
pub(crate) fn threads_named(name: &str) -> usize {
    threads().iter().filter(|thread| *thread == name).count()
}

/// Waits for what nobody tells of, as that the kernel has forgotten a thread.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "not so: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Counts how many of its [`Guard`]s have been made, and how many dropped.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<(AtomicUsize, AtomicUsize)>);

/// To be put into a future, whose drop it counts.
pub(crate) struct Guard(Count);

impl Count {
    pub(crate) fn guard(&self) -> Guard {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        Guard(self.clone())
    }

    pub(crate) fn made(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Ordering::SeqCst);
    }
}
