//! How long the threads of the blocking pool stay, and which of them.

mod common;

use common::eventually;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::executor::Builder;
use waterwheel::{JoinHandle, Runtime, time};

fn builders() -> impl Iterator<Item = Builder> {
    let workers = [1, 2, 4].into_iter();
    workers.map(|workers| Runtime::builder().worker_threads(workers))
}

/// So many jobs at once, and as many threads.
fn burst(runtime: &Runtime, jobs: usize) {
    let all = Arc::new(Barrier::new(jobs));
    let jobs: Vec<JoinHandle<()>> = (0..jobs)
        .map(|_| Arc::clone(&all))
        .map(|all| {
            runtime.spawn_blocking(move || {
                all.wait();
            })
        })
        .collect();
    for job in jobs {
        runtime.block_on(job).unwrap();
    }
}

fn threads(runtime: &Runtime) -> usize {
    runtime.metrics().blocking_threads
}

/// Waits until all of them sleep. Returns how many there are.
fn all_asleep(runtime: &Runtime) -> usize {
    let mut threads = 0;
    eventually("they sleep", || {
        let metrics = runtime.metrics();
        threads = metrics.blocking_threads;
        metrics.idle_blocking_threads == threads
    });
    threads
}

/// A hundred jobs at once, and then one after the other, without end: one thread is enough for these, and the others end.
#[test]
fn after_a_burst_one_thread_is_left() {
    for builder in builders() {
        let keep_alive = Duration::from_millis(500);
        let runtime = builder.thread_keep_alive(keep_alive).build().unwrap();
        burst(&runtime, 100);
        let start = Instant::now();
        while all_asleep(&runtime) > 1 {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{} threads stay",
                threads(&runtime)
            );
            runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        }
    }
}

#[test]
fn of_no_time_a_thread_ends_after_its_job() {
    for builder in builders() {
        let runtime = builder.thread_keep_alive(Duration::ZERO).build().unwrap();
        for jobs in [1, 10, 1] {
            burst(&runtime, jobs);
            eventually("they have ended", || threads(&runtime) == 0);
        }
    }
}

#[test]
fn of_all_time_a_thread_stays_until_the_end() {
    for builder in builders() {
        let builder = builder.thread_keep_alive(Duration::MAX);
        assert!(format!("{builder:?}").contains("thread_keep_alive: 18446744073709551615"));
        let runtime = builder.build().unwrap();
        burst(&runtime, 10);
        for _ in 0..100 {
            runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
            assert_eq!(all_asleep(&runtime), 10);
        }
        let report = runtime.shutdown(Duration::from_secs(60));
        assert!(report.is_complete(), "{report:?}");
    }
}

#[test]
fn by_default_ten_seconds() {
    let builder = Runtime::builder();
    assert!(format!("{builder:?}").contains("thread_keep_alive: 10s"));
}

/// No time passes for tasks, and it does for threads; and the other way round.
#[test]
fn in_real_time_where_time_is_paused() {
    for builder in builders() {
        let builder = builder.paused_time();
        let short = builder.clone().thread_keep_alive(Duration::from_millis(20));
        let runtime = short.build().unwrap();
        burst(&runtime, 3);
        eventually("they have ended", || threads(&runtime) == 0);

        let long = builder.thread_keep_alive(Duration::from_secs(1000));
        let runtime = long.build().unwrap();
        burst(&runtime, 3);
        runtime.block_on(async {
            time::advance(Duration::from_secs(1_000_000)).await;
            waterwheel::sleep(Duration::from_secs(1_000_000)).await;
        });
        thread::sleep(Duration::from_millis(5));
        assert_eq!(threads(&runtime), 3);
    }
}
