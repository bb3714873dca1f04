//! Moving a deadline: later costs the wheel nothing, earlier is filed at once and reaches the owner.

mod common;

use std::{
    sync::{Arc, Barrier},
    task::Waker,
    thread,
    time::{Duration, Instant},
};

use common::{Counter, Owner, poll_once};
use waterwheel_timer::{Timers, sleep};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[test]
fn later_does_not_touch_the_wheel_and_is_not_early() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let woken = Counter::new();
    let waker: Waker = woken.clone().into();
    let mut sleep = sleep(Duration::from_millis(2));
    let first = sleep.deadline();
    assert!(poll_once(&mut sleep, &waker).is_pending());
    for _ in 0..1_000 {
        sleep.reset(sleep.deadline() + Duration::from_micros(10));
        assert_eq!(owner.timers.next_deadline(), Some(first));
    }
    // The entry fires at its old deadline; the poll that follows files it under the new one.
    owner.turn_until(|| woken.count() == 1);
    while poll_once(&mut sleep, &waker).is_pending() {
        assert_eq!(owner.timers.next_deadline(), Some(sleep.deadline()));
        let seen = woken.count();
        owner.turn_until(|| woken.count() > seen);
    }
    assert!(Instant::now() >= first + Duration::from_millis(10));
    assert!(woken.count() <= 2);
}

#[test]
fn earlier_is_filed_at_once_under_the_waker_of_the_last_poll() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let woken = Counter::new();
    let mut sleep = sleep(HOUR);
    assert!(poll_once(&mut sleep, &woken.clone().into()).is_pending());
    let soon = Instant::now() + Duration::from_millis(1);
    sleep.reset(soon);
    assert_eq!(owner.timers.next_deadline(), Some(soon));
    owner.turn_until(|| woken.count() == 1);
    assert!(poll_once(&mut sleep, Waker::noop()).is_ready());
}

/// Such a timer is due and yet pending: it has not fired, and who does not wait for that must leave nothing in the wheel.
#[test]
fn to_before_the_last_turn_and_polled_before_the_next() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let (woken, other) = (Counter::new(), Counter::new());
    let start = Instant::now();
    let mut far = sleep(HOUR);
    assert!(poll_once(&mut far, &woken.clone().into()).is_pending());
    let mut near = sleep(Duration::from_millis(1));
    assert!(poll_once(&mut near, &other.clone().into()).is_pending());
    owner.turn_until(|| other.count() == 1);

    far.reset(start);
    assert!(poll_once(&mut far, Waker::noop()).is_ready());
    assert!(poll_once(&mut near, Waker::noop()).is_ready());
    assert_eq!(owner.timers.len(), 0);
    owner.timers.turn();
    assert_eq!(woken.count(), 0, "it was ready before it was woken");
    assert_eq!(Arc::strong_count(&woken), 1, "its waker is gone");
}

#[test]
fn earlier_than_a_later_one_that_was_only_noted() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut sleep = sleep(HOUR);
    let filed = sleep.deadline();
    assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
    sleep.reset(filed + HOUR);
    sleep.reset(filed + HOUR / 2);
    assert_eq!(
        owner.timers.next_deadline(),
        Some(filed),
        "still not before what is filed"
    );
    sleep.reset(filed - HOUR / 2);
    assert_eq!(owner.timers.next_deadline(), Some(sleep.deadline()));
}

#[test]
fn a_reset_after_it_fired_waits_for_the_new_deadline() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let woken = Counter::new();
    let waker: Waker = woken.clone().into();
    let mut sleep = sleep(Duration::from_millis(1));
    assert!(poll_once(&mut sleep, &waker).is_pending());
    owner.turn_until(|| woken.count() == 1);
    // Fired, but not polled since: moved later, and then earlier, it is only noted.
    sleep.reset(Instant::now() + 2 * HOUR);
    sleep.reset(Instant::now() + HOUR);
    assert_eq!(owner.timers.next_deadline(), None);
    assert!(poll_once(&mut sleep, &waker).is_pending());
    assert_eq!(owner.timers.next_deadline(), Some(sleep.deadline()));
}

#[test]
fn a_reset_after_it_resolved_makes_it_new() {
    let owner = Owner::new();
    let mut sleep = sleep(Duration::from_millis(1));
    owner.block_on(&mut sleep);
    let again = Instant::now() + Duration::from_millis(1);
    sleep.reset(again);
    owner.block_on(&mut sleep);
    assert!(Instant::now() >= again);
}

/// Counts the wakes of the owner.
fn counted() -> (Arc<Timers>, Arc<Counter>) {
    let unparked = Counter::new();
    (Arc::new(Timers::new(unparked.clone().into())), unparked)
}

/// A nearer timer does not interrupt a thread already in `epoll_wait` (tokio#3190).
#[test]
fn another_thread_unparks_the_owner_when_and_only_when_it_moves_the_next_deadline_nearer() {
    let (timers, unparked) = counted();
    let _enter = timers.enter();
    let (mut first, mut second) = (sleep(HOUR), sleep(2 * HOUR));
    let next = first.deadline();
    assert!(poll_once(&mut first, Waker::noop()).is_pending());
    assert!(poll_once(&mut second, Waker::noop()).is_pending());
    thread::scope(|scope| {
        scope.spawn(|| second.reset(next + HOUR / 2));
    });
    assert_eq!(unparked.count(), 0, "earlier, but not the earliest");
    let seen = thread::scope(|scope| {
        let reset = || {
            second.reset(next - HOUR / 2);
            (timers.next_deadline(), unparked.count())
        };
        scope.spawn(reset).join().unwrap()
    });
    assert_eq!(seen, (Some(next - HOUR / 2), 1));
    thread::scope(|scope| {
        scope.spawn(|| drop(second));
    });
    assert_eq!(
        unparked.count(),
        1,
        "a deadline that moves away needs no waking"
    );
    assert_eq!(timers.len(), 1);
    assert!(
        timers.next_deadline() <= Some(next),
        "never too late for the one that is left"
    );
}

/// The cached next wake is updated after the unlock: lost timers (tokio#6682). Of two threads that bring deadlines nearer at once the
/// nearest stands, and nothing repairs what the slower one wrote.
#[test]
fn of_two_threads_that_move_it_nearer_at_once_none_takes_it_back() {
    const ROUNDS: u64 = 1_000;
    let (timers, _unparked) = counted();
    let enter = timers.enter();
    let mut sleeps = [sleep(2 * HOUR), sleep(2 * HOUR)];
    for sleep in &mut sleeps {
        assert!(poll_once(sleep, Waker::noop()).is_pending());
    }
    drop(enter);
    let start = sleeps[0].deadline() - HOUR;
    let all_meet = Barrier::new(3);
    thread::scope(|scope| {
        for (sleep, nearer) in sleeps.iter_mut().zip(0..) {
            let all_meet = &all_meet;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    all_meet.wait();
                    sleep.reset(start - Duration::from_secs(2 * round + nearer));
                    all_meet.wait();
                }
            });
        }
        let mut seen = Vec::new();
        for _ in 0..ROUNDS {
            all_meet.wait();
            all_meet.wait();
            seen.push(timers.next_deadline());
        }
        let wanted = (0..ROUNDS).map(|round| Some(start - Duration::from_secs(2 * round + 1)));
        let lost = seen
            .into_iter()
            .zip(wanted)
            .filter(|(seen, wanted)| seen != wanted);
        assert_eq!(lost.count(), 0, "so often a nearer deadline was lost");
    });
}

#[test]
fn on_its_own_thread_the_owner_is_not_unparked() {
    let (timers, unparked) = counted();
    let _enter = timers.enter();
    let mut sleep = sleep(HOUR);
    assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
    sleep.reset(Instant::now() + HOUR / 2);
    assert_eq!(timers.next_deadline(), Some(sleep.deadline()));
    drop(sleep);
    assert_eq!(unparked.count(), 0);
}

/// The same with an owner that really waits: it sleeps for an hour, unless it is interrupted.
#[test]
fn a_waiting_owner_is_interrupted() {
    let owner = Owner::new();
    let mut sleep = sleep(HOUR);
    let woken = Counter::new();
    let enter = owner.timers.enter();
    assert!(poll_once(&mut sleep, &woken.clone().into()).is_pending());
    drop(enter);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _enter = owner.timers.enter();
            owner.turn_until(|| woken.count() == 1);
        });
        sleep.reset(Instant::now() + Duration::from_millis(1));
    });
    assert!(sleep.is_elapsed());
}
