//! Deadlines are exact: never early, in order, and the owner is told precisely when to wake.

mod common;

use std::{
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use common::{Owner, Random, poll_once, waker_fn};
use waterwheel_timer::{Sleep, sleep, sleep_until};

/// Rounding down twice fires up to 1 ms early (libuv#4773).
#[test]
fn a_hundred_thousand_sleeps_are_never_early_and_wake_in_deadline_order() {
    const SLEEPS: u64 = 100_000;
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut random = Random(7);
    let woken = Arc::new(Mutex::new(Vec::new()));

    let start = Instant::now();
    let mut sleeps: Vec<Sleep> = (0..SLEEPS)
        // On a grid of microseconds, so that many are due together.
        .map(|_| sleep_until(start + Duration::from_micros(1_000_000 + random.below(50_000))))
        .collect();
    for (index, sleep) in sleeps.iter_mut().enumerate() {
        let woken = woken.clone();
        let waker = waker_fn(move || woken.lock().unwrap().push((index, Instant::now())));
        // A machine so slow that this takes a second finds some ready: nothing early about them.
        if poll_once(sleep, &waker).is_ready() {
            assert!(sleep.is_elapsed());
        }
    }
    let filed = owner.timers.len();
    owner.turn_until(|| woken.lock().unwrap().len() == filed);

    let woken = woken.lock().unwrap();
    for (index, at) in woken.iter() {
        assert!(*at >= sleeps[*index].deadline(), "woken early");
    }
    let order: Vec<_> = woken
        .iter()
        .map(|(index, _)| (sleeps[*index].deadline(), *index))
        .collect();
    assert!(
        order.is_sorted(),
        "in deadline order, ties in the order of insertion"
    );
    for (index, _) in woken.iter() {
        assert_eq!(
            poll_once(&mut sleeps[*index], Waker::noop()),
            Poll::Ready(())
        );
    }
    assert!(!owner.timers.has_pending());
}

#[test]
fn never_early_when_awaited() {
    let mut random = Random(11);
    common::block_on(async {
        for _ in 0..300 {
            let deadline = Instant::now() + Duration::from_nanos(random.below(300_000));
            sleep_until(deadline).await;
            assert!(Instant::now() >= deadline);
        }
    });
}

/// Rounding down twice fires up to 1 ms early (libuv#4773); delays over 24.8 days are cut (mio#1948).
#[test]
fn a_delay_counts_from_its_call_whatever_its_length() {
    let day = Duration::from_secs(24 * 60 * 60);
    for delay in [25 * day, 60 * day, Duration::from_nanos(50_001)] {
        // So often that the call comes at every fraction of a millisecond.
        for _ in 0..1_000 {
            let before = Instant::now();
            let deadline = sleep(delay).deadline();
            let after = Instant::now();
            assert!((before + delay..=after + delay).contains(&deadline));
        }
    }
}

/// Sub-millisecond delays truncate to 0 and spin (smol#109); delays over 24.8 days are cut (mio#1948).
#[test]
fn the_owner_is_told_the_deadline_to_the_nanosecond() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let day = Duration::from_secs(24 * 60 * 60);
    for delay in [
        60 * day,
        25 * day,
        Duration::from_secs(1),
        Duration::from_nanos(50_001),
    ] {
        let mut sleep = sleep(delay);
        assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
        assert_eq!(owner.timers.next_deadline(), Some(sleep.deadline()));
    }
}

#[test]
fn what_has_passed_is_ready_at_the_first_poll() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    assert!(poll_once(&mut sleep(Duration::ZERO), Waker::noop()).is_ready());
    assert!(poll_once(&mut sleep_until(Instant::now()), Waker::noop()).is_ready());
    let before_the_timers = Instant::now() - Duration::from_nanos(1);
    assert!(poll_once(&mut sleep_until(before_the_timers), Waker::noop()).is_ready());
}

/// A resolved sleep stays resolved, and says so without the wheel.
#[test]
fn polled_after_its_end_it_is_ready_again() {
    let owner = Owner::new();
    let mut sleep = sleep(Duration::from_millis(1));
    owner.block_on(&mut sleep);
    assert!(sleep.is_elapsed());
    assert!(poll_once(&mut sleep, Waker::noop()).is_ready());
    assert!(!owner.timers.has_pending());
}
