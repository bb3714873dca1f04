//! A source: a registered descriptor, as the reactor and the futures that wait for it share it.
//!
//! # Order
//!
//! Dispatch publishes readiness, *then* takes the wakers. A poll stores its waker, *then* loads readiness again.
//! Storing and taking happen under one lock, so one comes first. If it is the store, the dispatch takes that waker.
//! If it is the take, the poll's second load comes after it, hence after the publish, and sees the readiness. Swap
//! either pair, and there is an interleaving in which neither sees the other: a lost wake.
//!
//! # A key is forgotten without the lock
//!
//! A future that has parked, and later finds its direction ready, need not remove its waker. When it parked,
//! the second load said «not ready»; so its direction was published since, and whoever published it takes
//! the waker (or has taken it). At worst the task is woken once for nothing.
//!
//! When the second load says «ready», that does not hold: the take may have come before the store. So
//! [`park`](Source::park) then removes what it has stored, and only who does wait has a key.
//!
//! # Lock order
//!
//! `home`, then the reactor's slab, then `waiters`. No lock is held while a waker is cloned, woken or dropped.

use crate::direction::Direction;
use crate::home::Home;
use crate::readiness::{Readiness, Ready};
use crate::sync::{Mutex, lock};
use crate::waiters::{WaitKey, Waiters};
use std::task::Waker;

#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) readiness: Readiness,
    pub(crate) waiters: Mutex<Waiters>,
    /// Where it is registered, if it is.
    pub(crate) home: Mutex<Option<Home>>,
}

impl Source {
    pub(crate) fn new() -> Self {
        Self {
            readiness: Readiness::new(),
            waiters: Mutex::new(Waiters::new()),
            home: Mutex::new(None),
        }
    }

    /// Stores a waker for `direction`, unless that is ready. `true`: the caller will be woken, and `key` names its
    /// waker. `false`: it should look again, and has left nothing.
    #[must_use]
    #[inline(always)]
    pub(crate) fn park(
        &self,
        direction: Direction,
        key: &mut Option<WaitKey>,
        waker: &Waker,
    ) -> bool {
        // Twice the same, each for a direction that is known: this is done for every request of a server.
        match direction {
            Direction::Read => self.park_for::<true>(key, waker),
            Direction::Write => self.park_for::<false>(key, waker),
        }
    }

    #[inline(never)]
    fn park_for<const READ: bool>(&self, key: &mut Option<WaitKey>, waker: &Waker) -> bool {
        let direction = if READ {
            Direction::Read
        } else {
            Direction::Write
        };
        let waker = waker.clone();
        let back = lock(&self.waiters).store(direction, key, waker);
        drop(back);
        if self.readiness.observe().is_ready(direction) {
            self.take_back(key);
            return false;
        }
        true
    }

    /// Removes what a future has stored that finds its direction ready after all.
    #[cold]
    pub(crate) fn take_back(&self, key: &mut Option<WaitKey>) {
        if let Some(key) = key.take() {
            self.unpark(key);
        }
    }

    /// Forgets a future that has parked and does not wait any more.
    #[cold]
    pub(crate) fn unpark(&self, key: WaitKey) {
        let waker = lock(&self.waiters).remove(key);
        #[cfg(canary)]
        let _locked =
            crate::canary::is_out("waker-dropped-under-lock").then(|| lock(&self.waiters));
        drop(waker);
    }

    /// Publishes an event, and moves the wakers that it concerns to `wakers`, for the caller to wake once it
    /// holds no lock.
    #[inline]
    pub(crate) fn dispatch(&self, ready: Ready, wakers: &mut Vec<Waker>) {
        self.readiness.publish(ready);
        lock(&self.waiters).take(ready, wakers);
    }

    /// There will be no more events: everybody is to look for themselves. The caller holds the lock of `home`, so
    /// that the word never contradicts it: who finds the word unregistered, and `home` not, would register for ever.
    pub(crate) fn orphan(&self, wakers: &mut Vec<Waker>) {
        self.readiness.orphan();
        lock(&self.waiters).take(Ready::BOTH, wakers);
    }
}
