//! Which timers a sleep is filed with: those of the thread that polls it, until they close.

mod common;

use std::{
    sync::Arc,
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use common::{Counter, Owner, poll_once};
use waterwheel_timer::{Timers, sleep};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[test]
fn the_current_timers_are_those_entered_last() {
    let (outer, inner) = (Owner::new().timers, Owner::new().timers);
    let is_current =
        |timers| Timers::current().is_some_and(|current| Arc::ptr_eq(&current, timers));
    assert!(Timers::current().is_none());
    let enter_outer = outer.enter();
    assert!(is_current(&outer));
    let enter_inner = inner.enter();
    assert!(is_current(&inner));
    thread::spawn(|| assert!(Timers::current().is_none(), "of this thread only"))
        .join()
        .unwrap();
    drop(enter_inner);
    assert!(is_current(&outer));
    drop(enter_outer);
    assert!(Timers::current().is_none());
}

#[test]
fn it_stays_at_home_when_the_same_task_polls_it_elsewhere() {
    let (home, other) = (Owner::new(), Owner::new());
    let woken = Counter::new();
    let waker = Waker::from(woken.clone());
    let mut sleep = sleep(Duration::from_millis(1));
    let enter = home.timers.enter();
    assert!(poll_once(&mut sleep, &waker).is_pending());
    drop(enter);
    let _enter = other.timers.enter();
    assert!(poll_once(&mut sleep, &waker).is_pending());
    assert_eq!((home.timers.len(), other.timers.len()), (1, 0));
    home.turn_until(|| woken.count() == 1);
    assert_eq!(poll_once(&mut sleep, &waker), Poll::Ready(()));
}

/// A waker must not be displaced unnoticed: the task that polled last is the one to wake.
#[test]
fn another_task_that_polls_it_takes_it_home_and_is_the_one_woken() {
    let (first, second) = (Owner::new(), Owner::new());
    let (displaced, woken) = (Counter::new(), Counter::new());
    let mut sleep = sleep(Duration::from_millis(1));
    let enter = first.timers.enter();
    assert!(poll_once(&mut sleep, &displaced.clone().into()).is_pending());
    drop(enter);
    let _enter = second.timers.enter();
    assert!(poll_once(&mut sleep, &woken.clone().into()).is_pending());
    assert_eq!((first.timers.len(), second.timers.len()), (0, 1));
    assert_eq!(
        Arc::strong_count(&displaced),
        1,
        "the displaced waker is dropped"
    );
    assert_eq!(Arc::strong_count(&first.timers), 1);
    second.turn_until(|| woken.count() == 1);
    assert_eq!(displaced.count(), 0);
}

#[test]
fn a_sleep_that_outlives_its_runtime_moves_to_the_one_that_polls_it_next() {
    let (gone, next) = (Owner::new(), Owner::new());
    let woken = Counter::new();
    let mut short = sleep(Duration::from_millis(5));
    let mut long = sleep(HOUR);
    let enter = gone.timers.enter();
    assert!(poll_once(&mut short, &woken.clone().into()).is_pending());
    assert!(poll_once(&mut long, &woken.clone().into()).is_pending());
    drop(enter);
    gone.timers.close();
    assert_eq!(
        woken.count(),
        2,
        "all are woken, so that they are polled again"
    );
    assert!(!gone.timers.has_pending());
    assert_eq!(gone.timers.next_deadline(), None);

    let deadline = short.deadline();
    next.block_on(&mut short);
    assert!(
        Instant::now() >= deadline,
        "to be woken by the close is not to have elapsed"
    );
    let _enter = next.timers.enter();
    assert!(poll_once(&mut long, Waker::noop()).is_pending());
    assert_eq!(next.timers.next_deadline(), Some(long.deadline()));
    drop((short, long));
    assert_eq!(Arc::strong_count(&gone.timers), 1);
    assert!(!next.timers.has_pending());
}

#[test]
fn where_closed_timers_are_current_a_sleep_pends_unfiled() {
    let closed = Owner::new();
    let enter = closed.timers.enter();
    closed.timers.close();
    let woken = Counter::new();
    let mut sleep = sleep(Duration::from_nanos(1));
    for _ in 0..2 {
        assert!(poll_once(&mut sleep, &woken.clone().into()).is_pending());
    }
    assert_eq!(
        Arc::strong_count(&woken),
        1,
        "no waker is kept that nobody would wake"
    );
    assert_eq!(closed.timers.turn(), 0);
    sleep.reset(Instant::now() + Duration::from_millis(1));
    drop(enter);
    Owner::new().block_on(&mut sleep);
    assert!(sleep.is_elapsed());
}

#[test]
fn a_reset_at_a_closed_home_is_noted() {
    let (gone, next) = (Owner::new(), Owner::new());
    let mut sleep = sleep(HOUR);
    let enter = gone.timers.enter();
    assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
    drop(enter);
    gone.timers.close();
    let soon = Instant::now() + Duration::from_millis(1);
    sleep.reset(soon);
    assert_eq!(gone.timers.next_deadline(), None);
    next.block_on(&mut sleep);
    assert!(Instant::now() >= soon);
}

/// Siblings take the turn of a worker that is stuck: its timers fire on another thread.
#[test]
fn any_thread_may_take_a_turn() {
    let stuck = Owner::new();
    let woken = Counter::new();
    let mut sleep = sleep(Duration::from_millis(1));
    let enter = stuck.timers.enter();
    assert!(poll_once(&mut sleep, &woken.clone().into()).is_pending());
    drop(enter);
    thread::scope(|scope| {
        scope.spawn(|| {
            while stuck.timers.turn() == 0 {
                thread::yield_now();
            }
        });
    });
    assert_eq!(woken.count(), 1);
}
