//! [`Rush`]: when timers come so thick that a wait for each is not worth it.
//!
//! To set the timerfd and wait for it takes some microseconds of the processor, and a bare wait ends some tens of them late. When one
//! timer follows the other within less than that, the worker does nothing but set the timerfd: a million timers within a second cost more
//! for that than for themselves. So in such a rush a wait lasts [`GRACE`] at least, and the timers that come due meanwhile are
//! served in one turn, that much late at most.
//!
//! A rush is [`MANY`] waits in a row, each for a deadline that is less than [`GRACE`] after that of the one before. Fewer
//! timers than that, however near, are waited for exactly; and so is the first one after a gap.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a wait in a rush lasts at least.
const GRACE: Duration = Duration::from_micros(50);

/// How many waits in a row are a rush.
const MANY: u32 = 16;

/// What a driver remembers of its last waits. Only its owner waits, so nobody meets at the lock.
#[derive(Debug, Default)]
pub(super) struct Rush {
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
        let is_rush = crate::sync::lock(&self.waits).note(deadline);
        if is_rush {
            deadline.max(Instant::now() + GRACE)
        } else {
            deadline
        }
    }
}

impl Waits {
    /// Whether a wait for that deadline is one of a rush.
    fn note(&mut self, deadline: Instant) -> bool {
        let last = self.last.replace(deadline);
        let gap = last.and_then(|last| deadline.checked_duration_since(last));
        self.close = match gap {
            // The same wait, which something else has ended.
            Some(Duration::ZERO) => self.close,
            // In a rush, the next timer is due a grace later or more.
            Some(gap) if gap < 2 * GRACE => self.close.saturating_add(1),
            _ => 0,
        };
        self.close >= MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    #[test]
    fn it_takes_many_close_waits_in_a_row() {
        let (mut waits, mut deadline) = (Waits::default(), Instant::now());
        waits.note(deadline);
        for n in 1..100 {
            deadline += 3 * MICRO;
            assert_eq!(waits.note(deadline), n >= MANY, "wait {n}");
        }
    }

    #[test]
    fn a_gap_ends_it() {
        let (mut waits, mut deadline) = (Waits::default(), Instant::now());
        for _ in 0..100 {
            deadline += MICRO;
            waits.note(deadline);
        }
        deadline += 2 * GRACE;
        assert!(!waits.note(deadline));
        deadline += MICRO;
        assert!(!waits.note(deadline), "and it begins from the start");
    }

    #[test]
    fn one_deadline_that_is_waited_for_again_and_again_is_none() {
        let (mut waits, far) = (Waits::default(), Instant::now() + Duration::from_secs(30));
        assert!((0..100).all(|_| !waits.note(far)));
    }

    #[test]
    fn nor_are_deadlines_that_come_nearer() {
        let (mut waits, far) = (Waits::default(), Instant::now() + Duration::from_secs(30));
        assert!((0..100).all(|n| !waits.note(far - n * MICRO)));
    }
}
