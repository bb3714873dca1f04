//! To the nanosecond: what is due at the very instant of a turn is due, and what is due after it is not.

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
    time::{Duration, Instant},
};

use common::{Owner, poll_once, waker_fn};
use waterwheel_timer::{Sleep, sleep_until};

/// A waker that says which timer was woken last.
struct Last {
    number: usize,
    last: Arc<AtomicUsize>,
}

impl Wake for Last {
    fn wake(self: Arc<Self>) {
        self.last.store(self.number, Ordering::Relaxed);
    }
}

/// There is a timer for each nanosecond of a short while, so whenever a turn reads the clock, one is due at that nanosecond. It is woken
/// last; and its sleep, polled before the time goes on, has ended.
#[test]
fn a_sleep_ends_with_the_turn_at_its_very_deadline() {
    const TIMERS: usize = 40_000;
    const ATTEMPTS: usize = 200;
    let mut lead = Duration::from_millis(20);
    for _ in 0..ATTEMPTS {
        let owner = Owner::new();
        let _enter = owner.timers.enter();
        let last = Arc::new(AtomicUsize::new(usize::MAX));
        let start = Instant::now() + lead;
        let mut sleeps: Vec<(Sleep, _)> = (0..TIMERS)
            .map(|number| {
                let last = Arc::clone(&last);
                let deadline = start + Duration::from_nanos(number as u64);
                let waker = Arc::new(Last { number, last }).into();
                (sleep_until(deadline), waker)
            })
            .collect();
        let filed = sleeps
            .iter_mut()
            .all(|(sleep, waker)| poll_once(sleep, waker).is_pending());
        if !filed || Instant::now() >= start {
            lead = (2 * lead).min(Duration::from_secs(1)); // too slow a machine for this
            continue;
        }
        let mut fired = 0;
        while fired == 0 {
            fired = owner.timers.turn();
        }
        if fired == TIMERS {
            continue; // it has stopped for the whole while
        }
        let number = last.load(Ordering::Relaxed);
        assert_eq!(number + 1, fired, "in order, up to the instant of the turn");
        let (sleep, waker) = &mut sleeps[number];
        assert!(poll_once(sleep, waker).is_ready(), "due at that instant");
        let (sleep, waker) = &mut sleeps[number + 1];
        assert!(
            poll_once(sleep, waker).is_pending(),
            "due a nanosecond later"
        );
        return;
    }
    panic!("no turn in any of {ATTEMPTS} whiles");
}

/// Turns that follow one another closely, and a waker that reads the clock at once: to round a deadline or the time by a microsecond
/// shows.
#[test]
fn a_turn_right_before_the_deadline_fires_nothing() {
    const ROUNDS: usize = 5_000;
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    for round in 0..ROUNDS {
        let deadline = Instant::now() + Duration::from_micros(10);
        let woken: Arc<Mutex<Option<Instant>>> = Arc::default();
        let waker = {
            let woken = Arc::clone(&woken);
            waker_fn(move || *woken.lock().unwrap() = Some(Instant::now()))
        };
        let mut sleep = sleep_until(deadline);
        if poll_once(&mut sleep, &waker).is_ready() {
            continue; // too slow a machine for this round
        }
        while owner.timers.turn() == 0 {}
        let woken = woken.lock().unwrap().expect("the one timer there is");
        assert!(
            woken >= deadline,
            "{:?} early, in round {round}",
            deadline - woken
        );
    }
}
