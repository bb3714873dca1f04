//! The list of those that wait for the wall clock, to be told when it is set.
//!
//! Invariants:
//! - *No user code under the lock.* Wakers are cloned before it is taken, and woken and dropped after it is released.
//!
//! Lock order: the lock of the list is a leaf.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
};

use slab::Slab;
use waterwheel_poll_context::contain::contain_panic;

use super::{Timers, caller::Caller, wake::wake_all};
use crate::clock::{WallClock, WallReading};

/// Waiters that there stays room for when none is left.
const KEPT_WAITERS: usize = 64;

/// The wall clock of some timers, and who is to be told when it is set.
pub(crate) struct Wall {
    clock: Arc<dyn WallClock>,
    /// Whether the clock tells.
    is_watched: AtomicBool,
    /// `None` once the timers are closed. A waker that has been woken leaves its place empty, for its owner to free.
    waiters: Mutex<Option<Slab<Option<Waker>>>>,
}

impl Wall {
    pub(crate) fn new(clock: Arc<dyn WallClock>) -> Self {
        Wall {
            clock,
            is_watched: AtomicBool::new(false),
            waiters: Mutex::new(Some(Slab::new())),
        }
    }

    pub(crate) fn read(&self) -> WallReading {
        self.clock.read()
    }

    /// Wakes all who are listed: the clock has been set.
    pub(crate) fn changed(&self) {
        let woken: Vec<Waker> = match &mut *self.lock() {
            Some(waiters) => waiters
                .iter_mut()
                .filter_map(|(_, waker)| waker.take())
                .collect(),
            None => Vec::new(),
        };
        wake_all(woken.into_iter());
    }

    /// Nobody turns the timers any more: all look elsewhere.
    pub(crate) fn close(&self) {
        let waiters = self.lock().take();
        let mut woken = Vec::new();
        for (_, waker) in waiters.unwrap_or_default() {
            woken.extend(waker);
        }
        wake_all(woken.into_iter());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Slab<Option<Waker>>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wall").finish_non_exhaustive()
    }
}

/// Tells timers that the clock has been set, if they are still there.
struct Tell(Weak<Timers>);

impl Wake for Tell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(timers) = self.0.upgrade() {
            timers.wall_clock_set();
        }
    }
}

/// A place in the list of some timers' wall clock.
#[derive(Debug)]
pub(crate) struct Listed {
    timers: Arc<Timers>,
    place: usize,
}

impl Listed {
    /// Sees to it that `waker` is woken when the clock is set next. False: the clock does not tell.
    ///
    /// A place in a list that is closed, or that of timers which are not the current ones, is left for one in that of these: their
    /// clock is the one to wait for, and they are turned as long as the task is polled.
    pub(crate) fn renew(listed: &mut Option<Listed>, waker: &Waker, caller: Caller) -> bool {
        let current = Timers::current();
        let stays = listed.as_ref().is_some_and(|listed| {
            let is_here = current
                .as_ref()
                .is_none_or(|current| Arc::ptr_eq(current, &listed.timers));
            is_here && listed.put(waker.clone())
        });
        if !stays {
            *listed = None;
            let Some(timers) = current else {
                caller.outside_runtime()
            };
            // Dropped, if nobody takes it, with no lock held.
            let mut waker = Some(waker.clone());
            let place = timers
                .wall()
                .lock()
                .as_mut()
                .map(|waiters| waiters.insert(waker.take()));
            // A closed list: the runtime around us is shutting down, and will not poll this task again.
            *listed = place.map(|place| Listed { timers, place });
        }
        listed.as_ref().is_some_and(Listed::is_watched)
    }

    /// Puts another waker in its place. False: the list is closed.
    fn put(&self, waker: Waker) -> bool {
        let mut waker = Some(waker);
        // What is displaced is dropped, as what nobody takes is, with no lock held.
        match &mut *self.timers.wall().lock() {
            Some(waiters) => {
                std::mem::swap(&mut waiters[self.place], &mut waker);
                true
            }
            None => false,
        }
    }

    fn is_watched(&self) -> bool {
        let wall = self.timers.wall();
        if wall.is_watched.load(Ordering::Relaxed) {
            return true;
        }
        let tell = Waker::from(Arc::new(Tell(Arc::downgrade(&self.timers))));
        let watched = wall.clock.watch(tell);
        wall.is_watched.store(watched, Ordering::Relaxed);
        watched
    }

    pub(crate) fn read(&self) -> WallReading {
        self.timers.wall().read()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        if self.timers.are_inherited() {
            return;
        }
        let waker = self.timers.wall().lock().as_mut().map(|waiters| {
            let waker = waiters.remove(self.place);
            if waiters.is_empty() && waiters.capacity() > KEPT_WAITERS {
                *waiters = Slab::new();
            }
            waker
        });
        contain_panic(|| drop(waker));
    }
}
