//! Intervals keep their phase, tick by tick.

mod common;

use std::{
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use common::{Owner, block_on, poll_once};
use futures_util::{FutureExt, Stream, StreamExt};
use waterwheel_timer::{MissedTickBehavior, interval, interval_at};

const PERIOD: Duration = Duration::from_micros(500);

/// A recurring timer re-armed at `now + period` drifts (Cppnp, sylar).
#[test]
fn ticks_are_multiples_of_the_period_and_never_early() {
    block_on(async {
        let start = Instant::now();
        let mut interval = interval_at(start, PERIOD);
        let mut previous = None;
        for _ in 0..100 {
            let tick = interval.tick().await;
            assert!(Instant::now() >= tick);
            assert_eq!((tick - start).as_nanos() % PERIOD.as_nanos(), 0, "in phase");
            assert!(previous.is_none_or(|previous| tick > previous));
            previous = Some(tick);
        }
    });
}

/// A late tick delays none that follow, also in a whole runtime: with `Burst` the n-th is that of `start + n * period` to the nanosecond,
/// and with `Skip` no tick is off that grid.
#[test]
fn ten_thousand_ticks_do_not_drift() {
    const TICKS: u32 = 10_000;
    const SHORT: Duration = Duration::from_micros(50);
    for policy in [MissedTickBehavior::Burst, MissedTickBehavior::Skip] {
        let (start, mut taken) = (Instant::now(), 0);
        waterwheel::block_on(async {
            let mut interval = interval_at(start + SHORT, SHORT);
            interval.set_missed_tick_behavior(policy);
            for n in 1..=TICKS {
                let tick = interval.tick().await;
                assert!(Instant::now() >= tick, "tick {n} is early");
                if policy == MissedTickBehavior::Burst {
                    assert_eq!(tick, start + n * SHORT, "tick {n}");
                } else {
                    let since = (tick - start).as_nanos();
                    assert_eq!(since % SHORT.as_nanos(), 0, "tick {n} is out of phase");
                    assert!(since >= u128::from(n) * SHORT.as_nanos(), "tick {n}");
                }
                taken += 1;
            }
        });
        let took = start.elapsed();
        assert_eq!(taken, TICKS);
        assert!(took >= TICKS * SHORT, "{TICKS} ticks in {took:?}");
        println!("{policy:?}: {TICKS} ticks of {SHORT:?} in {took:?}");
    }
}

#[test]
fn the_first_tick_is_at_the_call_and_each_other_a_period_after_the_one_before() {
    let before = Instant::now();
    let mut interval = interval(PERIOD);
    interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let after = Instant::now();
    let first = interval.tick().now_or_never().expect("at once");
    assert!((before..=after).contains(&first));
    for n in 1..=5 {
        assert_eq!(block_on(interval.tick()), first + n * PERIOD, "in phase");
    }
}

/// What is polled late has ticked at the call all the same: the phase is the call's.
#[test]
fn the_phase_is_that_of_the_call() {
    let before = Instant::now();
    let mut interval = interval(PERIOD);
    let after = Instant::now();
    std::thread::sleep(PERIOD + PERIOD / 2);
    let first = block_on(interval.tick());
    assert!((before..=after).contains(&first));
    let next = block_on(interval.tick());
    assert_eq!((next - first).as_nanos() % PERIOD.as_nanos(), 0);
    assert!(next > after + PERIOD, "by `Skip` those missed are left out");
}

#[test]
fn interval_at_ticks_at_its_start_even_if_that_has_passed() {
    let start = Instant::now() - PERIOD / 2;
    let mut interval = interval_at(start, Duration::from_secs(3600));
    assert_eq!(block_on(interval.tick()), start);
    assert!(block_on(async { interval.tick().now_or_never().is_none() }));
}

/// What a stall of many periods leaves, by policy.
#[test]
fn missed_ticks() {
    let hour = Duration::from_secs(60 * 60);
    let start = Instant::now() - 5 * hour - hour / 2;
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let ticks = |policy| {
        assert!(!owner.timers.has_pending(), "the last interval is gone");
        let mut interval = interval_at(start, hour);
        assert_eq!(
            interval.missed_tick_behavior(),
            MissedTickBehavior::Skip,
            "the default"
        );
        interval.set_missed_tick_behavior(policy);
        assert_eq!(
            (interval.missed_tick_behavior(), interval.period()),
            (policy, hour)
        );
        let mut ready = Vec::new();
        while let Poll::Ready(tick) = poll_once(&mut interval.tick(), Waker::noop()) {
            ready.push(tick);
        }
        (
            ready,
            owner
                .timers
                .next_deadline()
                .expect("the next tick is filed"),
        )
    };
    assert_eq!(
        ticks(MissedTickBehavior::Skip),
        (vec![start], start + 6 * hour)
    );
    let all = (0..=5).map(|n| start + n * hour).collect();
    assert_eq!(ticks(MissedTickBehavior::Burst), (all, start + 6 * hour));
    let before = Instant::now();
    let (ready, next) = ticks(MissedTickBehavior::Delay);
    assert_eq!(ready, [start]);
    assert!((before + hour..=Instant::now() + hour).contains(&next));
}

#[test]
fn a_cancelled_tick_is_not_lost() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut interval = interval_at(Instant::now() + PERIOD, PERIOD);
    assert!(poll_once(&mut interval.tick(), Waker::noop()).is_pending());
    let due = owner.timers.next_deadline().expect("a tick is filed");
    assert!(poll_once(&mut interval.tick(), Waker::noop()).is_pending());
    owner.turn_until(|| !owner.timers.has_pending());
    drop(interval.tick()); // due, and not polled
    assert_eq!(
        owner.block_on(interval.tick()),
        due,
        "the first tick, not the second"
    );
}

#[test]
fn reset_starts_the_period_anew() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let hour = Duration::from_secs(60 * 60);
    let mut interval = interval_at(Instant::now(), hour);
    let before = Instant::now();
    interval.reset();
    assert!(poll_once(&mut interval.tick(), Waker::noop()).is_pending());
    let next = owner.timers.next_deadline().unwrap();
    assert!((before + hour..=Instant::now() + hour).contains(&next));
}

#[test]
fn as_a_stream_it_gives_every_tick_and_never_ends() {
    let start = Instant::now();
    let mut interval = interval_at(start, PERIOD);
    interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
    assert_eq!(interval.size_hint(), (usize::MAX, None));
    let ticks: Vec<Instant> = block_on(interval.take(20).collect());
    assert_eq!(
        ticks,
        (0..20).map(|n| start + n * PERIOD).collect::<Vec<_>>()
    );
}
