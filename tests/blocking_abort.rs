//! Aborting a blocking job. (While it waits for a thread: `blocking_aborted.rs`.)

mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use waterwheel::spawn_blocking;
use workers::block_on;

#[test]
fn once_it_has_started_is_too_late() {
    block_on(async {
        let (start, started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let handle = spawn_blocking(move || {
            start.send(()).unwrap();
            assert!(released.recv().is_err());
            1
        });
        started.recv().unwrap();
        handle.abort();
        handle.abort();
        drop(release);
        assert_eq!(handle.await.unwrap(), 1);
    });
}

#[test]
fn after_its_end_changes_nothing() {
    block_on(async {
        let (end, ended) = mpsc::channel::<()>();
        let handle = spawn_blocking(move || end);
        let other = spawn_blocking(|| 1);
        assert_eq!(other.await.unwrap(), 1);
        while !handle.is_finished() {
            waterwheel::yield_now().await;
        }
        handle.abort();
        drop(handle.await.unwrap());
        assert!(ended.recv().is_err());
    });
}

/// Aborted at once, it has started or has not: it runs or is cancelled, and what it holds is dropped once.
#[test]
fn at_once() {
    struct CountDrop(Arc<AtomicUsize>);

    impl Drop for CountDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    const ROUNDS: usize = 1000;
    let (dropped, ran) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    block_on(async {
        for round in 0..ROUNDS {
            let (counts, runs) = (CountDrop(Arc::clone(&dropped)), Arc::clone(&ran));
            let handle = spawn_blocking(move || {
                runs.fetch_add(1, Ordering::SeqCst);
                drop(counts);
            });
            handle.abort();
            let before = ran.load(Ordering::SeqCst);
            match handle.await {
                Ok(()) => assert!(ran.load(Ordering::SeqCst) > 0),
                Err(error) => {
                    assert!(error.is_cancelled());
                    assert_eq!(ran.load(Ordering::SeqCst), before, "it was cancelled");
                }
            }
            assert_eq!(dropped.load(Ordering::SeqCst), round + 1);
        }
    });
}
