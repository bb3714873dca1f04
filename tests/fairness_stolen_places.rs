//! A place in the queue of a worker comes when those before it have run or have been stolen: whoever took them, and from wherever.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use waterwheel::{Runtime, spawn, spawn_local, yield_now};

const WORKERS: [usize; 3] = [1, 2, 4];
const ROUNDS: usize = 3;

fn runtime(workers: usize) -> Runtime {
    Runtime::builder()
        .worker_threads(workers)
        .build()
        .expect("a runtime")
}

/// Debug builds look through the queue of pinned tasks at every turn: their positions must grow, though siblings take from the overflow
/// meanwhile.
#[test]
fn tasks_of_both_kinds_by_turns() {
    for workers in WORKERS {
        let ran = Arc::new(AtomicUsize::new(0));
        runtime(workers).block_on(async {
            let mut tasks = Vec::new();
            for _ in 0..20_000 {
                let (shared, pinned) = (Arc::clone(&ran), Arc::clone(&ran));
                drop(spawn(async move { shared.fetch_add(1, Ordering::Relaxed) }));
                tasks.push(spawn_local(async move {
                    pinned.fetch_add(1, Ordering::Relaxed)
                }));
            }
            for task in tasks {
                task.await.expect("the task does not panic");
            }
            while ran.load(Ordering::Relaxed) < 40_000 {
                yield_now().await;
            }
        });
        assert_eq!(ran.load(Ordering::Relaxed), 40_000, "{workers} workers");
    }
}

thread_local! {
    /// How many polls of the tasks of [`Load`] this thread has made.
    static POLLS: Cell<usize> = const { Cell::new(0) };
}

fn polled() {
    POLLS.set(POLLS.get() + 1);
}

/// Many tasks that end at once, and a few that never do, so that the queue of the thread that has made them does not become empty.
struct Load {
    workers: usize,
    done: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    const ENDING: usize = 50_000;
    const YIELDING: usize = 400;

    /// In one poll, in which nothing is stolen: the siblings are kept by tasks of their own meanwhile.
    fn spawn(workers: usize) -> Arc<Self> {
        let (kept, made) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        for _ in 1..workers {
            let (kept, made) = (Arc::clone(&kept), Arc::clone(&made));
            drop(spawn(async move {
                kept.fetch_add(1, Ordering::SeqCst);
                while !made.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
            }));
        }
        while kept.load(Ordering::SeqCst) < workers - 1 {
            thread::yield_now();
        }
        let load = Arc::new(Self {
            workers,
            done: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        for _ in 0..Self::ENDING {
            let load = Arc::clone(&load);
            drop(spawn(async move {
                polled();
                load.done.fetch_add(1, Ordering::SeqCst);
            }));
        }
        for _ in 0..Self::YIELDING {
            let load = Arc::clone(&load);
            drop(spawn(async move {
                while !load.over.load(Ordering::Relaxed) {
                    polled();
                    yield_now().await;
                }
            }));
        }
        made.store(true, Ordering::SeqCst);
        load
    }

    /// Keeps this thread until siblings, if there are any, have stolen and run most of them.
    fn wait_for_siblings(&self) {
        while self.workers > 1 && self.done.load(Ordering::SeqCst) < 4 * Self::ENDING / 5 {
            thread::yield_now();
        }
    }

    /// How many polls this worker may make at most before it comes to who is queued now: one of each that is still there; and it looks what
    /// has been stolen once in an interval.
    fn most_polls(&self) -> usize {
        let left = Self::ENDING - self.done.load(Ordering::SeqCst);
        left + Self::YIELDING + 100
    }
}

#[test]
fn the_main_future_comes_when_those_before_it_are_gone() {
    for workers in WORKERS.into_iter().flat_map(|workers| [workers; ROUNDS]) {
        runtime(workers).block_on(async {
            let load = Load::spawn(workers);
            let (mut most, mut before) = (0, 0);
            // In the first round its place is taken before they are stolen.
            for round in 0..ROUNDS {
                let mut yielding = Box::pin(yield_now());
                std::future::poll_fn(|cx| {
                    let polled = yielding.as_mut().poll(cx);
                    if polled.is_pending() {
                        load.wait_for_siblings();
                        (most, before) = (load.most_polls(), POLLS.get());
                    }
                    polled
                })
                .await;
                let polls = POLLS.get() - before;
                assert!(
                    polls <= most,
                    "{workers} workers, round {round}: {polls} polls, of {most}"
                );
            }
            load.over.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn a_pinned_task_comes_when_those_before_it_are_gone() {
    for workers in WORKERS.into_iter().flat_map(|workers| [workers; ROUNDS]) {
        runtime(workers).block_on(async {
            let load = Load::spawn(workers);
            let pinned = spawn_local(async { POLLS.get() });
            load.wait_for_siblings();
            let (most, before) = (load.most_polls(), POLLS.get());
            let polls = pinned.await.expect("the task does not panic") - before;
            assert!(polls <= most, "{workers} workers: {polls} polls, of {most}");
            load.over.store(true, Ordering::Relaxed);
        });
    }
}
