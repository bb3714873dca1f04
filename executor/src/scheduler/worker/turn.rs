//! The turn of a worker's driver between polls, and how often it comes.

use super::{BETWEEN_TURNS, LIFO_STREAK, Worker};
use crate::scheduler::idle::WORTH;
use crate::scheduler::watch;
use crate::task::id::Running;
use std::time::{Duration, Instant};
use waterwheel_reactor::sys::clock::real_now;

impl Worker {
    /// Wakes whom concerns what has happened, without sleeping.
    pub(super) fn turn_now(&self, polls: u32) {
        #[cfg(all(debug_assertions, not(loom)))]
        self.check();
        // What the driver wakes goes to the end.
        self.streak.set(LIFO_STREAK);
        Running::none();
        self.seat.driver.turn_now();
        self.seat.moves.on();
        self.seat.counters.turns.add(1);
        // Before it sleeps, it takes a turn after fewer polls than there stays room for.
        if self.pinned.borrow().is_roomy() {
            self.pinned.borrow_mut().shrink();
        }
        if self.shared.paused.is_some() {
            // As often every time, however fast the machine is.
            self.collect_inbox();
            self.collect_injected();
            return;
        }
        let now = real_now();
        let took = self.adapt(now, polls);
        self.collect_inbox();
        self.collect_injected();
        if self.has_siblings.get() {
            self.note_what_was_stolen();
            watch::look(self, now);
            if took >= WORTH && self.shared.idle.wants_work() && self.seat.ready() > 1 {
                self.shared.wake_one();
            }
        }
    }

    /// Sets how many polls there are until the next turn, by how long the last ones took, and returns that. A worker that is alone does not
    /// know it of those after a sleep.
    fn adapt(&self, now: Instant, polls: u32) -> Duration {
        let since = self.awake_since.replace(now);
        if !self.has_turned.replace(true) {
            return Duration::ZERO;
        }
        let took = now.saturating_duration_since(since);
        let next = if took > BETWEEN_TURNS {
            let fitting = u128::from(polls) * BETWEEN_TURNS.as_nanos() / took.as_nanos();
            u32::try_from(fitting).unwrap_or(u32::MAX)
        } else {
            self.interval.get().saturating_mul(2)
        };
        let most = self.shared.settings.event_interval;
        self.interval.set(next.clamp(1, most));
        took
    }
}
