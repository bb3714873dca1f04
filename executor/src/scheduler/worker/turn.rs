//! The turn of a worker's driver between polls.

use super::rest::Rest;
use super::{LIFO_STREAK, Worker};
use crate::scheduler::idle::WORTH;
use crate::scheduler::watch;
use crate::task::id::Running;
use waterwheel_reactor::sys::clock::real_now;

impl Worker {
    /// Wakes whom concerns what has happened, without sleeping.
    pub(super) fn turn_now(&self, polls: u32) {
        #[cfg(all(debug_assertions, not(loom)))]
        self.check();
        // What the driver wakes goes to the end.
        self.streak.set(LIFO_STREAK);
        Running::none();
        self.slot.driver.turn_now();
        self.slot.progress.on();
        self.slot.counters.turns.add(1);
        // Before it sleeps, it takes a turn after fewer polls than there stays room for.
        self.pinned.shrink();
        if let Rest::Paused(_) = self.rest {
            // As often every time, however fast the machine is.
            self.collect_inbox();
            self.collect_injected();
            return;
        }
        let now = real_now();
        let took = self
            .pace
            .turned(now, polls, self.shared.settings.event_interval);
        self.collect_inbox();
        self.collect_injected();
        if self.role.has_siblings() {
            self.note_what_was_stolen();
            watch::look(self, now);
            if took >= WORTH && self.shared.idle.wants_work() && self.slot.ready() > 1 {
                self.shared.wake_one();
            }
        }
    }
}
