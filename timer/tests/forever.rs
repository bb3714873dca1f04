//! *Never* is a time like any other: it pends, disturbs nobody, and can be reset.

mod common;

use std::{
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use common::{Counter, Owner, poll_once};
use futures_util::future::{Either, select};
use waterwheel_timer::{Interval, MissedTickBehavior, interval, sleep, timeout};

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

#[test]
fn a_sleep_of_max_pends_and_asks_for_no_turn() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut forever = sleep(Duration::MAX);
    assert!(forever.deadline() > Instant::now() + 4 * CENTURY);
    assert!(!forever.is_elapsed());
    assert!(poll_once(&mut forever, Waker::noop()).is_pending());
    assert_eq!(owner.timers.next_deadline(), None);
    assert_eq!(owner.timers.turn(), 0);

    owner.block_on(async {
        match select(&mut forever, sleep(Duration::from_millis(1))).await {
            Either::Left(_) => panic!("for ever is over"),
            Either::Right(_) => {}
        }
    });
    drop(forever);
    assert!(!owner.timers.has_pending());
}

/// A far deadline collides with a sentinel (tokio#5183).
#[test]
fn far_deadlines_on_either_side_of_the_reach_of_a_wheel_pend() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    for delay in [u64::MAX - 1, u64::MAX].map(Duration::from_nanos) {
        for delay in [
            delay,
            delay - Duration::from_secs(1),
            delay + Duration::from_secs(1),
        ] {
            let mut far = sleep(delay);
            assert!(poll_once(&mut far, Waker::noop()).is_pending());
            assert_eq!(owner.timers.turn(), 0);
            assert!(poll_once(&mut far, Waker::noop()).is_pending());
            assert!(
                owner
                    .timers
                    .next_deadline()
                    .is_none_or(|at| at == far.deadline())
            );
        }
    }
}

/// The task that polled last must be woken, though it filed the sleep under *never*.
#[test]
fn reset_from_never_to_soon_wakes_without_another_poll() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let woken = Counter::new();
    let mut sleep = sleep(Duration::MAX);
    assert!(poll_once(&mut sleep, &woken.clone().into()).is_pending());
    sleep.reset(Instant::now() + Duration::from_millis(1));
    owner.turn_until(|| woken.count() == 1);
    assert!(poll_once(&mut sleep, Waker::noop()).is_ready());
}

#[test]
fn reset_from_soon_to_never_disturbs_once_at_most() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let woken = Counter::new();
    let waker: Waker = woken.clone().into();
    let mut sleep = sleep(Duration::from_millis(1));
    assert!(poll_once(&mut sleep, &waker).is_pending());
    sleep.reset(Instant::now() + 10 * CENTURY);
    owner.turn_until(|| woken.count() == 1);
    assert!(poll_once(&mut sleep, &waker).is_pending());
    assert_eq!(owner.timers.next_deadline(), None);
}

/// `interval(MAX)` overflows (tokio#6634).
#[test]
fn an_interval_of_max_ticks_once_and_overflows_nowhere() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut interval: Interval = interval(Duration::MAX);
    assert!(poll_once(&mut interval.tick(), Waker::noop()).is_ready());
    assert!(poll_once(&mut interval.tick(), Waker::noop()).is_pending());
    interval.reset();
    assert!(poll_once(&mut interval.tick(), Waker::noop()).is_pending());

    // With a first tick that is due, the second is what overflows.
    for policy in [
        MissedTickBehavior::Skip,
        MissedTickBehavior::Burst,
        MissedTickBehavior::Delay,
    ] {
        let mut interval = waterwheel_timer::interval_at(Instant::now(), Duration::MAX);
        interval.set_missed_tick_behavior(policy);
        assert!(poll_once(&mut interval.tick(), Waker::noop()).is_ready());
        assert!(poll_once(&mut interval.tick(), Waker::noop()).is_pending());
    }
    assert_eq!(owner.timers.next_deadline(), None);
}

#[test]
fn a_timeout_of_max_is_no_limit() {
    let owner = Owner::new();
    let slow = timeout(Duration::MAX, sleep(Duration::from_millis(2)));
    assert_eq!(owner.block_on(slow), Ok(()));
    assert_eq!(
        Arc::strong_count(&owner.timers),
        1,
        "the limit was cancelled with the timeout"
    );
}
