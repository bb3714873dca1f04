//! A runtime in which nothing happens sleeps: a far timer is not visited on its way through the wheel.

use std::fs;
use std::sync::mpsc;
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::{block_on, sleep, sleep_until};

/// How often the thread has slept, and then woken.
fn sleeps_of(thread: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).expect("status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
        .expect("the kernel counts context switches");
    line.trim().parse().expect("a number")
}

/// Watches for seconds, and not for an event: that there is none is what it is about.
#[test]
fn one_pending_sleep_of_an_hour_wakes_the_thread_at_most_twice_in_ten_seconds() {
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
    let thread = told.recv().expect("the thread runs");
    let before = sleeps_of(&thread);
    thread::sleep(Duration::from_secs(10));
    let wakes = sleeps_of(&thread) - before;
    assert!(wakes <= 2, "{wakes} wakes in ten seconds");
}

/// Pitfalls: a far deadline collides with a sentinel (tokio#5183); delays over 24.8 days are cut (mio#1948).
#[test]
fn what_never_ends_disturbs_nobody() {
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
