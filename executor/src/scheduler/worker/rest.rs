//! [`Rest`]: what a worker does when nothing is ready: it sleeps until something is.

use super::paused::PausedRest;
use super::{LIFO_STREAK, Worker};
use crate::scheduler::idle::Woken;
use crate::scheduler::watch;
use crate::task::id::Running;
use waterwheel_reactor::sys::clock::real_now;

/// How a worker rests.
pub(super) enum Rest {
    /// It sleeps.
    Real,
    /// Time is paused: it may move the clock instead.
    Paused(PausedRest),
}

impl Worker {
    /// Whether nothing is ready here, at the last moment before sleep: the timers let go of a waker now, and its destructor, which is
    /// foreign code, may have woken somebody here, or the main future. Nothing foreign runs from here to the sleep.
    ///
    /// Nor while it keeps much memory of tasks that have ended: it gives a part back, and looks again.
    pub(super) fn may_sleep(&self) -> bool {
        if self.blocks.give_back_some() {
            return false;
        }
        let _ = self.slot.driver.timers.next_deadline();
        !self.slot.has_ready() && self.pinned.is_empty()
    }

    /// Sleeps until there is something to do. May return with nothing.
    pub(super) fn park(&self) {
        #[cfg(all(debug_assertions, not(loom)))]
        self.check();
        self.streak.set(LIFO_STREAK);
        Running::none();
        let counters = &self.slot.counters;
        counters.turns.add(1);
        if let Rest::Real = self.rest {
            counters.parks.add(1);
        }
        self.slot.progress.asleep();
        match &self.rest {
            Rest::Paused(rest) => rest.rest(self),
            Rest::Real => match self.role.number() {
                Some(number) if self.role.has_siblings() => self.rest_among_siblings(number),
                _ => self.rest_alone(),
            },
        }
    }

    fn rest_alone(&self) {
        self.pace.sleeps();
        let retry = self.shared.blocking.make_up();
        self.slot.driver.park(retry, || self.slot.progress.awake());
        self.rested.set(self.shared.slots.len() > 1);
    }

    fn rest_among_siblings(&self, number: usize) {
        let counters = &self.slot.counters;
        let idle = &self.shared.idle;
        let (since, how) = self.search.woken();
        idle.has_worked(real_now().saturating_duration_since(since), how);
        let look_again = idle.sleep(number, self.search.end());
        let awake = || {
            self.slot.progress.awake();
            let how = idle.woke(number);
            if how == Woken::ForWork {
                self.search.begin();
                counters.unparks.add(1);
            }
            self.rested.set(true);
            let now = real_now();
            self.pace.woke(now);
            self.search.set_woken(now, how);
        };
        if self.shared.injection.len() > 0 || (look_again && self.shared.has_ready()) {
            self.slot.progress.awake();
            idle.search_on(number);
            self.search.begin();
            self.rested.set(true);
        } else {
            let watch = watch::before_sleep(&self.shared, number);
            let retry = self.shared.blocking.make_up();
            let until = watch.into_iter().chain(retry).min();
            self.slot.driver.park(until, awake);
        }
        if self.shared.watch.is_watcher(number) {
            watch::look(self, real_now());
        }
    }
}
