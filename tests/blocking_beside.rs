//! Blocking jobs run beside the runtime and beside each other, and their end wakes who awaits them.

mod workers;

use std::collections::HashSet;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;
use waterwheel::{sleep, spawn, spawn_blocking, spawn_local};
use workers::block_on;

/// The job waits for what the runtime does meanwhile: if it held the runtime up, neither would end.
#[test]
fn timers_and_tasks_go_on() {
    block_on(async {
        let (send, receive) = mpsc::channel();
        let job = spawn_blocking(move || receive.iter().take(10).sum::<u32>());
        let task = spawn(async move {
            for _ in 0..10 {
                sleep(Duration::from_millis(1)).await;
                send.send(1).unwrap();
            }
        });
        assert_eq!(job.await.unwrap(), 10);
        task.await.unwrap();
    });
}

/// Nothing else would ever wake the runtime.
#[test]
fn its_end_wakes_a_runtime_that_sleeps() {
    for _ in 0..100 {
        block_on(async {
            spawn_blocking(|| thread::sleep(Duration::from_micros(200)))
                .await
                .unwrap();
        });
        block_on(async {
            let awaiting = spawn_local(async {
                spawn_blocking(|| thread::sleep(Duration::from_micros(200))).await
            });
            awaiting.await.unwrap().unwrap();
        });
    }
}

/// Without a sleep, the end of the job meets the runtime on its way into its own.
#[test]
fn its_end_is_never_missed() {
    block_on(async {
        for round in 0..20_000 {
            assert_eq!(spawn_blocking(move || round).await.unwrap(), round);
        }
    });
}

/// Jobs that wait for each other all run.
#[test]
fn the_pool_grows_with_the_work() {
    const JOBS: usize = 64;
    block_on(async {
        for _ in 0..3 {
            let all = Arc::new(Barrier::new(JOBS));
            let handles: Vec<_> = (0..JOBS)
                .map(|_| Arc::clone(&all))
                .map(|all| {
                    spawn_blocking(move || {
                        all.wait();
                        thread::current().id()
                    })
                })
                .collect();
            let mut threads = HashSet::new();
            for handle in handles {
                threads.insert(handle.await.unwrap());
            }
            assert_eq!(threads.len(), JOBS);
        }
    });
}

#[test]
fn ten_thousand_jobs() {
    const JOBS: usize = 10_000;
    block_on(async {
        let handles: Vec<_> = (0..JOBS)
            .map(|number| spawn_blocking(move || number))
            .collect();
        for (number, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.await.unwrap(), number);
        }
    });
}
