//! Hooks on the threads of the blocking pool: what they call counts for the pool from the thread's start until it is not the pool's any more.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use waterwheel::{Handle, Runtime, sleep, spawn_blocking, timeout};

/// Longer than a slow machine takes for any step here.
const PATIENCE: Duration = Duration::from_secs(60);

fn is_of_pool() -> bool {
    std::thread::current().name() == Some("waterwheel-blocking")
}

/// A runtime that is shut down in the start hook of a pool's thread does not wait for that thread.
#[test]
fn a_runtime_ends_in_the_start_hook_of_a_pools_thread() {
    for workers in [1, 2, 4] {
        let (ended, ends) = mpsc::channel();
        let slot: Arc<Mutex<Option<Runtime>>> = Arc::default();
        let taken = Arc::clone(&slot);
        let runtime = Runtime::builder()
            .worker_threads(workers)
            .on_thread_start(move || {
                let runtime = is_of_pool().then(|| taken.lock().unwrap().take());
                if let Some(runtime) = runtime.flatten() {
                    ended.send(runtime.shutdown(Duration::MAX)).unwrap();
                }
            })
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        *slot.lock().unwrap() = Some(runtime);
        drop(handle.spawn_blocking(|| ()));
        let report = ends
            .recv_timeout(PATIENCE)
            .expect("it waits for its own thread");
        assert!(report.stuck.is_empty(), "{report:?}");
    }
}

/// A runtime that is shut down in the stop hook of a pool's thread waits for the job that runs on another one.
#[test]
fn a_runtime_that_ends_in_a_stop_hook_waits_for_jobs() {
    for workers in [1, 2, 4] {
        let (ended, ends) = mpsc::channel();
        let slot: Arc<Mutex<Option<Runtime>>> = Arc::default();
        let taken = Arc::clone(&slot);
        let runtime = Runtime::builder()
            .worker_threads(workers)
            .thread_keep_alive(Duration::from_millis(20))
            .on_thread_stop(move || {
                let runtime = is_of_pool().then(|| taken.lock().unwrap().take());
                if let Some(runtime) = runtime.flatten() {
                    ended.send(runtime.shutdown(Duration::MAX)).unwrap();
                }
            })
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        let (go, goes) = mpsc::channel::<()>();
        let (running, runs) = mpsc::channel();
        let long = handle.spawn_blocking(move || {
            running.send(()).unwrap();
            let _ = goes.recv_timeout(PATIENCE);
        });
        runs.recv_timeout(PATIENCE).expect("the job starts");
        *slot.lock().unwrap() = Some(runtime);
        // Its thread has nothing to do after it, and stops.
        drop(handle.spawn_blocking(|| ()));
        let begun = Instant::now();
        while slot.lock().unwrap().is_some() {
            assert!(begun.elapsed() < PATIENCE, "no thread stops");
            std::thread::yield_now();
        }
        let early = ends.recv_timeout(Duration::from_millis(50));
        assert!(early.is_err(), "it has not waited for the job: {early:?}");
        go.send(()).unwrap();
        let report = ends.recv_timeout(PATIENCE).expect("the job has ended");
        assert!(report.is_complete(), "{report:?}");
        drop(long);
    }
}

/// A stop hook that waits in `block_on` lets no paused clock go on while a job runs.
#[test]
fn a_stop_hook_that_waits_moves_no_clock_while_a_job_runs() {
    for workers in [1, 2, 4] {
        let entered: Arc<Mutex<Option<Handle>>> = Arc::default();
        let handle = Arc::clone(&entered);
        let (stopping, stops) = mpsc::channel();
        let runtime = Runtime::builder()
            .worker_threads(workers)
            .paused_time()
            .thread_keep_alive(Duration::from_millis(20))
            .on_thread_stop(move || {
                let handle = is_of_pool().then(|| handle.lock().unwrap().take());
                if let Some(handle) = handle.flatten() {
                    let _ = stopping.send(());
                    handle.block_on(sleep(Duration::from_secs(3_600)));
                }
            })
            .build()
            .unwrap();
        *entered.lock().unwrap() = Some(runtime.handle().clone());
        let (running, runs) = mpsc::channel();
        let (go, goes) = mpsc::channel::<()>();
        runtime.block_on(async {
            let long = spawn_blocking(move || {
                running.send(()).unwrap();
                let _ = stops.recv_timeout(PATIENCE);
                // Long enough for a clock that may move to have moved.
                let _ = goes.recv_timeout(Duration::from_millis(100));
                7
            });
            runs.recv_timeout(PATIENCE).expect("the job starts");
            drop(spawn_blocking(|| ()));
            let limited = timeout(Duration::from_secs(1), long).await;
            assert_eq!(limited.expect("no time passes while it runs").unwrap(), 7);
        });
        drop(go);
    }
}
