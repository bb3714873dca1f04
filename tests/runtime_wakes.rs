//! Of a million wakes from eight threads, none is lost and each publishes: the one that is woken sees the last value of each counter that
//! was bumped before a wake. On one, two and eight workers, to a task, a pinned task and the future in `block_on`, in a worker and as guest.
//!
//! Pitfall: a coalesced wake lacks its release (tokio#7622).

mod common;

use common::rounds;
use futures_util::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use waterwheel::{Handle, Runtime, spawn, spawn_local, yield_now};

const THREADS: usize = 8;

/// How often each of them wakes.
const WAKES: usize = 1_000_000 / THREADS;

#[derive(Clone)]
struct Counters(Arc<[AtomicUsize; THREADS]>);

impl Counters {
    fn new() -> Self {
        Self(Arc::default())
    }

    /// Eight threads that each bump a counter of their own and wake, by reference and by value.
    fn bump_and_wake(&self, waker: &Waker) {
        for thread in 0..THREADS {
            let (counters, waker) = (self.clone(), waker.clone());
            thread::spawn(move || {
                for wake in 1..=WAKES {
                    counters.0[thread].store(wake, Ordering::Relaxed);
                    if wake % 2 == 0 {
                        waker.wake_by_ref();
                    } else {
                        let clone = waker.clone();
                        clone.wake();
                    }
                }
            });
        }
    }

    /// Pends until all have their last value. A wake that is lost, or that does not publish, leaves it pending for ever. Returns how
    /// often it was polled.
    async fn wait(self) -> usize {
        let mut polls = 0;
        poll_fn(|cx| {
            if polls == 0 {
                self.bump_and_wake(cx.waker());
            }
            polls += 1;
            // Relaxed: all order comes from the wakes.
            let is_last = |counter: &AtomicUsize| counter.load(Ordering::Relaxed) == WAKES;
            if self.0.iter().all(is_last) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        polls
    }
}

fn check(polls: usize) {
    assert!(polls <= THREADS * WAKES + 1, "at most a poll a wake");
}

/// Runs `body` in runtimes of one, two and eight workers.
fn on_all_workers(body: impl Fn(&Runtime)) {
    for workers in [1, 2, 8] {
        body(&Runtime::builder().worker_threads(workers).build().unwrap());
    }
}

#[test]
fn to_a_task() {
    on_all_workers(|runtime| {
        check(runtime.block_on(async { spawn(Counters::new().wait()).await.unwrap() }));
    });
}

/// In a runtime of one worker, the spare thread runs it.
#[test]
fn to_a_task_while_nobody_is_in_block_on() {
    on_all_workers(|runtime| {
        let (tell, told) = mpsc::channel();
        drop(runtime.spawn(async move {
            tell.send(Counters::new().wait().await).unwrap();
        }));
        check(told.recv().unwrap());
    });
}

#[test]
fn to_a_pinned_task() {
    on_all_workers(|runtime| {
        check(runtime.block_on(async { spawn_local(Counters::new().wait()).await.unwrap() }));
    });
}

#[test]
fn to_a_task_that_is_pinned_to_a_worker() {
    on_all_workers(|runtime| {
        let (tell, told) = mpsc::channel();
        drop(runtime.spawn(async move {
            let pinned = spawn_local(Counters::new().wait());
            tell.send(pinned.await.unwrap()).unwrap();
        }));
        check(told.recv().unwrap());
    });
}

#[test]
fn to_the_main_future() {
    on_all_workers(|runtime| check(runtime.block_on(Counters::new().wait())));
}

#[test]
fn to_a_guest() {
    on_all_workers(|runtime| {
        let (tell, told) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                runtime.block_on(poll_fn(|cx| {
                    if over.load(Ordering::SeqCst) {
                        return Poll::Ready(());
                    }
                    tell.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                }));
            });
            let first = told.recv().unwrap();
            let main = runtime.block_on(Counters::new().wait());
            let pinned = runtime.block_on(async { spawn_local(Counters::new().wait()).await });
            over.store(true, Ordering::SeqCst);
            first.wake();
            check(main);
            check(pinned.unwrap());
        });
    });
}

/// Other tasks keep the workers busy, and steal.
#[test]
fn beside_busy_tasks() {
    on_all_workers(|runtime| {
        let busy: Vec<_> = (0..16)
            .map(|_| {
                runtime.spawn(async {
                    loop {
                        yield_now().await;
                    }
                })
            })
            .collect();
        check(runtime.block_on(async { spawn(Counters::new().wait()).await.unwrap() }));
        check(runtime.block_on(async { spawn_local(Counters::new().wait()).await.unwrap() }));
        for task in busy {
            task.abort();
        }
    });
}

/// One wake at a time, so that nothing repairs what is lost: a token goes back and forth between a thread and whoever is woken.
async fn ping_pong() {
    let turn = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&turn);
    let (send, wakers) = mpsc::channel::<Waker>();
    let waking = thread::spawn(move || {
        for (round, waker) in wakers.into_iter().enumerate() {
            theirs.store(round + 1, Ordering::Relaxed);
            waker.wake();
        }
    });
    for round in 0..rounds(20_000, 2_000) {
        let mut sent = false;
        poll_fn(|cx| {
            if !std::mem::replace(&mut sent, true) {
                send.send(cx.waker().clone()).unwrap();
            }
            if turn.load(Ordering::Relaxed) == round + 1 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
    drop(send);
    waking.join().unwrap();
}

#[test]
fn one_at_a_time() {
    on_all_workers(|runtime| {
        runtime.block_on(ping_pong());
        runtime.block_on(async { spawn(ping_pong()).await.unwrap() });
        runtime.block_on(async { spawn_local(ping_pong()).await.unwrap() });
    });
}

/// Tasks that wake each other, each the next in a ring, on whatever worker that is: from the LIFO slot, from rings, from others'.
#[test]
fn between_tasks() {
    const TASKS: usize = 10;
    on_all_workers(|runtime| {
        let turn = Arc::new(AtomicUsize::new(0));
        let wakers: Arc<[std::sync::Mutex<Option<Waker>>; TASKS]> = Arc::default();
        let laps = rounds(20_000, 4_000);
        let task = |number: usize, runtime: &Handle| {
            let (turn, wakers) = (Arc::clone(&turn), Arc::clone(&wakers));
            runtime.spawn(async move {
                for lap in 0..laps {
                    poll_fn(|cx| {
                        *wakers[number].lock().unwrap() = Some(cx.waker().clone());
                        if turn.load(Ordering::SeqCst) == lap * TASKS + number {
                            Poll::Ready(())
                        } else {
                            Poll::Pending
                        }
                    })
                    .await;
                    turn.fetch_add(1, Ordering::SeqCst);
                    let next = wakers[(number + 1) % TASKS].lock().unwrap().take();
                    if let Some(next) = next {
                        next.wake();
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| task(number, runtime.handle()))
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(turn.load(Ordering::SeqCst), TASKS * laps);
    });
}
