//! [`Grid`]: the instants that timers with slack share.
//!
//! A timer that may be late by some slack is filed at a round number of the crate's clock (or, if that is virtual, of the time since it began, so
//! that what a test sees does not depend on when it runs), which others with slack are
//! filed at too, so that one wake serves them all. Round are the multiples of a *step*: the greatest of 1, 2, 5, 10, 20,
//! 50 … nanoseconds that is not longer than the slack. So the next round instant at or after a deadline is less than a step
//! later, and never more than the slack; in a time of many such timers, the thread wakes once a step. Slacks that people
//! write, like 10 ms or 5 ms, are steps themselves, and a step of 10 ms falls on every second one of 5 ms: unequal slacks
//! share wakes too.
//!
//! What would be optimal, to wake at the earliest *latest* instant and fire all whose deadline has passed by then, needs a
//! second order of all timers beside the wheel's. It would save less than one wake in two, and none where the slacks are steps.

use std::time::{Duration, Instant};

use crate::clock;

/// A step, by its place in the series; 0 is no step.
///
/// One byte, so that a sleep with slack is no larger than one without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grid(u8);

/// The last step of the series that fits into a `u64` of nanoseconds: five centuries.
const LAST: u8 = 1 + 3 * 19;

impl Grid {
    /// Every instant: no slack.
    pub(crate) const NONE: Grid = Grid(0);

    /// The coarsest grid that makes nothing later than by `slack`.
    pub(crate) fn within(slack: Duration) -> Self {
        let slack = u64::try_from(slack.as_nanos()).unwrap_or(u64::MAX);
        let coarsest = (1..=LAST).rev().map(Grid).find(|grid| grid.step() <= slack);
        // A step of one nanosecond is none.
        coarsest
            .filter(|grid| grid.step() > 1)
            .unwrap_or(Grid::NONE)
    }

    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self == Grid::NONE
    }

    /// In nanoseconds.
    fn step(self) -> u64 {
        match self.0.checked_sub(1) {
            None => 1,
            Some(place) => [1, 2, 5][usize::from(place % 3)] * 10u64.pow(u32::from(place / 3)),
        }
    }

    /// The first instant of the grid at or after `instant`; the grid begins at `origin`, in the clock's nanoseconds. An instant
    /// that the clock does not reach stays as it is.
    ///
    /// Cold: most timers have no slack, and are not to pay for that of others.
    #[cold]
    pub(crate) fn at_or_after(self, instant: Instant, origin: u64) -> Instant {
        let nanos = clock::from_instant(instant);
        let round = nanos
            .checked_sub(origin)
            .and_then(|since| since.checked_next_multiple_of(self.step()))
            .and_then(|since| origin.checked_add(since));
        match round {
            Some(round) if nanos != clock::NEVER => clock::to_instant(round),
            _ => instant,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_step_is_the_slack_or_less_than_half_smaller() {
        assert_eq!(Grid::within(MS(10)).step(), 10_000_000);
        assert_eq!(Grid::within(MS(19)).step(), 10_000_000);
        assert_eq!(Grid::within(MS(20)).step(), 20_000_000);
        assert_eq!(Grid::within(MS(51)).step(), 50_000_000);
        assert_eq!(Grid::within(Duration::MAX), Grid(LAST));
        for nanos in [0, 1] {
            assert!(Grid::within(Duration::from_nanos(nanos)).is_none());
        }
        for place in 1..LAST {
            let (this, next) = (Grid(place).step(), Grid(place + 1).step());
            assert!(this < next && next.div_ceil(this) <= 3, "{this}, {next}");
            assert_eq!(
                Grid::within(Duration::from_nanos(next - 1)).step(),
                this.max(1)
            );
        }
    }

    #[test]
    fn a_round_instant_is_never_before_and_never_later_than_the_slack() {
        let start = Instant::now();
        for slack in [
            MS(10),
            MS(3),
            Duration::from_nanos(7),
            Duration::from_secs(3600),
        ] {
            let grid = Grid::within(slack);
            for n in 0..1_000 {
                let deadline = start + Duration::from_nanos(n * 1_234_567 + n);
                let round = grid.at_or_after(deadline, 0);
                assert!(deadline <= round && round <= deadline + slack);
                assert_eq!(grid.at_or_after(round, 0), round, "round already");
            }
        }
    }

    #[test]
    fn steps_of_a_series_nest_where_one_is_a_multiple_of_the_other() {
        let start = Instant::now();
        let (coarse, fine) = (Grid::within(MS(10)), Grid::within(MS(5)));
        let round = coarse.at_or_after(start, 0);
        assert_eq!(fine.at_or_after(round, 0), round);
    }

    #[test]
    fn the_grid_begins_at_its_origin() {
        let start = Instant::now();
        let (grid, origin) = (Grid::within(MS(10)), clock::from_instant(start));
        assert_eq!(grid.at_or_after(start, origin), start);
        assert_eq!(grid.at_or_after(start + MS(1), origin), start + MS(10));
        assert_eq!(
            grid.at_or_after(start - MS(1), origin),
            start - MS(1),
            "before it there is none"
        );
    }

    #[test]
    fn what_never_comes_is_left_alone() {
        let never = clock::to_instant(clock::NEVER);
        for slack in [MS(10), Duration::MAX] {
            assert_eq!(Grid::within(slack).at_or_after(never, 0), never);
        }
    }
}
