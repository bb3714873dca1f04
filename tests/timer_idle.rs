//! A runtime in which nothing happens sleeps: a far timer is not visited on its way through the wheel.

mod workers;

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::{sleep, sleep_until};
use workers::block_on;

/// How often a thread has slept, and then woken. `None`: it has ended.
fn sleeps_of(thread: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
        .expect("the kernel counts context switches");
    Some(line.trim().parse().expect("a number"))
}

/// The threads that runtimes have started, by their name, of which the kernel keeps 15 bytes.
fn started() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("proc");
    let names = tasks.map(|task| task.expect("proc").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|thread| {
        let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
        name.is_ok_and(|name| name.trim() == "waterwheel-work")
    });
    names
}

/// One test at a time, so that the threads are those of one runtime.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches for seconds, and not for an event: that there is none is what it is about.
#[test]
fn one_pending_sleep_of_an_hour_wakes_no_thread_more_than_twice_in_ten_seconds() {
    let _alone = alone();
    let (tell, told) = mpsc::channel();
    // Not joined: it sleeps for an hour, and ends with the process.
    thread::spawn(move || {
        let thread = fs::read_link("/proc/thread-self").expect("proc");
        let thread = thread.file_name().expect("a number").to_owned();
        block_on(async {
            // The first turn, with the hour already pending, is behind it when this one has ended.
            let hour = waterwheel::spawn(sleep(Duration::from_secs(3600)));
            sleep(Duration::from_millis(1)).await;
            tell.send(thread.into_string().expect("digits"))
                .expect("told");
            hour.await
        })
    });
    let mut threads = vec![told.recv().expect("the thread runs")];
    // A thread names itself when it starts, and is gone some time after it has ended.
    while started().len() != workers::threads() {
        thread::yield_now();
    }
    threads.extend(started());
    let sleeps = || -> Vec<_> { threads.iter().map(|thread| sleeps_of(thread)).collect() };
    let before = sleeps();
    thread::sleep(Duration::from_secs(10));
    for (before, after) in before.into_iter().zip(sleeps()) {
        let wakes = after.expect("it sleeps on") - before.expect("it was there");
        assert!(wakes <= 2, "{wakes} wakes in ten seconds");
    }
}

/// Pitfalls: a far deadline collides with a sentinel (tokio#5183); delays over 24.8 days are cut (mio#1948).
#[test]
fn what_never_ends_disturbs_nobody() {
    let _alone = alone();
    block_on(async {
        let mut cx = std::task::Context::from_waker(Waker::noop());
        let mut forever = std::pin::pin!(sleep(Duration::MAX));
        assert!(forever.as_mut().poll(&mut cx).is_pending());
        let days = spawn_sleep(Duration::from_secs(25 * 24 * 3600));
        let far = spawn_sleep(Duration::from_secs(1 << 40));

        let began = Instant::now();
        sleep(Duration::from_millis(2)).await;
        sleep_until(began + Duration::from_millis(4)).await;
        assert!(began.elapsed() >= Duration::from_millis(4));
        assert!(forever.as_mut().poll(&mut cx).is_pending());
        assert!(!days.is_finished() && !far.is_finished());
    });
}

fn spawn_sleep(delay: Duration) -> waterwheel::JoinHandle<()> {
    waterwheel::spawn(sleep(delay))
}
