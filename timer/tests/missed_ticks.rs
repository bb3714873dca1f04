//! What each policy makes of ticks that a stall has missed: exact instants, by a clock that the test moves.

mod common;

use std::{
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use waterwheel_timer::{
    Enter, Interval, MissedTickBehavior, Timers, VirtualClock, interval, interval_at, now,
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const PERIOD: Duration = Duration::from_millis(10);

/// An interval of 10 ms, and the clock that it goes by.
struct Stalled {
    clock: Arc<VirtualClock>,
    timers: Arc<Timers>,
    start: Instant,
    interval: Interval,
    _enter: Enter,
}

impl Stalled {
    fn by(policy: MissedTickBehavior) -> Self {
        let clock = Arc::new(VirtualClock::new());
        let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
        let _enter = timers.enter();
        let mut interval = interval_at(now() + PERIOD, PERIOD);
        interval.set_missed_tick_behavior(policy);
        assert_eq!(interval.missed_tick_behavior(), policy);
        Stalled {
            start: now(),
            clock,
            timers,
            interval,
            _enter,
        }
    }

    /// The task is busy until then.
    fn stall_until(&mut self, ms: u64) {
        self.clock.advance(self.start + MS(ms) - now());
    }

    /// The next ticks, each with when it is taken: at once, or when the clock comes to it.
    fn ticks(&mut self, count: usize) -> Vec<(u128, u128)> {
        let since = |start, instant: Instant| instant.duration_since(start).as_millis();
        let mut ticks = Vec::new();
        while ticks.len() < count {
            match self.interval.tick().now_or_never() {
                Some(tick) => ticks.push((since(self.start, tick), since(self.start, now()))),
                None => assert_eq!(self.clock.advance_to_next(None), 1, "it is filed"),
            }
        }
        ticks
    }
}

#[test]
fn skip_leaves_them_out_and_keeps_the_phase() {
    let mut stalled = Stalled::by(MissedTickBehavior::Skip);
    stalled.stall_until(34);
    let expected = [(10, 34), (40, 40), (50, 50), (60, 60)];
    assert_eq!(stalled.ticks(4), expected);
    // Until a tick, exactly: that one is missed no more than the next.
    stalled.stall_until(90);
    assert_eq!(stalled.ticks(3), [(70, 90), (100, 100), (110, 110)]);
    // Short of a tick, and of one period.
    stalled.stall_until(129);
    assert_eq!(stalled.ticks(2), [(120, 129), (130, 130)]);
}

#[test]
fn burst_catches_up_one_by_one() {
    let mut stalled = Stalled::by(MissedTickBehavior::Burst);
    stalled.stall_until(34);
    let expected = [(10, 34), (20, 34), (30, 34), (40, 40), (50, 50)];
    assert_eq!(stalled.ticks(5), expected);
    stalled.stall_until(80);
    assert_eq!(stalled.ticks(4), [(60, 80), (70, 80), (80, 80), (90, 90)]);
}

#[test]
fn delay_begins_anew_from_when_the_tick_is_taken() {
    let mut stalled = Stalled::by(MissedTickBehavior::Delay);
    stalled.stall_until(34);
    assert_eq!(stalled.ticks(4), [(10, 34), (44, 44), (54, 54), (64, 64)]);
    // Late by less than a period: none is missed, and the phase stays.
    stalled.stall_until(79);
    assert_eq!(stalled.ticks(3), [(74, 79), (84, 84), (94, 94)]);
}

#[test]
fn a_policy_may_be_changed_between_ticks() {
    let mut stalled = Stalled::by(MissedTickBehavior::Burst);
    stalled.stall_until(45);
    assert_eq!(stalled.ticks(2), [(10, 45), (20, 45)]);
    stalled
        .interval
        .set_missed_tick_behavior(MissedTickBehavior::Skip);
    // That of 30 is set already; 40 is left out.
    assert_eq!(stalled.ticks(2), [(30, 45), (50, 50)]);
    stalled.stall_until(75);
    stalled
        .interval
        .set_missed_tick_behavior(MissedTickBehavior::Delay);
    assert_eq!(stalled.ticks(2), [(60, 75), (85, 85)]);
}

#[test]
fn without_a_stall_all_policies_tick_alike() {
    for policy in [
        MissedTickBehavior::Skip,
        MissedTickBehavior::Burst,
        MissedTickBehavior::Delay,
    ] {
        let mut stalled = Stalled::by(policy);
        let expected: Vec<_> = (1..=10_000).map(|tick| (10 * tick, 10 * tick)).collect();
        assert_eq!(stalled.ticks(10_000), expected, "{policy:?}");
        assert_eq!(stalled.timers.len(), 0);
    }
}

/// The first was due before the interval was made.
#[test]
fn an_interval_that_starts_in_the_past() {
    let ticks = |policy| {
        let mut stalled = Stalled::by(policy);
        stalled.stall_until(5);
        stalled.interval = interval_at(stalled.start, PERIOD);
        stalled.interval.set_missed_tick_behavior(policy);
        stalled.stall_until(25);
        stalled.ticks(4)
    };
    assert_eq!(
        ticks(MissedTickBehavior::Skip),
        [(0, 25), (30, 30), (40, 40), (50, 50)]
    );
    assert_eq!(
        ticks(MissedTickBehavior::Burst),
        [(0, 25), (10, 25), (20, 25), (30, 30)]
    );
    assert_eq!(
        ticks(MissedTickBehavior::Delay),
        [(0, 25), (35, 35), (45, 45), (55, 55)]
    );
}

#[test]
fn a_reset_forgets_what_was_missed() {
    for policy in [
        MissedTickBehavior::Skip,
        MissedTickBehavior::Burst,
        MissedTickBehavior::Delay,
    ] {
        let mut stalled = Stalled::by(policy);
        stalled.stall_until(57);
        stalled.interval.reset();
        assert_eq!(stalled.ticks(2), [(67, 67), (77, 77)], "{policy:?}");
    }
}

/// Centuries of stall, and a period that never ends.
#[test]
fn far_stalls() {
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let mut stalled = Stalled::by(MissedTickBehavior::Skip);
    stalled.clock.advance(3 * century + MS(3));
    let first = stalled.ticks(1)[0];
    assert_eq!(first, (10, (3 * century + MS(3)).as_millis()));
    assert_eq!(stalled.ticks(1)[0].0, (3 * century + PERIOD).as_millis());
    stalled.interval = interval(Duration::MAX);
    assert_eq!(stalled.interval.tick().now_or_never(), Some(now()));
    assert_eq!(stalled.interval.tick().now_or_never(), None);
    assert_eq!(stalled.clock.advance_to_next(None), 0, "never");
}

/// Each tick is taken 3 ms late, as on a busy worker. None is missed, so the phase stays, by every policy.
#[test]
fn lateness_moves_no_phase() {
    for policy in [
        MissedTickBehavior::Skip,
        MissedTickBehavior::Burst,
        MissedTickBehavior::Delay,
    ] {
        let mut stalled = Stalled::by(policy);
        for tick in 1..=200 {
            stalled.stall_until(10 * tick + 3);
            let due = u128::from(10 * tick);
            assert_eq!(stalled.ticks(1), [(due, due + 3)], "{policy:?}");
        }
    }
}
