//! A time limit on silence: what a sign of life costs, and when the limit passes.

mod common;

use std::{
    future::{pending, poll_fn, ready},
    pin::pin,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use common::{Counter, block_on, panic_message, poll_once};
use futures_util::FutureExt;
use waterwheel_timer::{Elapsed, Enter, IdleTimeout, Timers, VirtualClock, now, sleep};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;
const LIMIT: Duration = Duration::from_secs(3);

/// Timers that go by a clock which the test moves.
struct Still {
    clock: Arc<VirtualClock>,
    timers: Arc<Timers>,
    _enter: Enter,
}

fn still() -> Still {
    let clock = Arc::new(VirtualClock::new());
    let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
    let _enter = timers.enter();
    Still {
        clock,
        timers,
        _enter,
    }
}

#[test]
fn a_sign_of_life_touches_no_wheel() {
    let still = still();
    let start = now();
    let wakes = Counter::new();
    let waker = wakes.clone().into();
    let mut idle = IdleTimeout::new(LIMIT);
    assert!(poll_once(&mut idle, &waker).is_pending());
    assert_eq!(still.timers.next_deadline(), Some(start + LIMIT));
    for message in 1..1_000 {
        still.clock.advance(MS(2));
        idle.touch();
        assert!(poll_once(&mut idle, &waker).is_pending());
        assert_eq!(idle.deadline(), start + MS(2) * message + LIMIT);
        assert_eq!(
            still.timers.next_deadline(),
            Some(start + LIMIT),
            "filed as before"
        );
        assert_eq!((still.timers.len(), wakes.count()), (1, 0));
    }
    // The entry fires once, for nothing, and is filed where the deadline is now.
    still.clock.advance(S(1) + MS(2));
    assert_eq!((now(), wakes.count()), (start + LIMIT, 1));
    assert!(poll_once(&mut idle, &waker).is_pending());
    let end = start + MS(2) * 999 + LIMIT;
    assert_eq!(still.timers.next_deadline(), Some(end));
    assert_eq!(still.clock.advance_to_next(None), 1);
    assert!(poll_once(&mut idle, &waker).is_ready());
    assert_eq!(now(), end, "to the nanosecond");
    assert_eq!(wakes.count(), 2);
}

/// A connection of a year of messages: one wake a limit.
#[test]
fn a_busy_connection_wakes_once_a_limit() {
    let still = still();
    let wakes = Counter::new();
    let waker = wakes.clone().into();
    let mut idle = IdleTimeout::new(LIMIT);
    for _ in 0..100_000 {
        assert!(poll_once(&mut idle, &waker).is_pending());
        still.clock.advance(MS(3));
        idle.touch();
    }
    assert_eq!(wakes.count(), 300_000 / 3_000);
}

#[test]
fn a_shorter_limit_takes_effect_at_the_next_sign_of_life() {
    let still = still();
    let start = now();
    let wakes = Counter::new();
    let waker = wakes.clone().into();
    let mut idle = IdleTimeout::new(LIMIT);
    assert!(poll_once(&mut idle, &waker).is_pending());
    idle.set_limit(S(1));
    assert_eq!((idle.limit(), idle.deadline()), (S(1), start + LIMIT));
    still.clock.advance(MS(500));
    idle.touch();
    assert_eq!(idle.deadline(), start + MS(1_500));
    // Nearer, so it is filed at once: its task need not poll for that.
    assert_eq!(still.timers.next_deadline(), Some(start + MS(1_500)));
    still.clock.advance(S(1));
    assert_eq!(wakes.count(), 1);
    assert!(poll_once(&mut idle, &waker).is_ready());
}

#[test]
fn it_begins_again_when_it_has_passed() {
    let still = still();
    let start = now();
    let mut idle = IdleTimeout::new(LIMIT);
    assert!(poll_once(&mut idle, Waker::noop()).is_pending());
    still.clock.advance(S(10));
    assert!(poll_once(&mut idle, Waker::noop()).is_ready());
    assert!(
        poll_once(&mut idle, Waker::noop()).is_ready(),
        "until a touch"
    );
    idle.touch();
    assert_eq!(idle.deadline(), start + S(13));
    assert!(poll_once(&mut idle, Waker::noop()).is_pending());
    still.clock.advance(LIMIT);
    assert!(poll_once(&mut idle, Waker::noop()).is_ready());
    assert_eq!(still.timers.len(), 0);
}

#[test]
fn a_watch_takes_an_output_as_a_sign_of_life() {
    let still = still();
    let start = now();
    let mut idle = IdleTimeout::new(LIMIT);
    for round in 1..=10 {
        still.clock.advance(S(2));
        assert_eq!(idle.watch(ready(round)).now_or_never(), Some(Ok(round)));
        assert_eq!(idle.deadline(), start + S(2) * round + LIMIT);
    }
    assert_eq!(still.timers.len(), 0, "what is ready at once files nothing");
}

#[test]
fn the_limit_counts_from_the_last_sign_and_not_from_the_watch() {
    let still = still();
    let start = now();
    let mut idle = IdleTimeout::new(LIMIT);
    still.clock.advance(S(2));
    // Watched for a second, and given up: no sign of life.
    {
        let mut watch = pin!(idle.watch(pending::<()>()));
        assert!(watch.as_mut().now_or_never().is_none());
        still.clock.advance(MS(999));
        assert!(watch.as_mut().now_or_never().is_none());
    }
    assert_eq!(idle.deadline(), start + LIMIT);
    let mut watch = pin!(idle.watch(pending::<()>()));
    assert!(watch.as_mut().now_or_never().is_none());
    still.clock.advance(MS(1));
    let Some(Err(elapsed)) = watch.as_mut().now_or_never() else {
        panic!("three seconds of silence");
    };
    let _: Elapsed = elapsed;
}

#[test]
fn when_both_are_ready_the_output_wins() {
    let still = still();
    let start = now();
    let mut idle = IdleTimeout::new(LIMIT);
    {
        let mut polls = 0;
        let second = poll_fn(|_| {
            polls += 1;
            if polls == 2 {
                Poll::Ready(7)
            } else {
                Poll::Pending
            }
        });
        let mut watch = pin!(idle.watch(second));
        assert!(watch.as_mut().now_or_never().is_none());
        still.clock.advance(S(100));
        assert_eq!(watch.as_mut().now_or_never(), Some(Ok(7)));
    }
    assert_eq!(idle.deadline(), start + S(103), "and is a sign of life");
    // Long passed before it is asked.
    still.clock.advance(S(100));
    assert_eq!(idle.watch(ready(8)).now_or_never(), Some(Ok(8)));
    still.clock.advance(S(100));
    let mut watch = pin!(idle.watch(pending::<()>()));
    // Its entry, which fired long ago, is filed once more: the clock is not read for that, but at the next turn.
    if watch.as_mut().now_or_never().is_none() {
        assert_eq!(still.timers.turn(), 1);
        assert!(matches!(watch.now_or_never(), Some(Err(_))));
    }
}

#[test]
fn no_limit_and_no_patience() {
    let still = still();
    let mut unlimited = IdleTimeout::new(Duration::MAX);
    assert!(poll_once(&mut unlimited, Waker::noop()).is_pending());
    unlimited.touch();
    still.clock.advance(S(1_000_000_000));
    assert!(poll_once(&mut unlimited, Waker::noop()).is_pending());
    let mut impatient = IdleTimeout::new(Duration::ZERO);
    assert_eq!(impatient.watch(ready(1)).now_or_never(), Some(Ok(1)));
    assert!(matches!(
        impatient.watch(pending::<()>()).now_or_never(),
        Some(Err(_))
    ));
}

#[test]
fn in_a_loop_by_the_real_clock() {
    block_on(async {
        let start = std::time::Instant::now();
        let mut idle = IdleTimeout::new(MS(20));
        for _ in 0..5 {
            // A slow machine may take longer than the limit: the output wins all the same, or the silence was real.
            let _ = idle.watch(sleep(MS(5))).await;
        }
        let last = idle.deadline();
        assert!(idle.watch(pending::<()>()).await.is_err());
        assert!(std::time::Instant::now() >= last && start.elapsed() >= MS(45));
    });
}

#[test]
fn outside_a_runtime_the_message_names_it() {
    let mut idle = IdleTimeout::new(LIMIT);
    let said = panic_message(|| {
        let _ = poll_once(&mut idle, Waker::noop());
    });
    assert!(said.contains("`waterwheel::time::IdleTimeout`"), "{said}");
}
