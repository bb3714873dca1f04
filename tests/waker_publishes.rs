//! A wake makes what its thread did before it visible to the poll that follows, whoever wakes and however often.
//!
//! Pitfall: a coalesced wake lacks its release (tokio#7622). `executor/tests/loom_state.rs` explores it; here it runs.

mod workers;

use futures_util::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use waterwheel::{spawn, spawn_local};
use workers::block_on;

const THREADS: usize = 8;
const WAKES: usize = 100_000;

/// Pends until the counter has its last value. A wake that is lost, or that does not publish, leaves it pending for ever.
async fn wait_for_all(counters: Arc<Vec<AtomicUsize>>, give_waker: impl Fn(Waker)) -> usize {
    let mut polls = 0;
    poll_fn(|cx| {
        if polls == 0 {
            give_waker(cx.waker().clone());
        }
        polls += 1;
        // Relaxed: all order comes from the wakes.
        let all = counters
            .iter()
            .all(|counter| counter.load(Ordering::Relaxed) == WAKES);
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    polls
}

/// Eight threads that each bump a counter of their own and wake, by reference and by value.
fn wake_from_threads(counters: &Arc<Vec<AtomicUsize>>, waker: &Waker) {
    for thread in 0..THREADS {
        let (counters, waker) = (Arc::clone(counters), waker.clone());
        thread::spawn(move || {
            for wake in 1..=WAKES {
                counters[thread].store(wake, Ordering::Relaxed);
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

fn counters() -> Arc<Vec<AtomicUsize>> {
    Arc::new((0..THREADS).map(|_| AtomicUsize::new(0)).collect())
}

#[test]
fn to_a_task() {
    block_on(async {
        let counters = counters();
        let theirs = Arc::clone(&counters);
        let polls = spawn(wait_for_all(Arc::clone(&counters), move |waker| {
            wake_from_threads(&theirs, &waker);
        }));
        let polls = polls.await.unwrap();
        assert!(polls > 1, "it waited");
        assert!(polls <= THREADS * WAKES + 1, "at most a poll a wake");
    });
}

#[test]
fn to_a_local_task_beside_busy_others() {
    block_on(async {
        let counters = counters();
        let theirs = Arc::clone(&counters);
        let busy = spawn(async {
            loop {
                waterwheel::yield_now().await;
            }
        });
        let polls = spawn_local(wait_for_all(Arc::clone(&counters), move |waker| {
            wake_from_threads(&theirs, &waker);
        }));
        assert!(polls.await.unwrap() > 1);
        busy.abort();
        assert!(busy.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn to_the_main_future() {
    let counters = counters();
    let polls = block_on(wait_for_all(Arc::clone(&counters), |waker| {
        wake_from_threads(&counters, &waker);
    }));
    assert!(polls > 1);
}

/// One wake at a time, so that nothing repairs what is lost: a token goes back and forth between a thread and the runtime.
#[test]
fn one_at_a_time() {
    const ROUNDS: usize = 10_000;
    let turn = Arc::new(AtomicUsize::new(0));
    for main in [false, true] {
        turn.store(0, Ordering::Relaxed);
        let (send, wakers) = std::sync::mpsc::channel::<Waker>();
        let theirs = Arc::clone(&turn);
        let waking = thread::spawn(move || {
            for (round, waker) in wakers.into_iter().enumerate() {
                theirs.store(round + 1, Ordering::Relaxed);
                waker.wake();
            }
        });
        let turn = Arc::clone(&turn);
        let future = async move {
            for round in 0..ROUNDS {
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
        };
        block_on(async {
            if main {
                future.await;
            } else {
                spawn(future).await.unwrap();
            }
        });
        waking.join().unwrap();
    }
}
