//! What waits for the wall clock: the list of those to tell when it is set, and the wait itself.
//!
//! A deadline of the wall clock, or of the time since boot, becomes one of the monotonic clock, by what the clocks show now,
//! and waits in the wheel like any other. That holds as long as no clock jumps: both are disciplined alike between jumps. When
//! one does, all who wait are woken, look again, and file anew.
//!
//! Invariants:
//! - *Listed before it looks.* A wait is in the list before it reads the clocks. A jump before the reading is in it, and one
//!   after it finds the wait in the list.
//! - *It resolves by the clock that it waits for.* The wheel only says when to look.
//! - *No user code under the lock.* Wakers are cloned before it is taken, and woken and dropped after it is released.
//!
//! Lock order: the lock of the list is a leaf.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
    time::{Duration, SystemTime},
};

use slab::Slab;
use waterwheel_poll_context::budget::{self, GaveWay};

use crate::{
    caller::Caller,
    current, far,
    sleep::Sleep,
    timers::Timers,
    wake::{contain_panic, wake_all},
    wall_clock::{WallClock, WallReading},
};

/// How often a clock is looked at that does not tell when it is set.
const UNTOLD: Duration = Duration::from_secs(1);

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
        #[cfg(canary)]
        if crate::canary::is_out("wall-step-unheard") {
            return;
        }
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

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    System(SystemTime),
    /// A time since boot.
    Boottime(Duration),
}

impl Target {
    /// How long it is until then, if it is not past.
    fn ahead_of(self, reading: &WallReading) -> Option<Duration> {
        let left = match self {
            Target::System(time) => time.duration_since(reading.system).ok(),
            Target::Boottime(time) => time.checked_sub(reading.boottime),
        };
        left.filter(|left| !left.is_zero())
    }
}

/// A wait for a time of the wall clock, or for one since boot.
#[derive(Debug)]
pub(crate) struct WallWait {
    sleep: Sleep,
    listed: Option<Listed>,
    caller: Caller,
    gave_way: GaveWay,
}

impl WallWait {
    pub(crate) fn new(caller: Caller) -> Self {
        WallWait {
            sleep: Sleep::after(Duration::ZERO, caller),
            listed: None,
            caller,
            gave_way: GaveWay::NO,
        }
    }

    /// Waits until that time. When that has come, spends of the budget, also if it has waited: a clock can be set in a loop.
    pub(crate) fn poll(&mut self, target: Target, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let is_told = Listed::renew(&mut self.listed, cx.waker(), self.caller);
            let Some(listed) = &self.listed else {
                return Poll::Pending;
            };
            let Some(left) = target.ahead_of(&listed.read()) else {
                ready!(budget::poll_spend_at(
                    cx,
                    &mut self.gave_way,
                    current::now()
                ));
                self.listed = None;
                // After a step its timer is pending still, and would wake the task for nothing.
                self.sleep = Sleep::at(self.sleep.deadline(), self.caller);
                return Poll::Ready(());
            };
            let left = if is_told { left } else { left.min(UNTOLD) };
            self.sleep.reset(far::after(current::now(), left));
            ready!(self.sleep.poll_due(cx));
        }
    }

    /// Reads the clocks, and has the task woken when they are set next; by a clock that does not tell, when it is time to
    /// look again. `None`: the runtime is shutting down.
    pub(crate) fn look(&mut self, cx: &mut Context<'_>) -> Option<WallReading> {
        let is_told = Listed::renew(&mut self.listed, cx.waker(), self.caller);
        let reading = self.listed.as_ref().map(Listed::read);
        if !is_told {
            self.sleep.reset(far::after(current::now(), UNTOLD));
            let _ = self.sleep.poll_due(cx);
        }
        reading
    }

    /// Spends of the budget, for who has [looked](Self::look), and found something.
    pub(crate) fn poll_spend(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        budget::poll_spend(cx, &mut self.gave_way)
    }
}
