//! Models of the slot of the task that runs next, under loom.
//!
//! The slot is the crate's own (`src/queue/lifo.rs`), on loom's atomics. Tasks are numbered in the order in which they are put in.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test 'loom_*'`.

#![cfg(loom)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "loom checks every access"
)]

#[path = "../src/queue/lifo.rs"]
mod lifo;

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/task.rs"]
mod task;

mod sync {
    use crate::atomic;

    pub(crate) use loom::sync::atomic::Ordering;

    /// A slot into which one thread alone stores.
    ///
    /// Loom does not know that nothing comes between what an exchange reads and what it writes: it lets a store that comes after
    /// the former come before the latter too, and so be overwritten, with nobody having read it. As an exchange, the
    /// store comes after all that was there. It then publishes, besides, what stores before it have published: all of that is
    /// the same thread's.
    pub(crate) struct AtomicPtr<T>(atomic::AtomicPtr<T>);

    impl<T> AtomicPtr<T> {
        pub(crate) fn new(value: *mut T) -> Self {
            Self(atomic::AtomicPtr::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: *mut T, order: Ordering) {
            self.0.swap(value, order);
        }

        pub(crate) fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
            self.0.swap(value, order)
        }
    }
}

use loom::thread;
use std::sync::Arc;
use task::task::Tasks;

type Task = task::task::Task<()>;
type LifoSlot = lifo::LifoSlot<()>;

/// Explores all interleavings with at most this many preemptions; all of them, if that is `None`.
fn explore(preemptions: impl Into<Option<usize>>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.check(model);
}

struct Model {
    slot: LifoSlot,
    tasks: Tasks,
}

impl Model {
    fn new(tasks: usize) -> Arc<Self> {
        Arc::new(Self {
            slot: LifoSlot::new(),
            tasks: Tasks::new(tasks),
        })
    }

    /// The worker makes a task and puts it in. What it displaces, it runs.
    fn put(&self, number: usize) -> Option<usize> {
        let displaced = unsafe { self.slot.put(self.tasks.make(number)) }.map(Task::run);
        if let Some(displaced) = displaced {
            assert_eq!(displaced + 1, number, "not the one that was there");
        }
        displaced
    }

    fn take(&self) -> Option<usize> {
        self.slot.take().map(Task::run)
    }

    /// A thief, that takes as often as is said.
    fn thief(self: &Arc<Self>, times: usize) -> thread::JoinHandle<Vec<usize>> {
        let model = Arc::clone(self);
        thread::spawn(move || {
            let stolen: Vec<usize> = (0..times).filter_map(|_| model.take()).collect();
            assert!(stolen.is_sorted(), "what came later was there earlier");
            stolen
        })
    }
}

/// Ends a model: every task has been run once, by somebody.
fn over(model: Arc<Model>, mut run: Vec<usize>, thieves: Vec<thread::JoinHandle<Vec<usize>>>) {
    for thief in thieves {
        run.extend(thief.join().unwrap());
    }
    run.extend(model.take());
    assert!(model.slot.is_empty());
    model.tasks.all_run(run);
}

/// The worker puts tasks in, one over the other, and thieves take what they find: each task is displaced, stolen or taken.
#[test]
fn a_task_is_displaced_or_stolen() {
    for (thieves, preemptions) in [(1, 3), (2, 2)] {
        explore(preemptions, move || {
            let model = Model::new(3);
            let thieves = (0..thieves).map(|_| model.thief(2)).collect();
            let run = (0..3).filter_map(|number| model.put(number)).collect();
            over(model, run, thieves);
        });
    }
}

/// The worker takes its own task back while a thief is after it, and puts the next.
#[test]
fn a_task_is_taken_or_stolen() {
    for (thieves, preemptions) in [(1, 3), (2, 2)] {
        explore(preemptions, move || {
            let model = Model::new(2);
            let thieves = (0..thieves).map(|_| model.thief(2)).collect();
            let mut run = Vec::new();
            for number in 0..2 {
                run.extend(model.put(number));
                run.extend(model.take());
                assert!(model.slot.is_empty(), "only the worker fills it");
            }
            over(model, run, thieves);
        });
    }
}

/// A slot is dropped with a task in it, or without.
#[test]
fn nothing_leaks() {
    explore(None, || {
        let mut model = Model::new(1);
        let thief = model.thief(1);
        model.put(0);
        thief.join().unwrap();
        let model = Arc::get_mut(&mut model).expect("the thief is gone");
        model.slot = LifoSlot::new();
        model.tasks.all_dropped();
    });
}
