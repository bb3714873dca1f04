//! What a worker does when nothing is ready on its own seat: it searches, and then it sleeps.

use super::{LIFO_STREAK, MOST_STEALS, Worker};
use crate::scheduler::Task;
use crate::scheduler::idle::Woken;
use crate::scheduler::paused::{Paused, Rest};
use crate::scheduler::seat::Seat;
use crate::scheduler::watch;
use crate::task::id::Running;
use std::sync::Arc;
use waterwheel_reactor::sys::clock::real_now;

impl Worker {
    /// Looks for tasks in the queues of siblings.
    pub(super) fn search(&self) -> Option<Task> {
        if !self.has_siblings.get() {
            return None;
        }
        if !self.searching.get() {
            if !self.shared.idle.start_searching() {
                return None;
            }
            self.searching.set(true);
            self.rested.set(true);
        }
        let seats = &self.shared.seats;
        let first = self.first_victim.get();
        self.first_victim.set((first + 1) % seats.len());
        for offset in 0..seats.len() {
            let victim = &seats[(first + offset) % seats.len()];
            if Arc::ptr_eq(victim, &self.seat) {
                continue;
            }
            // SAFETY: we are the worker of our seat, and that is another.
            if let Some(task) = unsafe { victim.steal_into(&self.seat) } {
                self.seat.counters.steals.add(1);
                return Some(task);
            }
        }
        // It may have been filled meanwhile.
        self.next_from_afar()
    }

    /// Takes the tasks that are ready on another seat, whose worker is stuck, to the end of the queue here.
    pub(crate) fn steal_from(&self, stuck: &Seat) {
        debug_assert!(self.has_siblings.get(), "who looks has siblings");
        for _ in 0..MOST_STEALS {
            // SAFETY: we are the worker of our seat, and that is another, of the runtime's, from which others may steal.
            let Some(task) = (unsafe { stuck.steal_into(&self.seat) }) else {
                return;
            };
            self.seat.counters.steals.add(1);
            self.push_shared(task);
        }
    }

    /// Whether nothing is ready here, at the last moment before sleep: the timers let go of a waker now, and its destructor, which is
    /// foreign code, may have woken somebody here, or the main future. Nothing foreign runs from here to the sleep.
    ///
    /// Nor while it keeps much memory of tasks that have ended: it gives a part back, and looks again.
    pub(super) fn may_sleep(&self) -> bool {
        if self.blocks.give_back_some() {
            return false;
        }
        let _ = self.seat.driver.timers.next_deadline();
        !self.seat.has_ready() && self.pinned.borrow().len() == 0
    }

    /// Does what there is to do, in a paused runtime, for who has nothing ready: looks whether that is so; and then sleeps, or moves the
    /// clock.
    fn rest_in(&self, paused: &Paused) {
        let own = &self.seat.driver.reactor;
        let polls = |number| number < self.shared.workers();
        let retry = self.shared.blocking.make_up();
        if !self.number.get().is_none_or(polls) {
            let awake = || self.seat.moves.awake();
            self.seat.driver.park_paused(retry, awake);
            return;
        }
        // From here on whatever is polled is noted.
        self.rested.set(true);
        let Some(looked) = self.looked.take() else {
            let round = paused.begin_look(&self.shared, own, self.has_run.take());
            self.seat.moves.awake();
            // What the turn finds may concern others.
            if self.seat.driver.turn_now() > 0 {
                self.has_run.set(true);
            } else {
                self.looked.set(Some(round));
            }
            return;
        };
        match paused.confirm(&self.shared, own, looked) {
            Rest::LookAgain => self.seat.moves.awake(),
            Rest::Sleep => {
                self.seat.counters.parks.add(1);
                let found = self.seat.driver.park_paused(retry, || {
                    paused.awake(own);
                    self.seat.moves.awake();
                });
                self.has_run.set(found > 0);
            }
        }
    }

    /// Sleeps until there is something to do. May return with nothing.
    pub(super) fn park(&self) {
        #[cfg(all(debug_assertions, not(loom)))]
        self.check();
        self.streak.set(LIFO_STREAK);
        Running::none();
        let counters = &self.seat.counters;
        counters.turns.add(1);
        if self.shared.paused.is_none() {
            counters.parks.add(1);
        }
        self.seat.moves.asleep();
        let Some(number) = self.number.get().filter(|_| self.has_siblings.get()) else {
            self.has_turned.set(false);
            if let Some(paused) = &self.shared.paused {
                self.rest_in(paused);
                return;
            }
            let awake = || self.seat.moves.awake();
            let retry = self.shared.blocking.make_up();
            self.seat.driver.park(retry, awake);
            self.rested.set(self.shared.seats.len() > 1);
            return;
        };
        let idle = &self.shared.idle;
        let (since, how) = self.woken.get();
        idle.has_worked(real_now().saturating_duration_since(since), how);
        let look_again = idle.sleep(number, self.searching.take());
        let awake = || {
            self.seat.moves.awake();
            let how = idle.wake(number);
            if how == Woken::ForWork {
                self.searching.set(true);
                counters.unparks.add(1);
            }
            self.rested.set(true);
            let now = real_now();
            self.awake_since.set(now);
            self.woken.set((now, how));
        };
        if self.shared.injection.len() > 0 || (look_again && self.shared.has_ready()) {
            self.seat.moves.awake();
            idle.search_on(number);
            self.searching.set(true);
            self.rested.set(true);
        } else {
            let watch = watch::before_sleep(&self.shared, number);
            let retry = self.shared.blocking.make_up();
            let until = watch.into_iter().chain(retry).min();
            self.seat.driver.park(until, awake);
        }
        if self.shared.watch.is_watcher(number) {
            watch::look(self, real_now());
        }
    }
}
