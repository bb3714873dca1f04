//! Models of the source: the readiness word with its wakers, between those who dispatch and those who park.
//!
//! They run on the crate's own files, brought under loom's atomics and locks by `loom/sync.rs`. What a task does in
//! a poll is written out in [`Task`], as `wait.rs` does it; the kernel is a counter of bytes.
//!
//! A model that loom cannot fail proves nothing, so the orders that `source/mod.rs` forbids are here as well, and
//! must fail.

#![cfg(loom)]

#[allow(dead_code, reason = "the models need a part of it")]
#[path = "loom/bell.rs"]
mod bell;
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the models need a part of it, and it is public in the crate"
)]
#[path = "../src/source/mod.rs"]
mod source;
#[allow(dead_code, unused_imports, reason = "the models need a part of it")]
#[path = "loom/sync.rs"]
mod sync;

#[path = "loom/fork.rs"]
mod fork;

/// No kernel takes part.
mod sys {
    pub(crate) use crate::fork;
}

use bell::{Bell, explore};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use source::Interest::{self, Read, Write};
use source::{Drained, Readiness, Ready, WaitKey, Waiters};
use std::sync::Arc;
use std::task::Waker;
use sync::{Mutex, lock};

/// No reactor takes part.
type Source = source::Source<()>;

/// A source that is registered, and ready for nothing.
fn registered() -> Arc<Source> {
    let source = Source::new();
    source.readiness.register(Read);
    source
        .readiness
        .clear(source.readiness.observe(), Write, Drained::WouldBlock);
    Arc::new(source)
}

fn dispatch(source: &Source, ready: Ready) {
    let mut wakers = Vec::new();
    source.dispatch(ready, &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
}

fn orphan(source: &Source) {
    let mut wakers = Vec::new();
    source.orphan(&mut wakers);
    wakers.into_iter().for_each(Waker::wake);
}

/// Nobody's waker has been left behind.
fn assert_no_waiters(source: &Source) {
    let mut left = Vec::new();
    source.orphan(&mut left);
    assert_eq!(left.len(), 0, "a waker outlived the wait");
}

/// A task that waits for one direction, as `Wait` does it.
struct Task {
    source: Arc<Source>,
    direction: Interest,
    key: Option<WaitKey>,
    bell: Arc<Bell>,
    waker: Waker,
}

impl Task {
    fn new(source: &Arc<Source>, direction: Interest) -> Self {
        let bell = Bell::new();
        Self {
            source: Arc::clone(source),
            direction,
            key: None,
            waker: bell.waker(),
            bell,
        }
    }

    /// One poll. `true`: ready. `false`: pending, with the waker left.
    fn poll(&mut self) -> bool {
        loop {
            if self.source.readiness.observe().is_ready(self.direction) {
                self.key = None;
                return true;
            }
            if self.source.park(self.direction, &mut self.key, &self.waker) {
                return false;
            }
        }
    }

    /// One poll of a task that waits for the kernel's report, as `Wait::poll_ready` does it. It also ends when the source is not
    /// registered any more: there a registration would follow.
    fn poll_report(&mut self) -> bool {
        loop {
            let observed = self.source.readiness.observe();
            if !observed.is_registered() || observed.is_reported(self.direction) {
                self.key = None;
                return true;
            }
            if observed.is_ready(self.direction) {
                let readiness = &self.source.readiness;
                readiness.forget_assumption(observed, self.direction);
            } else if self.source.park(self.direction, &mut self.key, &self.waker) {
                return false;
            }
        }
    }

    fn wait(&mut self) {
        while !self.poll() {
            self.bell.wait();
        }
    }

    fn wait_for_report(&mut self) {
        while !self.poll_report() {
            self.bell.wait();
        }
    }

    /// The future is dropped.
    fn cancel(mut self) {
        if let Some(key) = self.key.take() {
            self.source.forget_waker(key);
        }
    }
}

/// Reads `wanted` bytes from `bytes`, as `Wait::poll_observed` does it.
fn read(task: &mut Task, bytes: &AtomicUsize, wanted: usize, short: bool) {
    let mut got = 0;
    while got < wanted {
        task.wait();
        let observed = task.source.readiness.observe();
        match bytes.swap(0, Ordering::Relaxed) {
            0 => task
                .source
                .readiness
                .clear(observed, Read, Drained::WouldBlock),
            count => {
                got += count;
                if short {
                    task.source.readiness.clear(observed, Read, Drained::Short);
                }
            }
        }
    }
}

#[test]
fn no_wake_is_lost_between_dispatch_and_park() {
    loom::model(|| {
        let source = registered();
        let dispatcher = thread::spawn({
            let source = Arc::clone(&source);
            move || dispatch(&source, Ready::READ)
        });
        Task::new(&source, Read).wait();
        dispatcher.join().unwrap();
        assert_no_waiters(&source);
    });
}

#[test]
fn two_dispatches_wake_a_reader_and_a_writer() {
    explore(3, || {
        let source = registered();
        let dispatcher = thread::spawn({
            let source = Arc::clone(&source);
            move || {
                dispatch(&source, Ready::READ);
                dispatch(&source, Ready::WRITE);
            }
        });
        let writer = thread::spawn({
            let source = Arc::clone(&source);
            move || Task::new(&source, Write).wait()
        });
        Task::new(&source, Read).wait();
        writer.join().unwrap();
        dispatcher.join().unwrap();
        assert_no_waiters(&source);
    });
}

/// Pitfall: a tick cut to 8 bits lets a stale clear eat an edge (tokio#6133, #8331). Here: no clear eats one.
#[test]
fn an_edge_is_never_eaten_by_would_block() {
    explore(3, || edges(false));
}

#[test]
fn an_edge_is_never_eaten_by_a_short_read() {
    explore(3, || edges(true));
}

/// Two bytes arrive, each with its event; one thread reads both.
fn edges(short: bool) {
    let source = registered();
    let bytes = Arc::new(AtomicUsize::new(0));
    let kernel = thread::spawn({
        let (source, bytes) = (Arc::clone(&source), Arc::clone(&bytes));
        move || {
            for _ in 0..2 {
                bytes.fetch_add(1, Ordering::Relaxed);
                dispatch(&source, Ready::READ);
            }
        }
    });
    read(&mut Task::new(&source, Read), &bytes, 2, short);
    kernel.join().unwrap();
    assert_no_waiters(&source);
}

/// Two threads turn the reactor, each with an event of its own.
#[test]
fn an_edge_is_never_eaten_between_two_dispatchers() {
    explore(2, || {
        let source = registered();
        let bytes = Arc::new(AtomicUsize::new(0));
        let kernels: Vec<_> = (0..2)
            .map(|_| {
                let (source, bytes) = (Arc::clone(&source), Arc::clone(&bytes));
                thread::spawn(move || {
                    bytes.fetch_add(1, Ordering::Relaxed);
                    dispatch(&source, Ready::READ);
                })
            })
            .collect();
        read(&mut Task::new(&source, Read), &bytes, 2, false);
        for kernel in kernels {
            kernel.join().unwrap();
        }
        assert_no_waiters(&source);
    });
}

/// Pitfall: cancelled waiters accumulate (async-io); a reused key removes another's waker (compio#502).
#[test]
fn a_cancelled_waiter_takes_nobody_along_and_leaves_nothing() {
    explore(2, || {
        let source = registered();
        let dispatcher = thread::spawn({
            let source = Arc::clone(&source);
            move || dispatch(&source, Ready::READ)
        });
        let cancelled = thread::spawn({
            let source = Arc::clone(&source);
            move || {
                let mut task = Task::new(&source, Read);
                task.poll();
                task.cancel();
            }
        });
        Task::new(&source, Read).wait();
        cancelled.join().unwrap();
        dispatcher.join().unwrap();
        assert_no_waiters(&source);
    });
}

#[test]
fn who_parks_while_the_source_is_orphaned_is_woken() {
    loom::model(|| {
        let source = registered();
        let closer = thread::spawn({
            let source = Arc::clone(&source);
            move || orphan(&source)
        });
        Task::new(&source, Read).wait();
        closer.join().unwrap();
        assert!(!source.readiness.observe().is_registered());
        assert_no_waiters(&source);
    });
}

#[test]
fn an_orphan_and_an_event_at_once_leave_it_unregistered_and_everybody_woken() {
    explore(3, || {
        let source = registered();
        let closer = thread::spawn({
            let source = Arc::clone(&source);
            move || orphan(&source)
        });
        let dispatcher = thread::spawn({
            let source = Arc::clone(&source);
            move || dispatch(&source, Ready::READ)
        });
        Task::new(&source, Write).wait();
        closer.join().unwrap();
        dispatcher.join().unwrap();
        assert!(!source.readiness.observe().is_registered());
        assert_no_waiters(&source);
    });
}

/// A source that a reader has registered: the other direction is assumed to be ready, until the kernel reports.
fn registered_by_a_reader() -> Arc<Source> {
    let source = Source::new();
    source.readiness.register(Read);
    Arc::new(source)
}

/// Pitfall: readiness that is assumed and not told makes `readable()` resolve at once on a silent peer.
#[test]
fn who_waits_for_a_report_has_it_and_no_sooner() {
    loom::model(|| {
        let source = registered_by_a_reader();
        let told = Arc::new(AtomicUsize::new(0));
        let dispatcher = thread::spawn({
            let (source, told) = (Arc::clone(&source), Arc::clone(&told));
            move || {
                told.store(1, Ordering::Relaxed);
                dispatch(&source, Ready::WRITE);
            }
        });
        Task::new(&source, Write).wait_for_report();
        assert_eq!(told.load(Ordering::Relaxed), 1, "nobody has told it");
        dispatcher.join().unwrap();
        assert_no_waiters(&source);
    });
}

/// One takes the assumption away, while the other may still try by it, or else waits as well: the report serves both.
#[test]
fn a_report_serves_who_waits_for_it_and_who_writes() {
    explore(3, || {
        let source = registered_by_a_reader();
        let dispatcher = thread::spawn({
            let source = Arc::clone(&source);
            move || dispatch(&source, Ready::WRITE)
        });
        let writer = thread::spawn({
            let source = Arc::clone(&source);
            move || Task::new(&source, Write).wait()
        });
        Task::new(&source, Write).wait_for_report();
        writer.join().unwrap();
        dispatcher.join().unwrap();
        assert_no_waiters(&source);
    });
}

/// An assumption that is forgotten eats no edge: here the writer has just found no room, by the assumption, while room comes.
#[test]
fn an_edge_is_never_eaten_by_a_forgotten_assumption() {
    explore(3, || {
        let source = registered_by_a_reader();
        let room = Arc::new(AtomicUsize::new(0));
        let kernel = thread::spawn({
            let (source, room) = (Arc::clone(&source), Arc::clone(&room));
            move || {
                room.fetch_add(1, Ordering::Relaxed);
                dispatch(&source, Ready::WRITE);
            }
        });
        let writer = thread::spawn({
            let (source, room) = (Arc::clone(&source), Arc::clone(&room));
            move || {
                let mut task = Task::new(&source, Write);
                loop {
                    task.wait();
                    let observed = source.readiness.observe();
                    if room.load(Ordering::Relaxed) != 0 {
                        return;
                    }
                    let why = Drained::WouldBlock;
                    source.readiness.clear(observed, Write, why);
                }
            }
        });
        Task::new(&source, Write).poll_report();
        writer.join().unwrap();
        kernel.join().unwrap();
    });
}

/// An orphan gets no report: its assumptions stay, for who reads and writes to try by.
#[test]
fn who_waits_for_a_report_of_an_orphan_is_woken_and_takes_nothing_from_others() {
    explore(3, || {
        let source = registered_by_a_reader();
        let closer = thread::spawn({
            let source = Arc::clone(&source);
            move || orphan(&source)
        });
        let writer = thread::spawn({
            let source = Arc::clone(&source);
            move || Task::new(&source, Write).wait()
        });
        Task::new(&source, Write).wait_for_report();
        writer.join().unwrap();
        closer.join().unwrap();
        let left = source.readiness.observe();
        assert!(!left.is_registered() && left.is_ready(Read) && left.is_ready(Write));
        assert_no_waiters(&source);
    });
}

// The models have teeth: what `source/mod.rs` and R2 forbid, loom finds.

/// The parts of a source, to be put together wrongly.
struct Parts {
    readiness: Readiness,
    waiters: Mutex<Waiters>,
}

impl Parts {
    fn new() -> Arc<Self> {
        let readiness = Readiness::new();
        readiness.register(Read);
        Arc::new(Self {
            readiness,
            waiters: Mutex::new(Waiters::new()),
        })
    }

    fn is_ready(&self) -> bool {
        self.readiness.observe().is_ready(Read)
    }

    fn publish(&self) {
        self.readiness.publish(Ready::READ);
    }

    fn store(&self, waker: Waker) {
        let back = lock(&self.waiters).store(Read, &mut None, waker);
        drop(back);
    }

    fn take_and_wake(&self) {
        let mut wakers = Vec::new();
        lock(&self.waiters).take(Ready::READ, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[test]
#[should_panic(expected = "deadlock")]
fn to_take_wakers_before_publishing_loses_a_wake() {
    loom::model(|| {
        let parts = Parts::new();
        let dispatcher = thread::spawn({
            let parts = Arc::clone(&parts);
            move || {
                parts.take_and_wake();
                parts.publish();
            }
        });
        let bell = Bell::new();
        while !parts.is_ready() {
            parts.store(bell.waker());
            if !parts.is_ready() {
                bell.wait();
            }
        }
        dispatcher.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn to_park_without_a_second_look_loses_a_wake() {
    loom::model(|| {
        let parts = Parts::new();
        let dispatcher = thread::spawn({
            let parts = Arc::clone(&parts);
            move || {
                parts.publish();
                parts.take_and_wake();
            }
        });
        let bell = Bell::new();
        while !parts.is_ready() {
            parts.store(bell.waker());
            bell.wait();
        }
        dispatcher.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn to_clear_by_a_tick_observed_after_the_call_eats_an_edge() {
    loom::model(|| {
        let source = registered();
        let bytes = Arc::new(AtomicUsize::new(0));
        dispatch(&source, Ready::READ);
        let kernel = thread::spawn({
            let (source, bytes) = (Arc::clone(&source), Arc::clone(&bytes));
            move || {
                bytes.fetch_add(1, Ordering::Relaxed);
                dispatch(&source, Ready::READ);
            }
        });
        let mut task = Task::new(&source, Read);
        loop {
            task.wait();
            if bytes.swap(0, Ordering::Relaxed) != 0 {
                break;
            }
            let too_late = source.readiness.observe();
            source.readiness.clear(too_late, Read, Drained::WouldBlock);
        }
        kernel.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn to_forget_an_assumption_whatever_the_tick_leaves_an_orphan_without_any() {
    loom::model(|| {
        let source = registered_by_a_reader();
        let closer = thread::spawn({
            let source = Arc::clone(&source);
            move || orphan(&source)
        });
        if source.readiness.observe().is_registered() {
            let too_late = source.readiness.observe();
            let why = Drained::WouldBlock;
            source.readiness.clear(too_late, Write, why);
        }
        closer.join().unwrap();
        Task::new(&source, Write).wait();
    });
}
