//! Models of the injection queue under loom, with the word that keeps its worker from sleeping.
//!
//! The queue is the crate's own (`src/injection.rs`), on loom's lock and atomics; the tasks in it are numbers. The unpark
//! word stands in for the reactor's, which has models of its own: here it is a flag and a condition variable.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test 'loom_*'`.

#![cfg(loom)]

#[path = "../src/injection.rs"]
mod injection;

mod sync {
    use loom::sync::MutexGuard;

    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

/// Stand-ins for what the queue holds.
mod task {
    #[expect(clippy::module_inception, reason = "as in the crate")]
    pub(crate) mod task {
        /// A number, and a count of those that are still there.
        pub(crate) struct Task {
            pub(crate) number: usize,
            #[expect(dead_code, reason = "held to be counted")]
            pub(crate) alive: loom::sync::Arc<()>,
        }
    }

    pub(crate) mod queue {
        use super::task::Task;

        #[derive(Default)]
        pub(crate) struct TaskQueue(std::collections::VecDeque<Task>);

        impl TaskQueue {
            pub(crate) fn new() -> Self {
                Self::default()
            }

            pub(crate) fn push(&mut self, task: Task) {
                self.0.push_back(task);
            }

            pub(crate) fn pop(&mut self) -> Option<Task> {
                self.0.pop_front()
            }

            pub(crate) fn len(&self) -> u64 {
                self.0.len() as u64
            }
        }
    }
}

use injection::Injection;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use task::task::Task;

/// Explores all interleavings with at most three preemptions.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// What `unpark` and `park` are to the queue: a word that both change, and a sleep that ends.
#[derive(Default)]
struct Parker {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn unpark(&self) {
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn park(&self) {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            notified = self.changed.wait(notified).unwrap();
        }
        *notified = false;
    }
}

/// Two threads inject one task each, or one thread injects two; the worker sleeps whenever it finds none. If a push were
/// missed, the worker would sleep for ever, which loom reports as a deadlock.
#[test]
fn every_injected_task_is_taken() {
    for threads in [1, 2] {
        explore(move || {
            let shared = Arc::new((Injection::new(), Parker::default()));
            let alive = Arc::new(());
            let pushing: Vec<_> = (0..threads)
                .map(|thread| {
                    let shared = Arc::clone(&shared);
                    let alive = Arc::clone(&alive);
                    thread::spawn(move || {
                        for number in (thread..2).step_by(threads) {
                            let alive = Arc::clone(&alive);
                            shared.0.push(Task { number, alive });
                            shared.1.unpark();
                        }
                    })
                })
                .collect();
            let mut taken = Vec::new();
            while taken.len() < 2 {
                match shared.0.take() {
                    Some(mut tasks) => {
                        while let Some(task) = tasks.pop() {
                            taken.push(task.number);
                        }
                    }
                    None => shared.1.park(),
                }
            }
            for thread in pushing {
                thread.join().unwrap();
            }
            if threads == 1 {
                assert_eq!(taken, [0, 1], "one thread's tasks keep their order");
            }
            taken.sort_unstable();
            assert_eq!(taken, [0, 1]);
            assert!(shared.0.take().is_none());
            assert_eq!(Arc::strong_count(&alive), 1);
        });
    }
}

/// The queue is closed while another thread pushes: the task is taken, drained or dropped, and nothing is left inside.
#[test]
fn a_closed_queue_keeps_nothing() {
    explore(|| {
        let injection = Arc::new(Injection::new());
        let alive = Arc::new(());
        let pushing = {
            let injection = Arc::clone(&injection);
            let alive = Arc::clone(&alive);
            thread::spawn(move || {
                for number in 0..2 {
                    let alive = Arc::clone(&alive);
                    injection.push(Task { number, alive });
                }
            })
        };
        let mut taken = 0;
        for mut tasks in injection.take().into_iter().chain([injection.close()]) {
            while let Some(task) = tasks.pop() {
                assert_eq!(task.number, taken);
                taken += 1;
            }
        }
        pushing.join().unwrap();
        assert!(injection.take().is_none(), "a closed queue stays empty");
        assert_eq!(Arc::strong_count(&alive), 1, "a task was left inside");
    });
}
