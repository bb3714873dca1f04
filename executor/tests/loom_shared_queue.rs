//! Models of a shared queue of tasks under loom, with the word that keeps its worker from sleeping.
//!
//! The queue is the crate's own (`src/queue/shared.rs`), on loom's lock and atomics; the tasks in it are numbers. The unpark
//! word stands in for the reactor's, which has models of its own: here it is a flag and a condition variable.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test 'loom_*'`.

#![cfg(loom)]

#[path = "../src/queue/shared.rs"]
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
    pub(crate) use loom::sync::atomic::Ordering;

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

use loom::thread;
use parker::Parker;
use std::sync::Arc;

type SharedQueue = shared_queue::SharedQueue<()>;
type Task = task::task::Task<()>;
type TaskQueue = task::list::TaskQueue<()>;

/// Explores all interleavings with at most this many preemptions; all of them, if that is `None`.
fn explore(preemptions: impl Into<Option<usize>>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.check(model);
}

fn numbers(mut tasks: TaskQueue) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || tasks.pop().map(|task| task.number))
}

/// Two threads push one task each, or one thread pushes two; the worker takes a share, of one or of all, and sleeps whenever it
/// finds none. If a push were missed, the worker would sleep for ever, which loom reports as a deadlock.
#[test]
fn every_pushed_task_is_taken() {
    for (threads, most) in [(1, 1), (1, 2), (2, 1), (2, usize::MAX)] {
        explore(3, move || {
            let shared = Arc::new((SharedQueue::new(), Parker::default()));
            let alive = Arc::new(());
            let pushing: Vec<_> = (0..threads)
                .map(|thread| {
                    let shared = Arc::clone(&shared);
                    let alive = Arc::clone(&alive);
                    thread::spawn(move || {
                        for number in (thread..2).step_by(threads) {
                            let alive = Arc::clone(&alive);
                            shared.0.push(Task {
                                number,
                                alive,
                                scheduler: std::marker::PhantomData,
                            });
                            shared.1.unpark();
                        }
                    })
                })
                .collect();
            let mut taken = Vec::new();
            while taken.len() < 2 {
                match shared.0.take(most) {
                    Some(tasks) => {
                        let before = taken.len();
                        taken.extend(numbers(tasks));
                        assert!((1..=most).contains(&(taken.len() - before)));
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
            assert_eq!(shared.0.len(), 0);
            assert!(shared.0.take(most).is_none());
            assert_eq!(Arc::strong_count(&alive), 1);
        });
    }
}

/// Two workers take shares while a task is pushed: each task goes to one of them, and a length that is seen is one of tasks
/// that are there, or have been taken since.
#[test]
fn a_share_is_one_workers() {
    explore(None, || {
        let queue = Arc::new(SharedQueue::new());
        let alive = Arc::new(());
        let push = {
            let queue = Arc::clone(&queue);
            let alive = Arc::clone(&alive);
            move |number| {
                let alive = Arc::clone(&alive);
                queue.push(Task {
                    number,
                    alive,
                    scheduler: std::marker::PhantomData,
                });
            }
        };
        push(0);
        push(1);
        let other = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let taken = queue.take(1).expect("two were there, and one other taker");
                numbers(taken).collect::<Vec<_>>()
            })
        };
        let mut taken: Vec<_> = numbers(queue.take(1).expect("as above")).collect();
        push(2);
        assert!(queue.len() > 0, "we have pushed it, and who takes took one");
        taken.extend(other.join().unwrap());
        assert_eq!(queue.len(), 1);
        taken.extend(numbers(queue.take(2).expect("it is left")));
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
        assert_eq!(queue.len(), 0);
    });
}

/// The queue is closed while another thread pushes: the task is taken, drained or dropped, and nothing is left inside.
#[test]
fn a_closed_queue_keeps_nothing() {
    explore(None, || {
        let queue = Arc::new(SharedQueue::new());
        let alive = Arc::new(());
        let pushing = {
            let queue = Arc::clone(&queue);
            let alive = Arc::clone(&alive);
            thread::spawn(move || {
                for number in 0..2 {
                    let alive = Arc::clone(&alive);
                    queue.push(Task {
                        number,
                        alive,
                        scheduler: std::marker::PhantomData,
                    });
                }
            })
        };
        let mut taken = 0;
        for tasks in queue.take(1).into_iter().chain([queue.close()]) {
            for number in numbers(tasks) {
                assert_eq!(number, taken);
                taken += 1;
            }
        }
        pushing.join().unwrap();
        assert_eq!(queue.len(), 0);
        assert!(queue.take(1).is_none(), "a closed queue stays empty");
        assert_eq!(Arc::strong_count(&alive), 1, "a task was left inside");
    });
}
