//! [`Tally`]: what a run counts, and what it finds wrong. All workloads share it, from all threads.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many faults are told of, each with what is known of it. All are counted.
const TOLD: u64 = 20;

pub(crate) struct Tally {
    pub(crate) seed: u64,
    /// What deadlines and moments are counted from.
    pub(crate) epoch: Instant,
    over: AtomicBool,
    counters: Mutex<BTreeMap<&'static str, Arc<AtomicU64>>>,
    /// Those of the counters that must go on counting, while the run lasts.
    watched: Mutex<Vec<(&'static str, Arc<AtomicU64>)>>,
    /// Errors of which some are to be expected, by what met them and their kind.
    errors: Mutex<BTreeMap<(&'static str, io::ErrorKind), u64>>,
    faults: AtomicU64,
    pub(crate) timers_late: Latency,
    pub(crate) echoes: Latency,
    pub(crate) wakes: Latency,
}

impl Tally {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            epoch: Instant::now(),
            over: AtomicBool::new(false),
            counters: Mutex::default(),
            watched: Mutex::default(),
            errors: Mutex::default(),
            faults: AtomicU64::new(0),
            timers_late: Latency::new(),
            echoes: Latency::new(),
            wakes: Latency::new(),
        }
    }

    /// Nanoseconds since the epoch, never 0.
    pub(crate) fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64 + 1
    }

    /// Whether the workloads are to end.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// The counter of that name.
    pub(crate) fn counter(&self, name: &'static str) -> Arc<AtomicU64> {
        Arc::clone(lock(&self.counters).entry(name).or_default())
    }

    /// The counter of that name, which must not stand still.
    pub(crate) fn watched(&self, name: &'static str) -> Arc<AtomicU64> {
        let counter = self.counter(name);
        let mut watched = lock(&self.watched);
        if watched.iter().all(|(other, _)| *other != name) {
            watched.push((name, Arc::clone(&counter)));
        }
        counter
    }

    pub(crate) fn each_watched(&self, mut look: impl FnMut(&'static str, u64)) {
        for (name, counter) in &*lock(&self.watched) {
            look(name, counter.load(Ordering::Relaxed));
        }
    }

    pub(crate) fn error(&self, place: &'static str, error: &io::Error) {
        *lock(&self.errors).entry((place, error.kind())).or_default() += 1;
    }

    /// Something that must not be: the run fails.
    pub(crate) fn fault(&self, what: impl Display) {
        if self.faults.fetch_add(1, Ordering::Relaxed) < TOLD {
            println!("WRONG: {what}");
        }
    }

    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self, holds: bool, what: impl Display) {
        if !holds {
            self.fault(what);
        }
    }

    pub(crate) fn print(&self) {
        println!("\noperations");
        for (name, counter) in &*lock(&self.counters) {
            println!("  {:>12}  {name}", counter.load(Ordering::Relaxed));
        }
        println!("\nerrors that are to be expected, by kind");
        for ((place, kind), count) in &*lock(&self.errors) {
            println!("  {count:>12}  {place}: {kind:?}");
        }
        println!("\nlatencies: p50, p99, greatest");
        for (name, latency) in [
            ("timers, after their deadline", &self.timers_late),
            ("echo of a slow client", &self.echoes),
            ("a task, after its wake", &self.wakes),
        ] {
            println!(
                "  {:>9.1?}  {:>9.1?}  {:>9.1?}  {name}",
                latency.quantile(0.5),
                latency.quantile(0.99),
                latency.greatest()
            );
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Durations, counted in buckets of which each is an eighth wider than the one before. It takes no memory as it grows.
pub(crate) struct Latency {
    buckets: Box<[AtomicU64]>,
    greatest: AtomicU64,
}

impl Latency {
    fn new() -> Self {
        Self {
            buckets: (0..64 * 8).map(|_| AtomicU64::new(0)).collect(),
            greatest: AtomicU64::new(0),
        }
    }

    pub(crate) fn add(&self, nanos: u64) {
        let nanos = nanos.max(8);
        let octave = nanos.ilog2();
        let eighth = (nanos >> (octave - 3)) & 7;
        count(&self.buckets[(octave * 8) as usize + eighth as usize]);
        self.greatest.fetch_max(nanos, Ordering::Relaxed);
    }

    fn greatest(&self) -> Duration {
        Duration::from_nanos(self.greatest.load(Ordering::Relaxed))
    }

    /// The upper end of the bucket in which it is.
    fn quantile(&self, part: f64) -> Duration {
        let all: u64 = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).sum();
        let mut left = (all as f64 * part) as u64;
        for (number, bucket) in self.buckets.iter().enumerate() {
            let here = bucket.load(Ordering::Relaxed);
            if left < here {
                let (octave, eighth) = (number as u32 / 8, number as u64 % 8);
                return Duration::from_nanos((8 + eighth + 1) << octave.saturating_sub(3));
            }
            left -= here;
        }
        self.greatest()
    }
}
