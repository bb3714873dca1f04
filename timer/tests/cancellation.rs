//! A dropped timer is gone, on whatever thread, at whatever moment. What of it waits for the thread's next turn is in
//! `kept.rs`.

mod common;

use std::{
    sync::{Arc, Barrier, Mutex},
    task::{Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use common::{Counter, Owner, Random, poll_once};
use waterwheel_timer::{Sleep, interval, sleep, sleep_until, timeout};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Cancelled timers stay in the wheel until due (tokio#8252).
#[test]
fn what_is_dropped_leaves_the_wheel() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut sleeps: Vec<Sleep> = (0..1_000)
        .map(|n| sleep(HOUR + Duration::from_secs(n)))
        .collect();
    for sleep in &mut sleeps {
        assert!(poll_once(sleep, Waker::noop()).is_pending());
    }
    while let Some(sleep) = sleeps.pop() {
        drop(sleep);
        assert_eq!(owner.timers.len(), sleeps.len());
    }
    assert_eq!(
        owner.timers.next_deadline(),
        None,
        "nothing left to wake the owner for"
    );
    assert_eq!(
        Arc::strong_count(&owner.timers),
        2,
        "one here, one current: no timer holds on"
    );
}

#[test]
fn a_dropped_timer_drops_its_waker_by_the_next_turn() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let woken = Counter::new();
    let mut sleep = sleep(HOUR);
    assert!(poll_once(&mut sleep, &woken.clone().into()).is_pending());
    assert_eq!(Arc::strong_count(&woken), 2);
    drop(sleep);
    assert_eq!(owner.timers.turn(), 0);
    assert_eq!(Arc::strong_count(&woken), 1);
}

#[test]
fn what_was_never_polled_needs_no_runtime() {
    drop(sleep(HOUR));
    drop(interval(HOUR));
    drop(timeout(HOUR, sleep(HOUR)));
    let mut sleep = sleep(HOUR);
    sleep.reset(Instant::now());
    drop(sleep);
}

#[test]
fn a_sleep_is_dropped_on_another_thread() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut sleep = sleep(HOUR);
    assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
    thread::spawn(move || drop(sleep)).join().unwrap();
    assert!(!owner.timers.has_pending());
}

#[test]
fn a_sleep_outlives_the_timers_handle_and_the_thread() {
    let sleep = thread::spawn(|| {
        let owner = Owner::new();
        let _enter = owner.timers.enter();
        let mut sleep = sleep(HOUR);
        assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
        sleep
    });
    drop(sleep.join().unwrap());
}

/// The cached next wake is updated after the unlock: lost timers (tokio#6682). Threads reset and drop
/// while the owner turns and waits; it waits for an hour if the nearest deadline is ever lost.
#[test]
fn no_timer_is_lost_and_none_fires_twice_while_threads_reset_and_drop() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 200;
    let owner = Owner::new();
    let enter = owner.timers.enter();
    let woken: Vec<_> = (0..THREADS * ROUNDS).map(|_| Counter::new()).collect();
    let mut sleeps: Vec<Vec<Sleep>> = Vec::new();
    for wakers in woken.chunks(ROUNDS) {
        let filed = wakers.iter().map(|waker| {
            let mut sleep = sleep(HOUR);
            assert!(poll_once(&mut sleep, &waker.clone().into()).is_pending());
            sleep
        });
        sleeps.push(filed.collect());
    }
    drop(enter);

    let all_start = Barrier::new(THREADS + 1);
    let kept: Mutex<Vec<Sleep>> = Mutex::default();
    let finished = Counter::new();
    thread::scope(|scope| {
        for (seed, sleeps) in sleeps.into_iter().enumerate() {
            let (owner, all_start, kept, finished) = (&owner, &all_start, &kept, &finished);
            scope.spawn(move || {
                let mut random = Random(seed as u64);
                all_start.wait();
                for (n, mut sleep) in sleeps.into_iter().enumerate() {
                    sleep.reset(Instant::now() + Duration::from_nanos(random.below(200_000)));
                    if n % 4 == 0 {
                        drop(sleep);
                    } else {
                        kept.lock().unwrap().push(sleep);
                    }
                }
                finished.wake_by_ref();
                owner.waker().wake();
            });
        }
        let _enter = owner.timers.enter();
        all_start.wait();
        owner.turn_until(|| finished.count() == THREADS && !owner.timers.has_pending());
    });
    assert_eq!(kept.into_inner().unwrap().len(), THREADS * ROUNDS / 4 * 3);
    for (n, woken) in woken.iter().enumerate() {
        let position = n % ROUNDS;
        if position.is_multiple_of(4) {
            assert!(woken.count() <= 1, "dropped, and fired twice before");
        } else {
            assert_eq!(woken.count(), 1, "fires once");
        }
    }
}

/// The drop of a sleep on another thread at the moment it fires.
#[test]
fn dropped_at_the_moment_it_fires() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    for _ in 0..2_000 {
        let woken = Counter::new();
        let mut sleep = sleep_until(Instant::now() + Duration::from_micros(20));
        if poll_once(&mut sleep, &woken.clone().into()).is_ready() {
            continue; // too slow a machine for this round
        }
        let deadline = sleep.deadline();
        thread::scope(|scope| {
            scope.spawn(move || {
                while Instant::now() < deadline {
                    std::hint::spin_loop();
                }
                drop(sleep);
            });
            while owner.timers.has_pending() {
                owner.timers.turn();
            }
        });
        assert!(woken.count() <= 1);
        assert_eq!(Arc::strong_count(&woken), 1, "the waker leaks");
    }
    assert_eq!(Arc::strong_count(&owner.timers), 2);
}
