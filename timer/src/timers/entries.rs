//! What sleeps do with the wheel, each under the lock of the timers. The invariants are those of [`Timers`].

use std::{sync::PoisonError, task::Waker, time::Instant};

use waterwheel_poll_context::contain::contain_panic;

use super::{Timers, current, spent::Spent};
use crate::{
    clock::{self, NEVER},
    sync::{AtomicU64, MutexGuard, Ordering},
    wheel::{Key, Wheel},
};

/// What the lock guards.
pub(super) struct State {
    pub(super) wheel: Wheel,
    /// The wheel's time, as an instant: that of the latest turn that found timers due.
    pub(super) elapsed: Instant,
    pub(super) spent: Spent,
    /// Whether nobody turns this wheel any more.
    pub(super) closed: bool,
}

impl State {
    /// Takes an entry out, pending or fired. Returns its waker, to be dropped where foreign code may run.
    #[inline]
    fn remove(&mut self, key: Key) -> Option<Waker> {
        let waker = self.wheel.remove(key);
        self.spent.other_removed(&mut self.wheel);
        waker
    }

    /// Under the lock, as whoever reads it relies on.
    #[inline]
    fn publish_next(&self, next: &AtomicU64) {
        next.store(
            self.wheel.next_deadline().unwrap_or(NEVER),
            Ordering::Relaxed,
        );
    }
}

/// What became of a filed timer that was polled.
pub(crate) enum Settled {
    /// The deadline has passed, and the entry is gone.
    Due,
    /// The entry is pending, and will wake the task that polled.
    Waiting(Key),
    /// The entry is gone, and the deadline has yet to come: it fired because the deadline was later moved
    /// back, or this wheel was closed, or it would have woken another task.
    Unfiled,
}

impl Timers {
    /// Files a waker under a deadline; hands it back if nobody would ever wake it.
    #[inline]
    pub(crate) fn insert(&self, deadline: Instant, waker: Waker) -> Result<Key, Waker> {
        let deadline = clock::from_instant(deadline);
        self.locked(|state| {
            if state.closed {
                Err(waker)
            } else {
                Ok(state.wheel.insert(deadline, waker))
            }
        })
    }

    /// Looks after an entry whose owner polls, waits for `deadline`, and wants `waker` woken at `due`, which is not before
    /// the instant that the entry was filed under.
    ///
    /// No clock is read: the wheel's time is the latest reading of a turn.
    #[inline]
    pub(crate) fn settle(
        &self,
        key: Key,
        deadline: Instant,
        due: Instant,
        waker: &Waker,
    ) -> Settled {
        if self.are_inherited() {
            // The entry stays where it is.
            return Settled::Unfiled;
        }
        let mut state = self.lock();
        let State {
            wheel,
            elapsed,
            spent,
            ..
        } = &mut *state;
        // If nothing that has passed is pending, what was due by then has fired.
        if due <= *elapsed && wheel.elapsed() < self.next.load(Ordering::Relaxed) {
            spent.add(key, wheel);
            return Settled::Due;
        }
        if state.wheel.will_wake(&key, waker) {
            return Settled::Waiting(key);
        }
        drop(state);
        let (is_due, _dropped_unlocked) = self.locked(|state| {
            let wheel = &state.wheel;
            debug_assert!(
                wheel.is_fired(&key) || wheel.deadline(&key) <= clock::from_instant(due),
                "who is due earlier is filed at once"
            );
            (deadline <= state.elapsed, state.remove(key))
        });
        if is_due {
            Settled::Due
        } else {
            Settled::Unfiled
        }
    }

    /// Whether an entry is pending, and would wake the same task as `waker`.
    #[inline]
    pub(crate) fn will_wake(&self, key: &Key, waker: &Waker) -> bool {
        self.lock().wheel.will_wake(key, waker)
    }

    /// Files an entry that is pending under a later deadline than this under this one.
    pub(crate) fn hasten(&self, key: &Key, deadline: Instant) {
        if self.are_inherited() {
            return;
        }
        let deadline = clock::from_instant(deadline);
        self.locked(|State { wheel, .. }| {
            if deadline < wheel.deadline(key) {
                wheel.refile(key, deadline);
            }
        });
    }

    /// Takes an entry out, pending or fired. The caller has asked whether these timers [are inherited](Self::are_inherited).
    #[inline(never)]
    pub(crate) fn cancel(&self, key: Key) {
        debug_assert!(
            !self.are_inherited(),
            "a child cancels in its parent's wheel"
        );
        let mut state = self.lock();
        let waker = state.remove(key);
        // The earliest deadline is that of a pending entry, and no removal brings it nearer.
        if waker.is_some() {
            state.publish_next(&self.next);
        }
        drop(state);
        drop(waker);
    }

    /// Runs `change`, which is no user code, under the lock; publishes the earliest deadline before the lock
    /// is released, and afterwards unparks the owner if another thread has brought it nearer.
    #[inline]
    pub(super) fn locked<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let next = state.wheel.next_deadline().unwrap_or(NEVER);
        let nearer = next < self.next.load(Ordering::Relaxed);
        self.next.store(next, Ordering::Relaxed);
        drop(state);
        if nearer && !current::is_current(self) {
            self.unpark_owner();
        }
        result
    }

    /// The waker is the owner's, and this is another thread: a panic of it is not for whoever files a timer.
    #[cold]
    #[inline(never)]
    fn unpark_owner(&self) {
        contain_panic(|| self.unpark.wake_by_ref());
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Poison means nothing here: a wheel is whole whenever it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
