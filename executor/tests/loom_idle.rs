//! Models of the set of idle workers under loom: work that is put where any worker may take it is taken, however the workers
//! fall asleep.
//!
//! The set and the queue are the crate's own (`src/scheduler/idle.rs`, `src/queue/shared.rs`), on loom's lock and atomics. Around them
//! stand workers in miniature, which have no queues of their own, and park on a flag and a condition variable. If a task stayed
//! while all sleep, they would do so for ever, which loom reports as a deadlock.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test 'loom_*'`.

#![cfg(loom)]

#[path = "../src/scheduler/idle.rs"]
#[allow(
    dead_code,
    reason = "when a wake is worth it is a guess, on which nothing rests"
)]
mod idle;
#[path = "../src/queue/shared.rs"]
#[expect(dead_code, reason = "it is not closed here")]
mod shared_queue;

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/parker.rs"]
mod parker;
#[path = "loom/task_queue.rs"]
mod task;

mod queue {
    pub(crate) use crate::task::list;
}

mod sync {
    use loom::sync::MutexGuard;

    pub(crate) use crate::atomic::AtomicUsize;
    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::atomic::{Ordering, fence};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

use idle::{Idle, Woken};
use loom::thread;
use parker::Parker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

type SharedQueue = shared_queue::SharedQueue<()>;
type Task = task::task::Task<()>;

/// Explores all interleavings with at most this many preemptions; all of them, if that is `None`.
fn explore(preemptions: impl Into<Option<usize>>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.check(model);
}

/// Where a worker that has fallen asleep looks once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LooksAgain {
    /// If it is told to: this alone loses nothing.
    IfTold,
    /// In the injection queue, always: so a task does not wait for a worker that is stuck, either.
    Always,
}

/// Why a worker looks for a task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// It has done what it had to do.
    Near,
    /// It is counted as searching.
    Searching,
}

/// Some workers, and what they share.
struct Runtime {
    idle: Idle,
    injection: SharedQueue,
    parkers: Vec<Parker>,
    looks_again: LooksAgain,
    /// How many tasks there will be.
    tasks: usize,
    alive: Arc<()>,
    // Not loom's, as they are the model's own books: to keep them adds nothing to what is explored.
    taken: AtomicUsize,
    is_over: AtomicBool,
}

impl Runtime {
    fn new(slots: usize, tasks: usize, looks_again: LooksAgain) -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::new(slots),
            injection: SharedQueue::new(),
            parkers: (0..slots).map(|_| Parker::default()).collect(),
            looks_again,
            tasks,
            alive: Arc::new(()),
            taken: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        })
    }

    /// Puts a task where any worker may take it.
    fn inject(&self, number: usize) {
        let alive = Arc::clone(&self.alive);
        self.injection.push(Task {
            number,
            alive,
            scheduler: std::marker::PhantomData,
        });
        if self.idle.must_hear() {
            self.wake_one();
        }
    }

    fn wake_one(&self) {
        if let Some(slot) = self.idle.choose() {
            self.parkers[slot].unpark();
        }
    }

    /// A thread that injects these tasks.
    fn maker(
        self: &Arc<Self>,
        numbers: impl IntoIterator<Item = usize> + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let runtime = Arc::clone(self);
        thread::spawn(move || {
            numbers
                .into_iter()
                .for_each(|number| runtime.inject(number))
        })
    }

    /// A thread that works in a slot until all tasks have been run.
    fn worker(
        self: &Arc<Self>,
        slot: usize,
        run: impl Fn(usize) + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let runtime = Arc::clone(self);
        thread::spawn(move || runtime.work(slot, run))
    }

    fn work(&self, slot: usize, run: impl Fn(usize)) {
        let mut looks = Looks::Near;
        while !self.is_over.load(Ordering::Relaxed) {
            if let Some(mut tasks) = self.injection.take(1) {
                self.has_found(std::mem::replace(&mut looks, Looks::Near));
                let task = tasks.pop().expect("one was taken");
                self.run(task, &run);
            } else if looks == Looks::Near && self.idle.start_searching() {
                // Its siblings have no queues that it could look at. It looks here again.
                looks = Looks::Searching;
            } else {
                looks = self.sleep(slot, looks == Looks::Searching);
            }
        }
        self.has_found(looks);
    }

    /// There may be more, of which nobody was told because of this worker.
    fn has_found(&self, looking: Looks) {
        let tells = match looking {
            Looks::Near => false,
            Looks::Searching => self.idle.stop_searching(),
        };
        if tells {
            self.wake_one();
        }
    }

    fn sleep(&self, slot: usize, searching: bool) -> Looks {
        let told = self.idle.sleep(slot, searching);
        let looks = told || self.looks_again == LooksAgain::Always;
        let sees_work = looks && self.injection.len() > 0;
        if sees_work {
            self.idle.search_on(slot);
            return Looks::Searching;
        }
        self.parkers[slot].park();
        match self.idle.woke(slot) {
            Woken::ForWork => Looks::Searching,
            Woken::ByItself => Looks::Near,
        }
    }

    fn run(&self, task: Task, run: impl Fn(usize)) {
        if self.taken.fetch_add(1, Ordering::Relaxed) + 1 == self.tasks {
            self.is_over.store(true, Ordering::Relaxed);
            self.parkers.iter().for_each(Parker::unpark);
        }
        run(task.number);
    }

    /// Ends a model: all has been run, and nobody is counted.
    fn over(&self, threads: Vec<thread::JoinHandle<()>>) {
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(self.taken.load(Ordering::Relaxed), self.tasks);
        assert_eq!(self.injection.len(), 0);
        assert_eq!(Arc::strong_count(&self.alive), 1);
        assert!(!self.idle.wants_work(), "somebody still sleeps");
        self.idle.with_sleeper(|slot| panic!("{slot} still sleeps"));
        assert!(self.idle.start_searching());
        assert!(self.idle.stop_searching(), "somebody still searches");
        assert!(!self.idle.wants_work(), "somebody still sleeps");
    }
}

/// One worker, and tasks from one thread or from two.
#[test]
fn one_worker_hears_of_every_task() {
    for (makers, preemptions) in [(1, 3), (2, 2)] {
        explore(preemptions, move || {
            let runtime = Runtime::new(1, 2, LooksAgain::IfTold);
            let threads = (0..makers)
                .map(|maker| runtime.maker((maker..2).step_by(makers)))
                .collect();
            runtime.work(0, |_| {});
            runtime.over(threads);
        });
    }
}

/// Two workers, of which one searches at a time.
#[test]
fn two_workers_leave_no_task() {
    for looks_again in [LooksAgain::IfTold, LooksAgain::Always] {
        explore(2, move || {
            let runtime = Runtime::new(2, 2, looks_again);
            let threads = vec![runtime.maker(0..2), runtime.worker(1, |_| {})];
            runtime.work(0, |_| {});
            runtime.over(threads);
        });
    }
}

/// A worker is woken by its own driver, at the same time as for a task.
#[test]
fn a_worker_that_wakes_by_itself_is_not_counted_twice() {
    explore(2, || {
        let runtime = Runtime::new(1, 2, LooksAgain::IfTold);
        let driver = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || runtime.parkers[0].unpark())
        };
        let threads = vec![runtime.maker(0..2), driver];
        runtime.work(0, |_| {});
        runtime.over(threads);
    });
}

/// The first task waits until the second is run: both must be awake, though the second was put in while somebody searched, and
/// nobody was told of it.
#[test]
fn who_finds_something_wakes_the_next() {
    explore(2, || {
        let runtime = Runtime::new(2, 2, LooksAgain::Always);
        let second_is_run = Arc::new(Parker::default());
        let run = move |number| match number {
            0 => second_is_run.park(),
            _ => second_is_run.unpark(),
        };
        let threads = vec![runtime.maker(0..2), runtime.worker(1, run.clone())];
        runtime.work(0, run);
        runtime.over(threads);
    });
}

/// The counters alone: a word for each step, and a slot for each sleeper.
#[test]
fn a_sleeper_is_chosen_or_wakes() {
    explore(None, || {
        let idle = Arc::new(Idle::new(2));
        // As in a runtime whose other worker is busy.
        assert!(idle.start_searching());
        assert!(idle.sleep(1, true), "the last to search looks again");
        let choosing = {
            let idle = Arc::clone(&idle);
            thread::spawn(move || idle.choose())
        };
        let woken = idle.woke(1);
        let chosen = choosing.join().unwrap();
        match woken {
            Woken::ForWork => {
                assert_eq!(chosen, Some(1));
                assert!(!idle.wants_work());
                assert!(idle.stop_searching(), "it was counted as searching");
            }
            Woken::ByItself => assert_eq!(chosen, None),
        }
        assert!(!idle.wants_work());
        assert!(idle.choose().is_none());
        assert!(idle.start_searching());
        assert!(!idle.start_searching(), "one of two is half of them");
        assert!(idle.choose().is_none(), "somebody searches");
        assert!(idle.stop_searching());
    });
}

/// One wakes at a time: of those that hear of two tasks, the second finds that somebody searches.
#[test]
fn a_burst_chooses_one() {
    explore(None, || {
        let idle = Arc::new(Idle::new(2));
        let _ = idle.sleep(0, false);
        let _ = idle.sleep(1, false);
        let choose = |idle: &Idle| idle.must_hear().then(|| idle.choose()).flatten();
        let other = {
            let idle = Arc::clone(&idle);
            thread::spawn(move || choose(&idle))
        };
        let ours = choose(&idle);
        let theirs = other.join().unwrap();
        assert_eq!(
            ours.or(theirs),
            Some(1),
            "the last to fall asleep is the first to be woken"
        );
        assert!(ours.is_none() || theirs.is_none(), "two were chosen");
        idle.with_sleeper(|longest| assert_eq!(longest, 0));
        assert_eq!(idle.woke(1), Woken::ForWork);
        assert!(idle.stop_searching());
        assert!(idle.wants_work(), "the other one sleeps");
        assert_eq!(idle.woke(0), Woken::ByItself);
        assert!(!idle.wants_work());
    });
}
