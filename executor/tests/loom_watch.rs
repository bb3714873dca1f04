//! Models of who looks after workers that are stuck, under loom: as long as a worker is awake, a sleeper wakes in time to look.
//!
//! `src/scheduler/watch.rs` and `src/scheduler/slot/progress.rs` are the crate's own, on loom's atomics and fences. Around them stand the steps of a worker that falls asleep and of one
//! that begins to work, in the order of `src/scheduler/worker/rest.rs`, with a list of sleepers behind a lock. No time passes: what is asked is whose
//! wait has an end.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test loom_watch`.

#![cfg(loom)]
#![allow(
    dead_code,
    reason = "the crate's own files, of which the models use a part"
)]

#[path = "../src/scheduler/slot/progress.rs"]
mod progress;
#[path = "../src/scheduler/watch.rs"]
mod watch;

#[path = "loom/atomic.rs"]
mod atomic;

mod sync {
    pub(crate) use crate::atomic::{AtomicU64, AtomicUsize};
    pub(crate) use loom::sync::atomic::{Ordering, fence};
}

/// As much of a slot as the watch looks at.
mod slot {
    use crate::progress::Progress;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::Instant;

    pub(crate) struct Slot {
        pub(crate) progress: Progress,
        pub(crate) driver: Driver,
        pub(crate) counters: Counters,
    }

    #[derive(Default)]
    pub(crate) struct Driver {
        pub(crate) reactor: Reactor,
    }

    impl Driver {
        pub(crate) fn turn_now(&self) {}
    }

    /// Whose wait has an end. The model's own book: what orders it are the timerfd and the kernel.
    #[derive(Default)]
    pub(crate) struct Reactor {
        pub(crate) wait_ends: AtomicBool,
    }

    impl Reactor {
        pub(crate) fn end_wait_at(&self, _: Instant) -> std::io::Result<()> {
            self.wait_ends.store(true, Ordering::SeqCst);
            Ok(())
        }

        pub(crate) fn unpark(&self) {}
    }

    #[derive(Default)]
    pub(crate) struct Counters {
        pub(crate) sibling_turns: Counter,
    }

    #[derive(Default)]
    pub(crate) struct Counter(AtomicU64);

    impl Counter {
        pub(crate) fn add(&self, more: u64) {
            self.0.fetch_add(more, Ordering::SeqCst);
        }
    }
}

mod shared {
    use crate::slot::Slot;
    use crate::watch::Watch;
    use loom::sync::Mutex;
    use std::sync::Arc;

    pub(crate) struct Shared {
        pub(crate) watch: Watch,
        pub(crate) slots: Vec<Arc<Slot>>,
        pub(crate) idle: Idle,
        pub(crate) guests: Guests,
    }

    /// No model has guests.
    pub(crate) struct Guests;

    impl Guests {
        pub(crate) fn snapshot(&self) -> Vec<Arc<Slot>> {
            Vec::new()
        }
    }

    /// The sleepers, the one that has slept longest first.
    pub(crate) struct Idle {
        pub(crate) sleepers: Mutex<Vec<usize>>,
    }

    impl Idle {
        pub(crate) fn with_sleeper(&self, f: impl FnOnce(usize)) {
            if let Some(longest) = self.sleepers.lock().unwrap().first() {
                f(*longest);
            }
        }
    }

    impl Shared {
        pub(crate) fn anybody_awake(&self) -> bool {
            self.slots.iter().any(|slot| slot.progress.is_awake())
        }
    }
}

mod worker {
    use crate::shared::Shared;
    use crate::slot::Slot;
    use std::sync::Arc;

    pub(crate) struct Worker {
        pub(crate) shared: Arc<Shared>,
        pub(crate) slot: Arc<Slot>,
    }

    impl Worker {
        pub(crate) fn steal_from(&self, _: &Arc<Slot>) {}
    }
}

/// As in the crate.
mod scheduler {
    pub(crate) use crate::{shared, slot, worker};
}

use loom::sync::Mutex;
use loom::thread;
use progress::Progress;
use shared::{Guests, Idle, Shared};
use slot::{Counters, Driver, Slot};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use watch::Watch;

/// Explores all interleavings.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!("{} executions", executions.load(Ordering::Relaxed));
}

/// Some slots, of which the last `asleep` ones sleep, in the order of their numbers, and their wait has no end.
fn slots(count: usize, asleep: usize) -> Arc<Shared> {
    let slots = (0..count).map(|_| {
        let (progress, driver, counters) =
            (Progress::new(), Driver::default(), Counters::default());
        Arc::new(Slot {
            progress,
            driver,
            counters,
        })
    });
    let shared = Arc::new(Shared {
        watch: Watch::new(),
        slots: slots.collect(),
        idle: Idle {
            sleepers: Mutex::new((count - asleep..count).collect()),
        },
        guests: Guests,
    });
    for slot in &shared.slots[..count - asleep] {
        slot.progress.awake();
    }
    shared
}

/// A worker falls asleep, as in `Worker::park`.
fn fall_asleep(shared: &Shared, slot: usize) {
    // Who slept and was to end its wait has done so.
    shared.slots[slot]
        .driver
        .reactor
        .wait_ends
        .store(false, Ordering::SeqCst);
    shared.slots[slot].progress.asleep();
    shared.idle.sleepers.lock().unwrap().push(slot);
    if let Some(until) = watch::before_sleep(shared, slot) {
        let _ = shared.slots[slot].driver.reactor.end_wait_at(until);
    }
}

/// A worker that has slept wakes, and has something to do.
fn begin_work(shared: &Shared, slot: usize) {
    shared.slots[slot].progress.awake();
    let mut sleepers = shared.idle.sleepers.lock().unwrap();
    sleepers.retain(|other| *other != slot);
    drop(sleepers);
    watch::begin_work(shared, Some(slot));
}

/// If a worker is awake and another sleeps, one that sleeps is the watcher, and its wait has an end.
fn assert_watched(shared: &Shared) {
    let is_awake = |slot: &Arc<Slot>| slot.progress.is_awake();
    if !shared.slots.iter().any(is_awake) || shared.slots.iter().all(is_awake) {
        return;
    }
    let watched = shared.slots.iter().enumerate().any(|(number, slot)| {
        let wakes = slot.driver.reactor.wait_ends.load(Ordering::SeqCst);
        !slot.progress.is_awake() && shared.watch.is_watcher(number) && wakes
    });
    assert!(watched, "a worker is awake, and nobody will look after it");
}

/// The last that is awake falls asleep, and so need not be watched any more; the watcher begins to work meanwhile, and must be.
#[test]
fn who_falls_asleep_watches_the_watcher_that_begins_to_work() {
    explore(|| {
        let shared = slots(2, 1);
        // The other watches.
        assert!(watch::before_sleep(&shared, 1).is_some());
        let theirs = Arc::clone(&shared);
        let there = thread::spawn(move || begin_work(&theirs, 1));
        fall_asleep(&shared, 0);
        there.join().unwrap();
        assert_watched(&shared);
    });
}

/// The watcher sees nobody awake, and resigns, while another begins to work.
#[test]
fn who_resigns_looks_again() {
    explore(|| {
        let shared = slots(2, 1);
        let resigning = {
            // It was appointed when the other worked.
            shared.slots[1].progress.awake();
            let until = watch::before_sleep(&shared, 0);
            shared.slots[1].progress.asleep();
            until
        };
        assert!(resigning.is_some());
        let theirs = Arc::clone(&shared);
        let there = thread::spawn(move || begin_work(&theirs, 1));
        fall_asleep(&shared, 0);
        there.join().unwrap();
        assert_watched(&shared);
    });
}

/// The same, beside one that sleeps all the time: it may be appointed in place of the one that resigns.
#[test]
fn one_of_two_sleepers_watches() {
    explore(|| {
        let shared = slots(3, 2);
        shared.slots[1].progress.awake();
        assert!(watch::before_sleep(&shared, 0).is_some());
        shared.slots[1].progress.asleep();
        let theirs = Arc::clone(&shared);
        let there = thread::spawn(move || begin_work(&theirs, 1));
        fall_asleep(&shared, 0);
        there.join().unwrap();
        assert_watched(&shared);
    });
}

/// Two begin to work at once, and nobody watches yet: they appoint the one that sleeps.
#[test]
fn two_that_begin_at_once_appoint_the_sleeper() {
    explore(|| {
        let shared = slots(3, 3);
        let theirs = Arc::clone(&shared);
        let there = thread::spawn(move || begin_work(&theirs, 1));
        begin_work(&shared, 0);
        there.join().unwrap();
        assert_watched(&shared);
        assert!(shared.watch.is_watcher(2));
    });
}
