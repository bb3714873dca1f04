//! A source: a registered descriptor, as the reactor and the futures that wait for it share it.
//!
//! - [`readiness`]: the word with what is known of a descriptor: bits and a tick.
//! - [`waiters`]: the wakers of those that wait; [`interest`]: for what.
//! - [`registration`]: the reactor that a source is registered with; [`sources`]: that reactor's slab; [`token`]: the names in it.
//!
//! Nothing here knows the reactor: its type is the parameter `R`.
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
//! # In a child
//!
//! A child of `fork` has a copy of each source, and none of the threads that may have held its locks at that moment. So a child that
//! lets a descriptor go does not lock a source that belongs to its parent ([`is_of_this_process`](Source::is_of_this_process)).
//! When the child makes a reactor, it takes over those whose locks are free (`reactor/inherited.rs`).
//!
//! # Lock order
//!
//! `home`, then the reactor's slab, then `waiters`. No lock is held while a waker is cloned, woken or dropped.

mod interest;
mod readiness;
mod registration;
mod sources;
mod token;
mod waiters;

pub use interest::Interest;
pub(crate) use readiness::{Drained, Observed, Readiness, Ready};
pub(crate) use registration::Registration;
pub(crate) use sources::{Registered, Sources};
pub(crate) use token::Token;
pub(crate) use waiters::{WaitKey, Waiters};

use crate::sync::{Mutex, lock};
use crate::sys::fork::Owner;
use std::task::Waker;

#[derive(Debug)]
pub(crate) struct Source<R> {
    pub(crate) readiness: Readiness,
    pub(crate) waiters: Mutex<Waiters>,
    /// Where it is registered, if it is.
    pub(crate) home: Mutex<Option<Registration<R>>>,
    owner: Owner,
}

impl<R> Source<R> {
    pub(crate) fn new() -> Self {
        Self {
            readiness: Readiness::new(),
            waiters: Mutex::new(Waiters::new()),
            home: Mutex::new(None),
            owner: Owner::new(),
        }
    }

    /// Whether its locks are this process's: it was made here, or taken over.
    #[inline]
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.owner.is_current()
    }

    /// In a child: makes it a source of this process, registered nowhere, unless a thread of the parent's held one of its locks.
    #[cfg(not(loom))]
    pub(crate) fn give_up_inherited(&self) {
        let (Ok(mut home), Ok(mut waiters)) = (self.home.try_lock(), self.waiters.try_lock())
        else {
            return;
        };
        // The parent's: they are neither woken here nor dropped, which runs code of its tasks.
        let mut wakers = Vec::new();
        waiters.take(Ready::BOTH, &mut wakers);
        std::mem::forget(wakers);
        std::mem::forget(home.take());
        self.readiness.orphan();
        self.owner.take_over();
    }

    /// Stores a waker for `direction`, unless that is ready. `true`: the caller will be woken, and `key` names its
    /// waker. `false`: it should look again, and has left nothing.
    #[must_use]
    #[inline(always)]
    pub(crate) fn park(
        &self,
        direction: Interest,
        key: &mut Option<WaitKey>,
        waker: &Waker,
    ) -> bool {
        // Twice the same, each for a direction that is known: this is done for every request of a server.
        match direction {
            Interest::Read => self.park_for::<true>(key, waker),
            Interest::Write => self.park_for::<false>(key, waker),
        }
    }

    #[inline(never)]
    fn park_for<const READ: bool>(&self, key: &mut Option<WaitKey>, waker: &Waker) -> bool {
        let direction = if READ {
            Interest::Read
        } else {
            Interest::Write
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
            self.forget_waker(key);
        }
    }

    /// Forgets a future that has parked and does not wait any more.
    #[cold]
    pub(crate) fn forget_waker(&self, key: WaitKey) {
        if !self.is_of_this_process() {
            return;
        }
        let waker = lock(&self.waiters).remove(key);
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
