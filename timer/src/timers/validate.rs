//! The timers check themselves at every turn, in builds with `debug_assertions`; there is nothing of this in others.

use std::sync::atomic::Ordering;

use super::{State, Timers};
use crate::clock::{self, NEVER};

impl Timers {
    /// Checks the invariants of the file `timers/mod.rs`, and as much of the wheel as may be checked at every turn.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(super) fn check(&self) {
        let mut state = self.lock();
        let next = self.next.load(Ordering::Relaxed);
        state.check(next);
    }
}

impl State {
    fn check(&mut self, next: u64) {
        self.wheel.check();
        assert_eq!(
            next,
            self.wheel.next_deadline().unwrap_or(NEVER),
            "the earliest deadline at hand is the wheel's"
        );
        assert_eq!(
            clock::from_instant(self.elapsed),
            self.wheel.elapsed(),
            "the time of the wheel"
        );
        assert!(
            !self.closed || self.wheel.is_empty(),
            "closed timers have none that is pending"
        );
        self.spent.validate(&self.wheel);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        task::Waker,
        time::{Duration, Instant},
    };

    /// Breaks timers of which one is pending, and has them refused with that word, at a turn if there is one.
    #[track_caller]
    fn refused(word: &str, corrupt: impl FnOnce(&Timers)) {
        let timers = Timers::new(Waker::noop().clone());
        let deadline = Instant::now() + Duration::from_secs(3600);
        let key = timers.insert(deadline, Waker::noop().clone()).unwrap();
        timers.check();
        corrupt(&timers);
        let check = || {
            if cfg!(debug_assertions) {
                timers.turn();
            } else {
                timers.check();
            }
        };
        let payload = catch_unwind(AssertUnwindSafe(check)).expect_err("refused");
        let message = payload.downcast::<String>().map(|message| *message);
        let message = message.unwrap_or_else(|other| (*other.downcast::<&str>().unwrap()).into());
        assert!(message.contains(word), "{message}");
        drop(key);
    }

    #[test]
    fn an_earliest_deadline_that_is_not_the_wheels() {
        refused("the earliest deadline", |timers| {
            timers.next.fetch_add(1, Ordering::Relaxed);
        });
        // As if it had been changed by another way than `locked`.
        refused("the earliest deadline", |timers| {
            timers.lock().wheel.clear();
        });
    }

    #[test]
    fn a_time_that_is_not_the_wheels() {
        refused("the time of the wheel", |timers| {
            timers.lock().elapsed += Duration::from_nanos(1);
        });
    }

    #[test]
    fn a_timer_in_closed_timers() {
        refused("closed timers", |timers| timers.lock().closed = true);
    }

    #[test]
    fn a_spent_entry_that_is_pending() {
        refused("has fired", |timers| {
            let mut state = timers.lock();
            let State { wheel, spent, .. } = &mut *state;
            let key = wheel.insert(u64::MAX - 1, Waker::noop().clone());
            spent.add(key, wheel);
        });
    }
}
