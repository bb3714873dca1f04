//! A time limit: the output wins, the limit is counted from the first pending poll, and nothing stays behind.

mod common;

use std::{
    future::{pending, poll_fn, ready},
    io,
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use common::{Owner, block_on, poll_once};
use waterwheel_timer::{Elapsed, sleep, timeout, timeout_at};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[test]
fn a_ready_future_wins_even_with_no_time_at_all() {
    // No runtime is entered: had the limit been polled, it would panic.
    let past = Instant::now();
    assert_eq!(
        poll_once(&mut timeout(Duration::ZERO, ready(1)), Waker::noop()),
        Poll::Ready(Ok(1))
    );
    assert_eq!(
        poll_once(&mut timeout_at(past, ready(2)), Waker::noop()),
        Poll::Ready(Ok(2))
    );
}

#[test]
fn a_limit_of_zero_polls_once() {
    let mut polls = 0;
    let count = poll_fn(|_| {
        polls += 1;
        Poll::<()>::Pending
    });
    assert!(block_on(timeout(Duration::ZERO, count)).is_err());
    assert_eq!(polls, 1);
}

#[test]
fn a_slow_future_elapses_and_not_early() {
    let start = Instant::now();
    let limit = Duration::from_millis(3);
    let error: Elapsed = block_on(timeout(limit, pending::<()>())).unwrap_err();
    assert!(start.elapsed() >= limit);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);

    let deadline = Instant::now() + limit;
    assert!(block_on(timeout_at(deadline, pending::<()>())).is_err());
    assert!(Instant::now() >= deadline);
}

#[test]
fn the_limit_counts_from_the_first_poll_that_pends() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut late = timeout(HOUR, pending::<()>());
    let first_poll = Instant::now();
    assert!(poll_once(&mut late, Waker::noop()).is_pending());
    let filed = owner.timers.next_deadline().unwrap();
    assert!((first_poll + HOUR..=Instant::now() + HOUR).contains(&filed));
    assert!(poll_once(&mut late, Waker::noop()).is_pending());
    assert_eq!(
        owner.timers.next_deadline(),
        Some(filed),
        "and not anew at the second"
    );
}

#[test]
fn when_the_output_comes_first_the_limit_is_cancelled() {
    let owner = Owner::new();
    let mut slow = timeout(
        HOUR,
        Box::pin(async { sleep(Duration::from_millis(1)).await }),
    );
    assert_eq!(owner.block_on(&mut slow), Ok(()));
    drop(slow);
    assert!(!owner.timers.has_pending());
    assert_eq!(Arc::strong_count(&owner.timers), 1);
}

#[test]
fn the_inner_future_can_be_had() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut limited = timeout(HOUR, sleep(HOUR));
    let soon = Instant::now() + Duration::from_millis(1);
    limited.get_mut().reset(soon);
    assert_eq!(limited.get_ref().deadline(), soon);
    assert!(poll_once(&mut limited, Waker::noop()).is_pending());
    assert_eq!(owner.timers.len(), 2);
    let inner = limited.into_inner();
    assert_eq!(owner.timers.len(), 1, "the limit is cancelled");
    owner.block_on(inner);
}

#[test]
fn it_takes_whatever_becomes_a_future() {
    struct Seven;
    impl IntoFuture for Seven {
        type Output = i32;
        type IntoFuture = std::future::Ready<i32>;
        fn into_future(self) -> Self::IntoFuture {
            ready(7)
        }
    }
    assert_eq!(block_on(timeout(HOUR, Seven)), Ok(7));
}
