//! A timer that has to wait outside a runtime says what was called, and what to write instead.

mod common;

use std::{
    future::{pending, ready},
    task::Waker,
    time::{Duration, Instant},
};

use common::{panic_message, poll_once};
use waterwheel_timer::{interval, interval_at, sleep, sleep_until, timeout, timeout_at};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The message of the panic that the first poll ends in.
fn message_of<F: Future>(future: F) -> String {
    let mut future = Box::pin(future);
    panic_message(|| assert!(poll_once(&mut future, Waker::noop()).is_ready()))
}

#[test]
fn the_panic_names_the_call_and_the_remedy() {
    let later = Instant::now() + HOUR;
    let mut ticks = interval(HOUR);
    assert!(poll_once(&mut ticks.tick(), Waker::noop()).is_ready());
    let messages = [
        ("sleep", message_of(sleep(HOUR))),
        ("sleep_until", message_of(sleep_until(later))),
        ("interval", message_of(ticks.tick())),
        ("interval_at", message_of(interval_at(later, HOUR).tick())),
        ("timeout", message_of(timeout(HOUR, pending::<()>()))),
        ("timeout_at", message_of(timeout_at(later, pending::<()>()))),
    ];
    for (call, message) in messages {
        let expected = format!(
            "`waterwheel::{call}` was polled outside a Waterwheel runtime; \
             await it inside `waterwheel::block_on(async {{ … }})`"
        );
        assert_eq!(message, expected);
    }
}

#[test]
fn never_needs_a_runtime_as_well() {
    let message = message_of(sleep(Duration::MAX));
    assert!(
        message.contains("`waterwheel::sleep` was polled outside"),
        "{message}"
    );
}

#[test]
fn what_need_not_wait_needs_no_runtime() {
    assert!(poll_once(&mut sleep(Duration::ZERO), Waker::noop()).is_ready());
    assert!(poll_once(&mut timeout(HOUR, ready(())), Waker::noop()).is_ready());
}

#[test]
fn an_interval_of_zero_says_what_to_use_instead() {
    let expected =
        |call| format!("`{call}` needs a period longer than zero; to yield once use `yield_now`");
    let message = panic_message(|| drop(interval(Duration::ZERO)));
    assert_eq!(message, expected("interval"));
    let message = panic_message(|| drop(interval_at(Instant::now(), Duration::ZERO)));
    assert_eq!(message, expected("interval_at"));
}
