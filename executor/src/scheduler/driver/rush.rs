//! [`Rush`]: when timers come so thick that a wait for each is not worth it.
//!
//! To set the timerfd and wait for it takes some microseconds of the processor, on a virtual machine some tens, and a bare wait
//! ends as late as that. When one timer follows the other within less, the worker does nothing but set the timerfd: a million timers
//! within a second cost more for that than for themselves. So in such a rush a wait lasts [`GRACE`] at least, and the timers that come
//! due meanwhile are served in one turn, that much late at most.
//!
//! A rush begins with [`MANY`] waits in a row, each for a deadline that is less than [`CLOSE`] after that of the one before. It ends when
//! a turn finds fewer than [`FEW`] timers. Fewer timers than that, however near, are waited for exactly.

use crate::sync::{Mutex, lock};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use waterwheel_reactor::sys::clock::real_now;

/// How long a wait in a rush lasts at least.
const GRACE: Duration = Duration::from_micros(200);

/// Deadlines that are not further apart are close.
const CLOSE: Duration = Duration::from_micros(25);

/// How many close waits in a row begin a rush.
const MANY: u32 = 16;

/// As many timers in a grace are no rush any more: they are no longer close.
const FEW: usize = GRACE.as_micros().div_ceil(CLOSE.as_micros()) as usize;

/// What a driver remembers of its last waits. Only its owner waits, so nobody meets at the lock.
#[derive(Debug, Default)]
pub(super) struct Rush {
    is_on: AtomicBool,
    waits: Mutex<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    /// What the last wait was for.
    last: Option<Instant>,
    /// How many in a row have followed the one before so closely.
    close: u32,
}

impl Rush {
    /// Until when to wait for a timer that is due at `deadline`.
    pub(super) fn wait_until(&self, deadline: Instant) -> Instant {
        if !self.is_on.load(Ordering::Relaxed) {
            if !lock(&self.waits).note(deadline) {
                return deadline;
            }
            self.is_on.store(true, Ordering::Relaxed);
        }
        deadline.max(real_now() + GRACE)
    }

    /// The turn after a wait has found so many timers due.
    pub(super) fn turned(&self, due: usize) {
        if due < FEW && self.is_on.load(Ordering::Relaxed) {
            self.is_on.store(false, Ordering::Relaxed);
            *lock(&self.waits) = Waits::default();
        }
    }
}

impl Waits {
    /// Whether a wait for that deadline begins a rush.
    fn note(&mut self, deadline: Instant) -> bool {
        let last = self.last.replace(deadline);
        let gap = last.and_then(|last| deadline.checked_duration_since(last));
        self.close = match gap {
            // The same wait, which something else has ended.
            Some(Duration::ZERO) => self.close,
            Some(gap) if gap < CLOSE => self.close + 1,
            _ => 0,
        };
        self.close >= MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    /// How many of a hundred waits, for deadlines so far apart from a start, are exact before the first that is not.
    fn exact(start: Instant, apart: Duration, rush: &Rush) -> usize {
        let deadlines = (0..100).map(|n| start + n * apart);
        deadlines
            .take_while(|deadline| rush.wait_until(*deadline) == *deadline)
            .count()
    }

    #[test]
    fn it_takes_many_close_waits_in_a_row() {
        // In the past, so that a wait of a rush is longer than any for the deadline.
        let start = Instant::now() - Duration::from_secs(1);
        assert_eq!(exact(start, 3 * MICRO, &Rush::default()), MANY as usize);
        assert_eq!(exact(start, CLOSE, &Rush::default()), 100);
    }

    #[test]
    fn in_a_rush_a_wait_lasts_a_grace_and_a_later_deadline_is_exact() {
        let rush = Rush::default();
        exact(Instant::now() - Duration::from_secs(1), MICRO, &rush);
        let now = Instant::now();
        assert!(rush.wait_until(now) >= now + GRACE);
        assert_eq!(
            rush.wait_until(now + Duration::from_secs(60)),
            now + Duration::from_secs(60)
        );
    }

    #[test]
    fn a_turn_that_finds_few_timers_ends_it() {
        let (rush, start) = (Rush::default(), Instant::now() - Duration::from_secs(1));
        exact(start, MICRO, &rush);
        rush.turned(FEW);
        assert_ne!(rush.wait_until(start), start, "not yet");
        rush.turned(FEW - 1);
        assert_eq!(exact(start, MICRO, &rush), MANY as usize, "from the start");
    }

    #[test]
    fn a_gap_begins_the_count_anew() {
        let (rush, start) = (Rush::default(), Instant::now() - Duration::from_secs(1));
        for n in 0..MANY {
            assert_eq!(rush.wait_until(start + n * MICRO), start + n * MICRO);
        }
        assert_eq!(
            exact(start + Duration::from_millis(1), MICRO, &rush),
            MANY as usize
        );
    }

    #[test]
    fn one_deadline_that_is_waited_for_again_and_again_is_none() {
        let far = Instant::now() - Duration::from_secs(1);
        assert_eq!(exact(far, Duration::ZERO, &Rush::default()), 100);
    }
}
