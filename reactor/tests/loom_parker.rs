//! Models of the unpark word: the owner that sleeps, and those who end its sleep.
//!
//! The eventfd is a bell that counts how often it is rung. The work itself is published without any order of its own, so
//! that a model fails if the word does not carry it.

#![cfg(loom)]

#[allow(dead_code, reason = "the models need a part of it")]
#[path = "loom/bell.rs"]
mod bell;
#[allow(dead_code, reason = "`loom_reactor.rs` models the rest")]
#[path = "../src/park/parker.rs"]
mod parker;
#[allow(dead_code, unused_imports, reason = "the models need a part of it")]
#[path = "loom/sync.rs"]
mod sync;

use bell::{Bell, explore};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use parker::Parker;
use std::sync::Arc;

struct Worker {
    parker: Parker,
    eventfd: Arc<Bell>,
    writes: AtomicUsize,
    work: AtomicUsize,
}

impl Worker {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            parker: Parker::new(),
            eventfd: Bell::new(),
            writes: AtomicUsize::new(0),
            work: AtomicUsize::new(0),
        })
    }

    fn publish_and_unpark(&self) {
        self.work.fetch_add(1, Ordering::Relaxed);
        if self.parker.unpark() {
            self.writes.fetch_add(1, Ordering::Relaxed);
            self.eventfd.ring();
        }
    }

    /// The owner's loop: look, and sleep if there is nothing. Returns how often it slept.
    fn run_until(&self, wanted: usize) -> usize {
        let mut slept = 0;
        while self.work.load(Ordering::Relaxed) < wanted {
            if self.parker.park() {
                slept += 1;
                self.eventfd.wait();
                self.parker.unparked();
            }
        }
        slept
    }
}

fn unparkers(worker: &Arc<Worker>, count: usize) -> Vec<thread::JoinHandle<()>> {
    let unparker = || {
        let worker = Arc::clone(worker);
        thread::spawn(move || worker.publish_and_unpark())
    };
    (0..count).map(|_| unparker()).collect()
}

fn owner_sees_all(threads: usize) {
    let worker = Worker::new();
    let unparkers = unparkers(&worker, threads);
    let slept = worker.run_until(threads);
    for unparker in unparkers {
        unparker.join().unwrap();
    }
    let writes = worker.writes.load(Ordering::Relaxed);
    assert!(writes <= slept, "{writes} writes for {slept} sleeps");
}

#[test]
fn the_owner_never_sleeps_with_work_pending() {
    loom::model(|| owner_sees_all(1));
}

#[test]
fn the_owner_sees_the_work_of_each_of_a_burst() {
    explore(3, || owner_sees_all(2));
}

#[test]
fn a_burst_asks_a_sleeping_owner_for_one_system_call() {
    explore(None, || {
        let worker = Worker::new();
        assert!(worker.parker.park());
        for unparker in unparkers(&worker, 2) {
            unparker.join().unwrap();
        }
        assert_eq!(worker.writes.load(Ordering::Relaxed), 1);
        worker.parker.unparked();
        assert_eq!(worker.work.load(Ordering::Relaxed), 2);
    });
}

/// A notification that comes while the owner runs is kept: the owner looks once more before it sleeps.
#[test]
fn a_notification_between_two_looks_is_not_lost() {
    loom::model(|| {
        let worker = Worker::new();
        let unparker = thread::spawn({
            let worker = Arc::clone(&worker);
            move || {
                worker.publish_and_unpark();
                worker.publish_and_unpark();
            }
        });
        worker.run_until(1);
        worker.run_until(2);
        unparker.join().unwrap();
    });
}

/// The model has teeth: an owner that sleeps whatever the word says sleeps with work pending.
#[test]
#[should_panic(expected = "deadlock")]
fn to_sleep_after_a_refused_park_loses_a_wake() {
    loom::model(|| {
        let worker = Worker::new();
        let unparker = unparkers(&worker, 1);
        while worker.work.load(Ordering::Relaxed) < 1 {
            let _ = worker.parker.park();
            worker.eventfd.wait();
            worker.parker.unparked();
        }
        for unparker in unparker {
            unparker.join().unwrap();
        }
    });
}
