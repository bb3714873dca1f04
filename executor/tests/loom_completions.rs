//! Models of a join set's list of completions under loom.
//!
//! The list is the crate's own (`src/join_set/completions.rs`), on loom's lock. A notice stands for a task: to wake it is what
//! a task does when it is complete. Before that it writes its output to a cell of loom's, so that a model fails if who
//! takes a key may not read yet.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test 'loom_*'`.

#![cfg(loom)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "loom checks every access"
)]

#[path = "../src/join_set/completions.rs"]
mod completions;

mod sync {
    use loom::sync::MutexGuard;

    pub(crate) use loom::sync::Mutex;

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

use completions::Completions;
use loom::cell::UnsafeCell;
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

/// Explores all interleavings, without a bound.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.check(model);
}

/// Who waits: sleeps until its waker is woken. If that is lost it sleeps for ever, which loom reports as a deadlock.
struct Sleeper {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Sleeper {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            woken: Mutex::new(false),
            changed: Condvar::new(),
        })
    }

    fn sleep(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.changed.wait(woken).unwrap();
        }
        *woken = false;
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// Tasks, as far as a set can tell.
struct Tasks {
    completions: Arc<Completions>,
    outputs: Vec<UnsafeCell<usize>>,
}

// A cell of loom's is shared to be checked.
unsafe impl Sync for Tasks {}

impl Tasks {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            completions: Arc::new(Completions::new()),
            outputs: (0..count).map(|_| UnsafeCell::new(usize::MAX)).collect(),
        })
    }

    /// Ends tasks, on a thread of their own.
    fn end(self: &Arc<Self>, keys: impl IntoIterator<Item = usize>) -> thread::JoinHandle<()> {
        let notices: Vec<(usize, Waker)> = keys
            .into_iter()
            .map(|key| (key, self.completions.notice(key)))
            .collect();
        let tasks = Arc::clone(self);
        thread::spawn(move || {
            for (key, notice) in notices {
                tasks.outputs[key].with_mut(|output| unsafe { *output = key });
                notice.wake();
            }
        })
    }

    fn join(&self, key: usize) {
        self.outputs[key].with(|output| assert_eq!(unsafe { *output }, key, "it was not over"));
    }

    /// Waits for `count` tasks to end, and tells in which order.
    fn join_all(&self, count: usize, sleeper: &Arc<Sleeper>) -> Vec<usize> {
        let waker = Waker::from(Arc::clone(sleeper));
        let mut joined = Vec::new();
        let mut keys = VecDeque::new();
        while joined.len() < count {
            match self.completions.poll_take(&mut keys, &waker) {
                Poll::Ready(()) => {
                    assert!(!keys.is_empty(), "ready with nothing");
                    keys.iter().for_each(|key| self.join(*key));
                    joined.extend(keys.drain(..));
                }
                Poll::Pending => sleeper.sleep(),
            }
        }
        joined
    }
}

/// Two tasks end on two threads, or on one: both are joined, and those of one thread in their order.
#[test]
fn every_task_is_joined_once() {
    for threads in [1, 2] {
        explore(move || {
            let tasks = Tasks::new(2);
            let ending: Vec<_> = (0..threads)
                .map(|thread| tasks.end((thread..2).step_by(threads)))
                .collect();
            let mut joined = tasks.join_all(2, &Sleeper::new());
            ending.into_iter().for_each(|thread| thread.join().unwrap());
            if threads == 2 {
                joined.sort_unstable();
            }
            assert_eq!(joined, [0, 1]);
            let mut keys = VecDeque::new();
            tasks.completions.take(&mut keys);
            assert!(keys.is_empty(), "joined twice");
            assert!(tasks.completions.take_waker().is_none(), "left behind");
        });
    }
}

/// Who waits gives up, and looks again with another waker, as when a set is moved to another task.
#[test]
fn the_waker_that_was_left_last_is_woken() {
    explore(|| {
        let tasks = Tasks::new(2);
        let ending = tasks.end([0, 1]);
        let first = Sleeper::new();
        let mut keys = VecDeque::new();
        let polled = tasks
            .completions
            .poll_take(&mut keys, &Waker::from(Arc::clone(&first)));
        assert_eq!(polled.is_ready(), !keys.is_empty());
        keys.iter().for_each(|key| tasks.join(*key));
        let second = Sleeper::new();
        let joined = tasks.join_all(2 - keys.len(), &second);
        ending.join().unwrap();
        keys.extend(joined);
        assert_eq!(keys, [0, 1]);
        assert_eq!(Arc::strong_count(&first), 1, "its waker was kept");
    });
}

/// Who waits takes the waker back while a task ends: the waker is woken, or given back, and the task is there.
#[test]
fn a_waker_that_is_taken_back_takes_no_task_along() {
    explore(|| {
        let tasks = Tasks::new(1);
        let ending = tasks.end([0]);
        let sleeper = Sleeper::new();
        let mut keys = VecDeque::new();
        let polled = tasks
            .completions
            .poll_take(&mut keys, &Waker::from(Arc::clone(&sleeper)));
        let taken_back = tasks.completions.take_waker().is_some();
        assert!(!(polled.is_ready() && taken_back), "a waker beside a key");
        ending.join().unwrap();
        assert_eq!(
            polled.is_pending() && !taken_back,
            *sleeper.woken.lock().unwrap()
        );
        if polled.is_pending() {
            tasks.completions.take(&mut keys);
        }
        assert_eq!(keys, [0]);
        tasks.join(0);
        assert_eq!(Arc::strong_count(&sleeper), 1, "its waker was kept");
    });
}
