//! A runtime gives its threads and descriptors back. A test of its own process: it counts all there are.

mod workers;

use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};
use std::{fs, thread};
use waterwheel::{spawn, spawn_blocking};
use workers::block_on;

fn count(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn threads() -> usize {
    count("/proc/self/task")
}

/// A thread that ends is seen to be gone only by looking.
fn await_threads(expected: usize) {
    let start = Instant::now();
    while threads() != expected {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{} threads, not {expected}",
            threads()
        );
        thread::yield_now();
    }
}

/// One test, so that no other starts threads meanwhile.
#[test]
fn they_end_with_the_runtime_and_its_jobs() {
    const JOBS: usize = 16;
    let before = threads();
    block_on(async {});
    await_threads(before);
    let open = count("/proc/self/fd");

    block_on(async {
        drop(spawn(async {}));
        assert_eq!(
            threads(),
            before + workers::threads(),
            "a runtime without jobs has none but its own"
        );
    });
    await_threads(before);

    for _ in 0..50 {
        let (release, released) = mpsc::channel::<()>();
        block_on(async {
            let all = Arc::new(Barrier::new(JOBS));
            let handles: Vec<_> = (0..JOBS)
                .map(|_| Arc::clone(&all))
                .map(|all| {
                    spawn_blocking(move || {
                        all.wait();
                    })
                })
                .collect();
            for handle in handles {
                handle.await.unwrap();
            }
            assert_eq!(
                threads(),
                before + workers::threads() + JOBS,
                "they wait for more"
            );
            let (start, started) = mpsc::channel();
            drop(spawn_blocking(move || {
                start.send(()).unwrap();
                assert!(released.recv().is_err());
            }));
            started.recv().unwrap();
        });
        // The idle ones end with the runtime; the one that runs, with its job.
        await_threads(before + 1);
        drop(release);
        await_threads(before);
    }
    assert_eq!(count("/proc/self/fd"), open);
}
