//! A runtime is dropped while other threads wake its tasks, spawn on it and abort: it ends, every future is dropped once, and neither
//! descriptors nor threads are left. A test of its own process: it counts all that there are.
//!
//! Pitfalls: a wake during the executor's drop is a use after free (async-executor#163); the schedule function is freed while it runs
//! (async-task#11).

mod common;

use common::{Count, Random, descriptors, eventually, rounds, threads};
use futures_util::future::poll_fn;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;
use waterwheel::{AbortHandle, Handle, JoinHandle, Runtime, sleep, yield_now};

const SEED: u64 = 0x0dd5_ea75_d209;

/// What a round's threads know of each other.
#[derive(Clone, Default)]
struct Round {
    futures: Count,
    wakers: Arc<Mutex<Vec<Waker>>>,
    aborts: Arc<Mutex<Vec<AbortHandle>>>,
    handles: Arc<Mutex<Vec<JoinHandle<()>>>>,
    /// How often somebody has done something to the runtime.
    done: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Round {
    /// Spawns a task that never ends by itself, unless there are many.
    fn spawn(&self, runtime: &Handle, random: &mut Random) {
        if self.futures.made() - self.futures.dropped() > 50 {
            return thread::yield_now();
        }
        let guard = self.futures.guard();
        let wakers = Arc::clone(&self.wakers);
        let handle = match random.below(5) {
            0 => runtime.spawn(async move {
                let _guard = guard;
                loop {
                    yield_now().await;
                }
            }),
            1 => runtime.spawn(async move {
                let _guard = guard;
                sleep(Duration::MAX).await;
            }),
            // Its destructor wakes another.
            2 => runtime.spawn(async move {
                let _wake = WakeOnDrop(wakers);
                let _guard = guard;
                pending::<()>().await;
            }),
            _ => runtime.spawn(async move {
                let _guard = guard;
                poll_fn(|cx| {
                    wakers.lock().unwrap().push(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .await;
            }),
        };
        self.aborts.lock().unwrap().push(handle.abort_handle());
        if random.below(2) == 0 {
            self.handles.lock().unwrap().push(handle);
        }
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    fn wake(&self, random: &mut Random) {
        let waker = {
            let mut wakers = self.wakers.lock().unwrap();
            let count = wakers.len() as u64;
            (count > 0).then(|| wakers.swap_remove(random.below(count) as usize))
        };
        if let Some(waker) = waker {
            waker.wake_by_ref();
            waker.wake();
            self.done.fetch_add(1, Ordering::SeqCst);
        } else {
            thread::yield_now();
        }
    }

    fn abort(&self, random: &mut Random) {
        let abort = {
            let mut aborts = self.aborts.lock().unwrap();
            let count = aborts.len() as u64;
            (count > 1).then(|| aborts.swap_remove(random.below(count) as usize))
        };
        if let Some(abort) = abort {
            abort.abort();
            self.done.fetch_add(1, Ordering::SeqCst);
        } else {
            thread::yield_now();
        }
    }
}

struct WakeOnDrop(Arc<Mutex<Vec<Waker>>>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        let waker = self.0.lock().unwrap().pop();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A thread that does one thing to one runtime after the other.
fn foreign(
    number: u64,
    acts: fn(&Round, &Handle, &mut Random),
    done: &Arc<Barrier>,
) -> mpsc::Sender<(Round, Handle)> {
    let (send, rounds) = mpsc::channel::<(Round, Handle)>();
    let done = Arc::clone(done);
    thread::spawn(move || {
        let mut random = Random(SEED + number);
        for (round, handle) in rounds {
            while !round.is_over.load(Ordering::SeqCst) {
                acts(&round, &handle, &mut random);
            }
            // And a little more, now that it has ended.
            acts(&round, &handle, &mut random);
            drop((round, handle));
            done.wait();
        }
    });
    send
}

#[test]
fn while_others_wake_spawn_and_abort() {
    println!("seed {SEED:#x}");
    // Waits for the round's end: the three others, and this thread.
    let done = Arc::new(Barrier::new(4));
    let others = [
        foreign(
            1,
            |round, runtime, random| round.spawn(runtime, random),
            &done,
        ),
        foreign(2, |round, _, random| round.wake(random), &done),
        foreign(3, |round, _, random| round.abort(random), &done),
    ];
    let mut random = Random(SEED);
    let before = (descriptors(), threads().len());
    for number in 0..rounds(10_000, 500) {
        let workers = 1 + number % 3;
        let runtime = Runtime::builder().worker_threads(workers).build().unwrap();
        let round = Round::default();
        let inside = random.below(4);
        for other in &others {
            other
                .send((round.clone(), runtime.handle().clone()))
                .unwrap();
        }
        // Dropped early in what they do, or later.
        let enough = random.below(100) as usize;
        let busy = || round.done.load(Ordering::SeqCst) < enough;
        if inside == 0 {
            runtime.block_on(async {
                while busy() {
                    yield_now().await;
                }
            });
        } else {
            while busy() {
                thread::yield_now();
            }
        }
        drop(runtime);
        round.is_over.store(true, Ordering::SeqCst);
        done.wait();
        let count = &round.futures;
        assert_eq!(count.dropped(), count.made(), "round {number}");
        let handles = std::mem::take(&mut *round.handles.lock().unwrap());
        for handle in handles {
            assert!(handle.is_finished(), "round {number}");
        }
        round.aborts.lock().unwrap().clear();
        round.wakers.lock().unwrap().clear();
        assert_eq!(descriptors(), before.0, "round {number}");
        eventually("the threads are gone", || threads().len() == before.1);
    }
}
