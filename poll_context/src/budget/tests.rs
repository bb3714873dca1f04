//! Tests of `budget`.

use super::*;
use std::task::Waker;

/// A new future, polled once, which finds by itself that it is ready.
fn poll_new() -> Poll<()> {
    let mut cx = Context::from_waker(Waker::noop());
    poll_left(&mut cx, &mut GaveWay::default()).map(|()| spend())
}

#[test]
fn a_budget_is_spent_and_refilled() {
    for _ in 0..1000 {
        assert!(poll_new().is_ready(), "nothing is counted yet");
    }
    refill();
    for _ in 0..PER_POLL {
        assert!(poll_new().is_ready());
    }
    assert!(poll_new().is_pending());
    assert!(poll_new().is_pending(), "until the next poll");
    refill();
    assert!(poll_new().is_ready());
    unlimited();
    assert!(poll_new().is_ready());
}

#[test]
fn what_is_ready_spends_at_once() {
    let mut cx = Context::from_waker(Waker::noop());
    refill();
    for _ in 0..PER_POLL {
        assert!(!is_spent());
        assert!(poll_spend(&mut cx, &mut GaveWay::default()).is_ready());
    }
    assert!(is_spent());
    assert!(poll_spend(&mut cx, &mut GaveWay::default()).is_pending());
    unlimited();
    assert!(!is_spent());
    assert!(poll_spend(&mut cx, &mut GaveWay::default()).is_ready());
}

#[test]
fn a_timer_spends_all_when_the_poll_has_lasted_long() {
    let mut cx = Context::from_waker(Waker::noop());
    let start = Instant::now();
    let mut poll_at = |since| poll_spend_at(&mut cx, &mut GaveWay::default(), start + since);
    for _ in 0..2 {
        refill();
        for _ in 0..PER_POLL {
            assert!(poll_at(Duration::ZERO).is_ready());
        }
        assert!(poll_at(Duration::ZERO).is_pending());
        refill();
        assert!(poll_at(LONG).is_ready(), "the poll begins with it");
        assert!(poll_at(2 * LONG - Duration::from_nanos(1)).is_ready());
        assert!(poll_new().is_ready());
        assert!(poll_at(2 * LONG).is_ready(), "the last one");
        assert!(poll_new().is_pending());
        assert!(poll_at(2 * LONG).is_pending());
    }
    unlimited();
    for since in [0, 1, 2] {
        assert!(poll_at(since * LONG).is_ready(), "outside a task");
    }
}

#[test]
fn it_gives_way_once_and_forgets_that_when_it_goes_on() {
    let mut cx = Context::from_waker(Waker::noop());
    refill();
    while !is_spent() {
        spend();
    }
    let mut gave_way = GaveWay::NO;
    for _ in 0..3 {
        assert!(poll_left(&mut cx, &mut gave_way).is_pending());
        assert!(poll_left(&mut cx, &mut gave_way).is_ready());
        assert!(poll_spend(&mut cx, &mut gave_way).is_pending());
        assert!(poll_spend(&mut cx, &mut gave_way).is_ready());
    }
    unlimited();
}

#[test]
fn what_gives_way_for_good_is_let_through_until_that_is_forgotten() {
    let mut cx = Context::from_waker(Waker::noop());
    refill();
    while !is_spent() {
        spend();
    }
    let mut gave_way = GaveWay::NO;
    for _ in 0..3 {
        assert!(give_way_for_good(&mut cx, &mut gave_way).is_pending());
        for _ in 0..3 {
            assert!(give_way_for_good(&mut cx, &mut gave_way).is_ready());
        }
        gave_way = GaveWay::NO;
    }
    unlimited();
    assert!(give_way_for_good(&mut cx, &mut gave_way).is_ready());
}

/// A stream that gave way is not let through again when the next budget is spent.
#[test]
fn with_a_fresh_budget_it_forgets_that_it_gave_way() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut gave_way = GaveWay::NO;
    for poll in [poll_left, poll_spend] {
        for _ in 0..3 {
            refill();
            let mut ready = 0;
            while poll(&mut cx, &mut gave_way).is_ready() {
                spend();
                ready += 1;
                assert!(ready <= PER_POLL);
            }
        }
    }
    unlimited();
}

/// What spends without having asked takes no more than there is.
#[test]
fn a_budget_does_not_underflow() {
    refill();
    for _ in 0..2 * PER_POLL {
        spend();
    }
    assert!(poll_new().is_pending());
    unlimited();
}

/// Without a budget, even what has run out goes on.
#[test]
fn outside_a_task_nothing_runs_out() {
    let mut cx = Context::from_waker(Waker::noop());
    unlimited();
    LEFT.set(1);
    for _ in 0..3 {
        assert!(poll_spend(&mut cx, &mut GaveWay::default()).is_ready());
    }
    LEFT.set(0);
    assert!(poll_new().is_ready());
}
