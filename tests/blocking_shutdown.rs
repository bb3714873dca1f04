//! The end of a runtime whose blocking jobs wait, run and end: it waits for none of them, and each closure is dropped once.

mod workers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use waterwheel::{JoinHandle, spawn, spawn_blocking, yield_now};
use workers::block_on;

/// Tells of its drop.
struct TellDrop(mpsc::Sender<()>);

impl Drop for TellDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// What runs is not waited for: `block_on` returns before it is let go.
#[test]
fn a_job_that_runs_goes_on() {
    let (tell, drops) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    block_on(async {
        let (start, started) = mpsc::channel();
        let output = TellDrop(tell);
        drop(spawn_blocking(move || {
            start.send(()).unwrap();
            assert!(released.recv().is_err());
            output
        }));
        started.recv().unwrap();
    });
    assert!(drops.try_recv().is_err(), "it waits to be released");
    drop(release);
    assert_eq!(drops.iter().count(), 1, "its output is dropped at its end");
}

/// As above, when the main future panics.
#[test]
fn also_when_the_main_future_panics() {
    let (tell, drops) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            let (start, started) = mpsc::channel();
            let held = TellDrop(tell);
            drop(spawn_blocking(move || {
                let _held = held;
                start.send(()).unwrap();
                assert!(released.recv().is_err());
            }));
            started.recv().unwrap();
            panic!("the main future");
        })
    }));
    assert!(panicked.is_err());
    assert!(drops.try_recv().is_err());
    drop(release);
    assert_eq!(drops.iter().count(), 1);
}

/// More jobs than the pool has threads, all of which are busy: those that wait are dropped before `block_on` returns.
#[test]
fn a_job_that_waits_is_cancelled() {
    const MOST_THREADS: usize = 512;
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let (tell, drops) = mpsc::channel();
    let waiting: Vec<JoinHandle<()>> = block_on(async {
        let (start, started) = mpsc::channel();
        for _ in 0..MOST_THREADS {
            let (start, released) = (start.clone(), Arc::clone(&released));
            drop(spawn_blocking(move || {
                start.send(()).unwrap();
                let _ = released.lock().unwrap().recv();
            }));
        }
        assert_eq!(started.iter().take(MOST_THREADS).count(), MOST_THREADS);
        let wait = |held| {
            spawn_blocking(move || {
                let _held = held;
                unreachable!("no thread was free");
            })
        };
        (0..10).map(|_| TellDrop(tell.clone())).map(wait).collect()
    });
    drop(tell);
    assert_eq!(drops.try_iter().count(), 10, "here and now");
    for handle in waiting {
        assert!(block_on(handle).unwrap_err().is_cancelled());
    }
    drop(release);
}

/// At whatever moment it ends: each closure has run or has not, and is dropped once, sooner or later.
#[test]
fn at_any_moment_a_closure_is_dropped_once() {
    const JOBS: usize = 6;
    for round in 0..1000 {
        let (tell, drops) = mpsc::channel();
        let ran = Arc::new(AtomicUsize::new(0));
        block_on(async {
            let mut handles = Vec::new();
            for _ in 0..JOBS {
                let (held, runs) = (TellDrop(tell.clone()), Arc::clone(&ran));
                handles.push(spawn_blocking(move || {
                    runs.fetch_add(1, Ordering::SeqCst);
                    drop(held);
                }));
            }
            match round % 4 {
                0 => {}
                1 => yield_now().await,
                2 => handles.remove(round % JOBS).await.unwrap(),
                _ => {
                    // A task is dropped that awaits them.
                    drop(spawn(async move {
                        for handle in handles {
                            handle.await.unwrap();
                        }
                    }));
                    yield_now().await;
                }
            }
        });
        drop(tell);
        // The channel ends when the last closure is gone.
        assert_eq!(drops.iter().count(), JOBS, "round {round}");
        assert!(ran.load(Ordering::SeqCst) <= JOBS);
    }
}

/// What is dropped at the end may try to give a job: it is cancelled.
#[test]
fn a_job_given_while_it_ends() {
    struct OnDrop(mpsc::Sender<JoinHandle<()>>);

    impl Drop for OnDrop {
        fn drop(&mut self) {
            let late = spawn_blocking(|| unreachable!("the runtime is ending"));
            self.0.send(late).unwrap();
        }
    }

    let (send, receive) = mpsc::channel();
    block_on(async {
        let gives = OnDrop(send);
        drop(spawn(async move {
            let _gives = gives;
            std::future::pending::<()>().await
        }));
        yield_now().await;
    });
    let late = receive.recv().unwrap();
    assert!(block_on(late).unwrap_err().is_cancelled());
}
