//! The timers of one worker: a wheel behind a mutex, with a clock, and the earliest deadline at hand.
//!
//! Invariants:
//! - *The earliest deadline.* `next` is the wheel's next deadline whenever the lock is free: it is written
//!   only under the lock, in [`Timers::locked`], which is the only way to change the wheel.
//! - *The owner hears of it.* When another thread makes `next` nearer, it unparks the owner after that.
//! - *No user code under the lock.* A waker is cloned before it is taken, and woken or dropped after it is
//!   released. That is why closures under it return the wakers they displace.
//!
//! - *A child of `fork` does not lock its parent's timers.* A thread of the parent's may have held the lock at that moment, and is not
//!   in the child to give it back. A thread that has not [entered](Timers::enter) the timers asks first whose they are, where it drops,
//!   polls or moves a sleep. See [`Timers::belong_to`].
//!
//! Lock order: the mutex is a leaf.

#[cfg(any(test, debug_assertions))]
mod validate;

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock, PoisonError},
    task::Waker,
    time::Instant,
};

use crate::{
    clock::{self, NEVER},
    current,
    spent::Spent,
    sync::{AtomicU64, Mutex, MutexGuard, Ordering},
    virtual_clock::VirtualClock,
    wake::{contain_panic, wake_all, wake_due},
    wall::Wall,
    wall_clock::{Unwatched, WallClock},
    wheel::{Key, Wheel},
};

/// The timers of one worker, for a runtime or an event loop of one's own.
///
/// The owner is the thread that [enters](Timers::enter) it, so that futures polled there file their timers
/// here, and that then, over and over, waits until [`next_deadline`](Timers::next_deadline) and takes a
/// [`turn`](Timers::turn). Any thread may take a turn, and timers may be reset and dropped on any thread.
///
/// ```
/// use std::{pin::pin, sync::Arc, task::{Context, Waker}, thread, time::{Duration, Instant}};
/// use waterwheel::{sleep, timer::Timers};
///
/// // The waker ends the owner's wait; this owner never waits for long, and needs none.
/// let timers = Arc::new(Timers::new(Waker::noop().clone()));
/// let _enter = timers.enter();
///
/// let mut sleep = pin!(sleep(Duration::from_millis(1)));
/// let mut cx = Context::from_waker(Waker::noop());
/// while sleep.as_mut().poll(&mut cx).is_pending() {
///     let next = timers.next_deadline().expect("a sleep is pending");
///     thread::sleep(next.saturating_duration_since(Instant::now()));
///     timers.turn();
/// }
/// assert_eq!(timers.next_deadline(), None);
/// ```
pub struct Timers {
    /// The wheel's next deadline, [`NEVER`] if it has none.
    ///
    /// Relaxed throughout: a reader that must not miss a nearer deadline is the owner about to wait, and
    /// whoever wrote one then unparks it, which orders the two.
    next: AtomicU64,
    /// Ends the owner's wait.
    unpark: Waker,
    state: Mutex<State>,
    /// What these timers go by, if not by the system's monotonic clock.
    virtual_clock: Option<Arc<VirtualClock>>,
    wall: Wall,
    /// How the number of the present process is told, and that of the process that these timers are of.
    process: OnceLock<(fn() -> u32, u32)>,
}

struct State {
    wheel: Wheel,
    /// The wheel's time, as an instant: that of the latest turn that found timers due.
    elapsed: Instant,
    spent: Spent,
    /// Whether nobody turns this wheel any more.
    closed: bool,
}

impl State {
    /// Takes an entry out, pending or fired. Returns its waker, to be dropped where foreign code may run.
    #[inline]
    fn remove(&mut self, key: Key) -> Option<Waker> {
        #[cfg(canary)]
        if crate::canary::is_out("cancelled-stays-until-due") {
            return None;
        }
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
    /// Timers of which none is pending. `unpark` is woken when the owner must end its wait because another
    /// thread has brought [`next_deadline`](Timers::next_deadline) nearer; it is never woken on the owner's
    /// thread.
    #[must_use]
    pub fn new(unpark: Waker) -> Self {
        Timers::by(
            unpark,
            clock::now(),
            None,
            Wall::new(Arc::new(Unwatched::new())),
        )
    }

    /// As [`new`](Timers::new), with a wall clock that tells when it is set.
    ///
    /// [`sleep_until_system`](crate::sleep_until_system) and its kin go by it. Without one they look at the standard
    /// library's once a second, and do not know of time in which the machine was suspended.
    #[must_use]
    pub fn with_wall_clock(unpark: Waker, wall_clock: Arc<dyn WallClock>) -> Self {
        Timers::by(unpark, clock::now(), None, Wall::new(wall_clock))
    }

    /// As [`new`](Timers::new), by a clock that moves only when it is told to.
    ///
    /// What is polled where these are [entered](Timers::enter) takes all time from that clock.
    #[must_use]
    pub fn with_virtual_clock(unpark: Waker, clock: Arc<VirtualClock>) -> Arc<Self> {
        let wall = Wall::new(Arc::clone(&clock) as _);
        let now = clock.nanos();
        let timers = Arc::new(Timers::by(unpark, now, Some(Arc::clone(&clock)), wall));
        clock.drives(&timers);
        timers
    }

    fn by(unpark: Waker, now: u64, virtual_clock: Option<Arc<VirtualClock>>, wall: Wall) -> Self {
        Timers {
            next: AtomicU64::new(NEVER),
            unpark,
            state: Mutex::new(State {
                wheel: Wheel::at(now),
                elapsed: clock::to_instant(now),
                spent: Spent::new(),
                closed: false,
            }),
            virtual_clock,
            wall,
            process: OnceLock::new(),
        }
    }

    /// These timers are of the present process alone: `process` tells its number, and another number in a child of `fork`.
    ///
    /// In a child nothing turns them. There, a [`Sleep`](crate::Sleep) that was filed here leaves its entry alone when it is dropped, and
    /// when it is polled by a runtime of the child's, it files itself there. The first call counts.
    pub fn belong_to(&self, process: fn() -> u32) {
        let _ = self.process.set((process, process()));
    }

    /// Whether this is a child of the process that these timers are of, and the thread has not entered them.
    #[inline]
    pub(crate) fn are_inherited(&self) -> bool {
        !current::is_current(self) && self.are_elsewhere()
    }

    #[cold]
    fn are_elsewhere(&self) -> bool {
        let process = self.process.get();
        process.is_some_and(|(process, ours)| process() != *ours)
    }

    /// The virtual clock that these timers go by, if they do.
    #[must_use]
    pub fn virtual_clock(&self) -> Option<&Arc<VirtualClock>> {
        self.virtual_clock.as_ref()
    }

    /// Where round instants are counted from.
    pub(crate) fn origin(&self) -> u64 {
        self.virtual_clock.as_ref().map_or(0, |clock| clock.start())
    }

    pub(crate) fn wall(&self) -> &Wall {
        &self.wall
    }

    /// The time of the clock that these timers go by.
    #[inline]
    fn clock_now(&self) -> u64 {
        match &self.virtual_clock {
            None => clock::now(),
            Some(clock) => clock.nanos(),
        }
    }

    /// Makes these the current thread's timers, until the guard is dropped.
    ///
    /// Only the thread that waits for them may enter: what is filed by a thread that has entered unparks
    /// nobody. Guards nest, and are to be dropped in the reverse order.
    #[must_use = "the timers are current until the guard is dropped"]
    pub fn enter(self: &Arc<Self>) -> Enter {
        Enter {
            previous: current::replace(Some(Arc::clone(self))),
            _not_send: PhantomData,
        }
    }

    /// The timers of the current thread, if it has entered any.
    #[inline]
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        current::timers()
    }

    /// When the owner must take the next [`turn`](Timers::turn); `None` if no timer will ever be due. No timer
    /// is due earlier; at the instant itself there may be none, because that is where a timer was filed
    /// before it was [moved later](crate::Sleep::reset) or dropped.
    ///
    /// Reads one atomic. It takes a lock only if a sleep was dropped on this thread since the last turn, and
    /// not followed by another of the same task.
    #[inline]
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        current::release();
        self.earliest()
    }

    /// The same, and what this thread keeps stays kept.
    #[inline]
    pub(crate) fn earliest(&self) -> Option<Instant> {
        match self.next.load(Ordering::Relaxed) {
            NEVER => None,
            next => Some(clock::to_instant(next)),
        }
    }

    /// Wakes all timers that are due, in deadline order, and returns how many they were.
    ///
    /// Reads the clock only if a timer is pending, and locks only if one is due or, as
    /// [`next_deadline`](Timers::next_deadline), has been dropped. A timer filed by one of the wakers waits for
    /// the next turn, even if it is due already. A waker that panics loses no other: the panic hook has
    /// reported it, and the turn goes on.
    #[inline]
    pub fn turn(&self) -> usize {
        self.turn_with(|_| {})
    }

    /// As [`turn`](Timers::turn), and shows each waker to `ahead` some wakes before it is woken.
    ///
    /// When many timers are due at once, what their wakers touch has often left the processor's caches long ago. Who knows what
    /// lies behind a waker can have it fetched meanwhile. A panic in `ahead` is treated as one in a waker.
    #[inline]
    pub fn turn_with(&self, ahead: impl FnMut(&Waker)) -> usize {
        current::release();
        #[cfg(debug_assertions)]
        self.check();
        let next = self.next.load(Ordering::Relaxed);
        if next == NEVER {
            return 0;
        }
        let now = self.clock_now();
        if now < next {
            return 0;
        }
        #[cfg(canary)]
        if crate::canary::is_out("woken-under-the-lock") {
            return self.locked(|state| {
                let due = state.wheel.take_due(now);
                state.elapsed = clock::to_instant(state.wheel.elapsed());
                wake_due(due, ahead)
            });
        }
        let due = self.locked(|state| {
            let due = state.wheel.take_due(now);
            // Which may be later than `now`, if another thread has taken a turn meanwhile.
            state.elapsed = clock::to_instant(state.wheel.elapsed());
            due
        });
        wake_due(due, ahead)
    }

    /// Declares that nobody will turn these timers any more, and wakes all that are pending.
    ///
    /// A [`Sleep`](crate::Sleep) woken so has not elapsed: polled by another runtime, it files itself there;
    /// polled where closed timers are current still, it pends and nobody wakes it.
    pub fn close(&self) {
        current::release();
        let wakers = self.locked(|state| {
            state.closed = true;
            state.wheel.clear()
        });
        wake_all(wakers.into_iter());
        self.wall.close();
    }

    /// The number of pending timers, among them those that will never be due. Asked on another thread than
    /// the owner's, it may count the timer that was dropped last there.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "`has_pending` reads better")]
    pub fn len(&self) -> usize {
        current::release();
        self.locked(|state| state.wheel.len())
    }

    /// Tells who waits for the wall clock that it has been set, or that the machine was suspended. A [`WallClock`] has
    /// the one who watches it call this, on any thread.
    pub fn wall_clock_set(&self) {
        self.wall.changed();
    }

    /// Whether any timer is pending, as counted by [`len`](Timers::len).
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.len() > 0
    }

    /// Files a waker under a deadline; hands it back if nobody would ever wake it.
    #[inline]
    pub(crate) fn insert(&self, deadline: Instant, waker: Waker) -> Result<Key, Waker> {
        let deadline = clock::from_instant(deadline);
        #[cfg(canary)]
        if deadline == NEVER && crate::canary::is_out("far-is-a-sentinel") {
            return Err(waker);
        }
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
    fn locked<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let next = state.wheel.next_deadline().unwrap_or(NEVER);
        let nearer = next < self.next.load(Ordering::Relaxed);
        #[cfg(canary)]
        if crate::canary::is_out("next-wake-after-unlock") {
            drop(state);
            // The bug was rarely seen. So that a test need not run for days, every other thread that comes by overtakes.
            static CAME_BY: AtomicU64 = AtomicU64::new(0);
            if CAME_BY.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            self.next.store(next, Ordering::Relaxed);
            if nearer && !current::is_current(self) {
                self.unpark.wake_by_ref();
            }
            return result;
        }
        self.next.store(next, Ordering::Relaxed);
        drop(state);
        #[cfg(canary)]
        let nearer = nearer && !crate::canary::is_out("nearer-timer-unheard");
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
    fn lock(&self) -> MutexGuard<'_, State> {
        // Poison means nothing here: a wheel is whole whenever it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("next_deadline", &self.earliest())
            .finish_non_exhaustive()
    }
}

/// Keeps a [`Timers`] the current thread's; dropped, it restores the previous one. See [`Timers::enter`].
#[derive(Debug)]
pub struct Enter {
    previous: Option<Arc<Timers>>,
    /// It belongs to the thread whose timers it restores.
    _not_send: PhantomData<*const ()>,
}

impl Drop for Enter {
    fn drop(&mut self) {
        let _left = current::replace(self.previous.take());
    }
}
