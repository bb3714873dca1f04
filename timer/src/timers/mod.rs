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

// - `entries`: what sleeps do with the wheel, under the lock.
// - `current`: what a thread knows of its timers, and the entry that it keeps from a dropped sleep for the next one.
// - `spent`: where entries end; `slack`: which instants timers share; `wake`: waking many.
// - `system_waiters`: the list of those that wait for the system clock.
// - `caller`: the names by which users know the futures that file timers.

mod caller;
pub(crate) mod current;
mod entries;
mod slack;
mod spent;
mod system_waiters;
#[cfg(any(test, debug_assertions))]
mod validate;
mod wake;

pub(crate) use self::caller::Caller;
pub use self::current::Enter;
pub(crate) use self::current::Registration;
pub(crate) use self::entries::Settled;
pub(crate) use self::slack::Grid;
pub(crate) use self::system_waiters::Listed;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    task::Waker,
    time::Instant,
};

use self::{
    entries::State,
    spent::Spent,
    system_waiters::SystemWaiters,
    wake::{wake_all, wake_due},
};
use crate::{
    clock::{self, NEVER, SystemClock, Unwatched},
    sync::{AtomicU64, Mutex, Ordering},
    virtual_time::{Driven, VirtualClock},
    wheel::Wheel,
};

/// The timers of one worker, for a runtime or an event loop of one's own.
///
/// The owner is the thread that [enters](Timers::enter) it, so that futures polled there file their timers
/// here, and that then, over and over, waits until [`next_deadline`](Timers::next_deadline) and takes a
/// [`turn`](Timers::turn). Any thread may take a turn, and timers may be reset and dropped on any thread.
///
/// ```
/// use std::{pin::pin, sync::Arc, task::{Context, Waker}, thread, time::{Duration, Instant}};
/// use waterwheel::{sleep, time::Timers};
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
    system: SystemWaiters,
    /// How the number of the present process is told, and that of the process that these timers are of.
    process: OnceLock<(fn() -> u32, u32)>,
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
            SystemWaiters::new(Arc::new(Unwatched::new())),
        )
    }

    /// As [`new`](Timers::new), with a system clock that tells when it is set.
    ///
    /// [`sleep_until_system`](crate::sleep_until_system) and its kin go by it. Without one they look at the standard
    /// library's once a second, and do not know of time in which the machine was suspended.
    #[must_use]
    pub fn with_system_clock(unpark: Waker, system_clock: Arc<dyn SystemClock>) -> Self {
        Timers::by(unpark, clock::now(), None, SystemWaiters::new(system_clock))
    }

    /// As [`new`](Timers::new), by a clock that moves only when it is told to.
    ///
    /// What is polled where these are [entered](Timers::enter) takes all time from that clock.
    #[must_use]
    pub fn with_virtual_clock(unpark: Waker, clock: Arc<VirtualClock>) -> Arc<Self> {
        let system = SystemWaiters::new(Arc::clone(&clock) as _);
        let now = clock.nanos();
        let timers = Arc::new(Timers::by(unpark, now, Some(Arc::clone(&clock)), system));
        clock.drives(&timers);
        timers
    }

    fn by(
        unpark: Waker,
        now: u64,
        virtual_clock: Option<Arc<VirtualClock>>,
        system: SystemWaiters,
    ) -> Self {
        Timers {
            next: AtomicU64::new(NEVER),
            unpark,
            // Where it is to stand, as a wheel is large.
            state: Mutex::new(State {
                wheel: Wheel::at(now),
                elapsed: clock::to_instant(now),
                spent: Spent::new(),
                closed: false,
            }),
            virtual_clock,
            system,
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

    pub(crate) fn system(&self) -> &SystemWaiters {
        &self.system
    }

    /// The time of the clock that these timers go by.
    #[inline]
    fn clock_now(&self) -> u64 {
        match &self.virtual_clock {
            None => clock::now(),
            Some(clock) => clock.nanos(),
        }
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
        self.system.close();
    }

    /// The number of pending timers, among them those that will never be due. Asked on another thread than
    /// the owner's, it may count the timer that was dropped last there.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "`has_pending` reads better")]
    pub fn len(&self) -> usize {
        current::release();
        self.locked(|state| state.wheel.len())
    }

    /// Tells who waits for the system clock that it has been set, or that the machine was suspended. A [`SystemClock`] has
    /// the one who watches it call this, on any thread.
    pub fn system_clock_set(&self) {
        self.system.changed();
    }

    /// Whether any timer is pending, as counted by [`len`](Timers::len).
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.len() > 0
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("next_deadline", &self.earliest())
            .finish_non_exhaustive()
    }
}

impl Driven for Timers {
    fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline()
    }

    fn earliest(&self) -> Option<Instant> {
        self.earliest()
    }

    fn turn(&self) -> usize {
        self.turn()
    }

    fn system_clock_set(&self) {
        self.system_clock_set();
    }
}
