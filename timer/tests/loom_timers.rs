//! Models of the timers of a worker under loom: timers that are cancelled, moved and polled on other threads while the owner's turn fires them.
//!
//! All that a [`Sleep`] stands on are the crate's own files: timers, wheel, the entry that a thread keeps, and a virtual clock. Loom's are the
//! lock of the timers, the atomic with the earliest deadline, and what a thread knows of its timers. The owner sleeps as a worker does:
//! it takes a turn, looks for the next deadline, and waits for that or to be unparked. Time passes only while it waits for a deadline.
//!
//! A waker here touches a cell of loom's whenever it is cloned from, woken or dropped: a model fails as soon as two threads use one at a
//! time. If one is used or dropped under the lock, the model ends in a deadlock, as each use takes the lock as well. A wake that is lost
//! leaves the owner asleep for ever, which loom reports as a deadlock, too.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-timer --release --test 'loom_*'`.

#![cfg(loom)]
#![allow(
    dead_code,
    unfulfilled_lint_expectations,
    unreachable_pub,
    unused_imports,
    reason = "the crate's own files, of which the models use a part"
)]

/// What a thread has to itself is loom's, too: all threads of a model are one of the system's.
macro_rules! thread_local {
    ($(#[$about:meta])* static $name:ident: $type:ty = const $value:block;) => {
        loom::thread_local! { static $name: $type = $value; }
    };
}

#[path = "../src"]
mod source {
    pub(crate) mod clock;
    pub(crate) mod sleep;
    pub(crate) mod timers;
    pub(crate) mod virtual_time;
    pub(crate) mod wheel;
}

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
}

use loom::cell::UnsafeCell;
use loom::sync::Condvar;
use loom::thread;
use sleep::{Sleep, sleep, sleep_until};
use source::timers::Timers;
use source::virtual_time::VirtualClock;
use source::{clock, sleep, timers, virtual_time, wheel};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Explores all interleavings, or those with at most so many preemptions. Returns how many executions that took.
fn explore(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) -> usize {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    executions.load(Ordering::Relaxed)
}

/// What three threads are bounded to, unless there is time.
fn some_preemptions() -> Option<usize> {
    let long = std::env::var_os("WATERWHEEL_LONG").is_some();
    (!long).then_some(3)
}

/// What `unpark` and `park` are to the owner: a word that both change, and a sleep that ends.
#[derive(Default)]
struct Parker {
    notified: loom::sync::Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn park(&self) {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            notified = self.changed.wait(notified).unwrap();
        }
        *notified = false;
    }

    fn unpark(&self) {
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// A worker's timers, its clock, and what it sleeps in.
struct Worker {
    timers: Arc<Timers>,
    clock: Arc<VirtualClock>,
    parker: Arc<Parker>,
}

/// So near that a worker waits for it, and so far that it does not: it is unparked, or sleeps for ever.
const SOON: Duration = Duration::from_secs(1);
const FAR: Duration = Duration::from_secs(1 << 30);

impl Worker {
    fn new() -> Arc<Self> {
        let parker = Arc::new(Parker::default());
        let clock = Arc::new(VirtualClock::new());
        let unpark = Waker::from(Arc::new(Unpark(Arc::clone(&parker))));
        let timers = Timers::with_virtual_clock(unpark, Arc::clone(&clock));
        Arc::new(Self {
            timers,
            clock,
            parker,
        })
    }

    fn soon(&self) -> Instant {
        self.clock.now() + SOON
    }

    /// Turns and waits, as the owner does, until `done`.
    fn run_until(&self, mut done: impl FnMut() -> bool) {
        loop {
            self.timers.turn();
            if done() {
                return;
            }
            match self.timers.next_deadline() {
                // It passes: a wait ends at its deadline.
                Some(next) if next < self.clock.now() + FAR / 2 => {
                    self.clock.jump_to_next();
                }
                _ => self.parker.park(),
            }
        }
    }

    /// Nothing is left behind.
    fn assert_empty(&self) {
        assert_eq!(self.timers.len(), 0);
        assert_eq!(self.timers.next_deadline(), None);
    }
}

/// How often a task was woken, and how many of its wakers there are.
#[derive(Default)]
struct Task {
    woken: AtomicUsize,
    wakers: AtomicUsize,
}

/// A waker that uses timers: whoever holds their lock while it is used is stuck.
struct UsesTimers {
    task: Arc<Task>,
    timers: Arc<Timers>,
    place: UnsafeCell<()>,
}

// SAFETY: the cell is loom's, which checks every access.
unsafe impl Sync for UsesTimers {}

impl UsesTimers {
    fn waker(task: &Arc<Task>, worker: &Worker) -> Waker {
        task.wakers.fetch_add(1, Ordering::SeqCst);
        let used = Self {
            task: Arc::clone(task),
            timers: Arc::clone(&worker.timers),
            place: UnsafeCell::new(()),
        };
        Waker::from(Arc::new(used))
    }
}

impl Wake for UsesTimers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.place.with(|_| ());
        let _takes_the_lock = self.timers.has_pending();
        self.task.woken.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for UsesTimers {
    fn drop(&mut self) {
        self.place.with_mut(|_| ());
        let _takes_the_lock = self.timers.has_pending();
        self.task.wakers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Task {
    fn woken(&self) -> usize {
        self.woken.load(Ordering::SeqCst)
    }

    fn wakers(&self) -> usize {
        self.wakers.load(Ordering::SeqCst)
    }
}

/// A sleep that pends, for a task.
fn pending(mut sleep: Sleep, task: &Arc<Task>, worker: &Worker) -> Sleep {
    assert!(poll(&mut sleep, task, worker).is_pending());
    sleep
}

fn poll(sleep: &mut Sleep, task: &Arc<Task>, worker: &Worker) -> Poll<()> {
    let waker = UsesTimers::waker(task, worker);
    Pin::new(sleep).poll(&mut Context::from_waker(&waker))
}

/// Another thread drops a timer while the owner's turn fires it: its task is woken or not, and its waker goes, once, either way.
#[test]
fn a_timer_that_is_dropped_elsewhere_fires_or_does_not() {
    let fired = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counted = Arc::clone(&fired);
    let executions = explore(None, move || {
        let (worker, task) = (Worker::new(), Arc::new(Task::default()));
        let entered = worker.timers.enter();
        let sleep = pending(sleep(SOON), &task, &worker);
        let there = thread::spawn(move || drop(sleep));
        worker.clock.jump_to_next();
        worker.timers.turn();
        there.join().unwrap();
        assert!(task.woken() <= 1, "woken twice");
        counted[task.woken()].fetch_add(1, Ordering::Relaxed);
        assert_eq!(task.wakers(), 0);
        worker.assert_empty();
        drop(entered);
    });
    println!("{executions} executions");
    assert!(fired.iter().all(|count| count.load(Ordering::Relaxed) > 0));
}

/// Pitfall: a nearer timer does not interrupt a thread that waits already (tokio#3190). Another thread moves a timer nearer
/// while its owner goes to sleep.
#[test]
fn a_timer_that_is_moved_nearer_elsewhere_fires() {
    let executions = explore(None, || {
        let (worker, task) = (Worker::new(), Arc::new(Task::default()));
        let entered = worker.timers.enter();
        let mut sleep = pending(sleep(FAR), &task, &worker);
        let soon = worker.soon();
        let there = thread::spawn(move || {
            sleep.reset(soon);
            sleep
        });
        worker.run_until(|| task.woken() == 1);
        assert!(worker.clock.now() >= soon, "early");
        let mut sleep = there.join().unwrap();
        assert!(poll(&mut sleep, &task, &worker).is_ready());
        drop(sleep);
        assert_eq!(worker.timers.next_deadline(), None);
        assert_eq!((task.woken(), task.wakers()), (1, 0));
        drop(entered);
    });
    println!("{executions} executions");
}

/// Pitfall: the cached next wake is updated after the unlock: lost timers (tokio#6682). Two threads move a timer each.
#[test]
fn of_two_that_move_timers_nearer_none_takes_the_others_back() {
    let executions = explore(some_preemptions(), || {
        let (worker, task) = (Worker::new(), Arc::new(Task::default()));
        let entered = worker.timers.enter();
        let soon = worker.soon();
        let there = [1, 2].map(|number| {
            let mut sleep = pending(sleep(FAR), &task, &worker);
            thread::spawn(move || {
                sleep.reset(soon + number * SOON);
                sleep
            })
        });
        worker.run_until(|| task.woken() == 2);
        assert!(worker.clock.now() >= soon + 2 * SOON, "early");
        drop(there.map(|there| there.join().unwrap()));
        drop(entered);
        assert_eq!((task.woken(), task.wakers()), (2, 0));
        worker.assert_empty();
    });
    println!("{executions} executions");
}

/// Another thread polls a sleep for another task, in a runtime of its own, while the owner's turn fires it: that task is told, by
/// the poll or by a wake there.
#[test]
fn a_sleep_that_is_polled_elsewhere_is_told_there() {
    let executions = explore(None, || {
        let (worker, task) = (Worker::new(), Arc::new(Task::default()));
        let entered = worker.timers.enter();
        let deadline = worker.soon();
        let mut sleep = pending(sleep_until(deadline), &task, &worker);
        let (clock, parker) = (Arc::clone(&worker.clock), Arc::default());
        let there = thread::spawn(move || {
            let unpark = Waker::from(Arc::new(Unpark(Arc::clone(&parker))));
            let timers = Timers::with_virtual_clock(unpark, Arc::clone(&clock));
            let other = Worker {
                timers,
                clock,
                parker,
            };
            let _entered = other.timers.enter();
            let task = Arc::new(Task::default());
            let mut done = poll(&mut sleep, &task, &other).is_ready();
            while !done {
                let woken = task.woken();
                other.run_until(|| task.woken() > woken);
                done = poll(&mut sleep, &task, &other).is_ready();
            }
            assert!(other.clock.now() >= deadline, "early");
            drop(sleep);
            assert_eq!(other.timers.next_deadline(), None);
            assert_eq!(task.wakers(), 0);
        });
        worker.clock.jump_to_next();
        worker.timers.turn();
        there.join().unwrap();
        assert!(task.woken() <= 1);
        assert_eq!(task.wakers(), 0);
        drop(entered);
        worker.assert_empty();
    });
    println!("{executions} executions");
}

/// The timers are closed while another thread moves one nearer: its task is woken once, and nobody takes its waker after that.
#[test]
fn timers_that_are_closed_keep_no_waker() {
    let executions = explore(None, || {
        let (worker, task) = (Worker::new(), Arc::new(Task::default()));
        let entered = worker.timers.enter();
        let mut sleep = pending(sleep(FAR), &task, &worker);
        let soon = worker.soon();
        let there = thread::spawn(move || {
            sleep.reset(soon);
            sleep
        });
        worker.timers.close();
        let mut sleep = there.join().unwrap();
        assert_eq!((task.woken(), task.wakers()), (1, 0));
        assert!(poll(&mut sleep, &task, &worker).is_pending());
        assert_eq!(task.wakers(), 0);
        drop((sleep, entered));
        worker.assert_empty();
    });
    println!("{executions} executions");
}

/// A sibling takes the owner's turn at the same time: every timer fires once, in one of the turns, and none early.
#[test]
fn of_two_that_turn_at_once_each_timer_is_fired_by_one() {
    let executions = explore(None, || {
        let (worker, task) = (Worker::new(), Arc::new(Task::default()));
        let entered = worker.timers.enter();
        let near = pending(sleep(SOON), &task, &worker);
        let far = pending(sleep(2 * SOON), &task, &worker);
        let sibling = Arc::clone(&worker);
        let there = thread::spawn(move || sibling.timers.turn());
        worker.clock.jump_to_next();
        let fired = worker.timers.turn() + there.join().unwrap();
        assert_eq!((fired, task.woken()), (1, 1));
        drop((near, far));
        drop(entered);
        assert_eq!(task.wakers(), 0);
        worker.assert_empty();
    });
    println!("{executions} executions");
}
