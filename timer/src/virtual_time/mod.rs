//! [`VirtualClock`]: a clock that moves only when it is told to, so that time can be tested without waiting.
//!
//! Invariants:
//! - The time does not go back: it is the greatest that the clock was ever moved to.
//! - The clock stops at every deadline on its way, of whichever of the timers that go by it, and wakes there who is due, so
//!   the order of wakes is that of the deadlines, then of the [`Timers`](crate::Timers), as they were made, then of insertion.
//! - Monotonic time knows nothing of the system clock: to set that, or to suspend, leaves every plain timer where it is.
//!
//! Lock order: each of the two locks is a leaf, and no user code runs under one.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    clock,
    clock::{SystemClock, SystemReading},
};

/// A clock that stands still until it is told to move: monotonic time, and a system clock beside it.
///
/// It begins at the time at which it is made. [`Timers`](crate::Timers) that are made [with it](crate::Timers::with_virtual_clock) go by it. A
/// runtime that is built with `paused_time` has one, and moves it on when all its tasks wait; this type is for loops of
/// one's own.
///
/// ```
/// use std::{pin::pin, sync::Arc, task::{Context, Waker}, time::Duration};
/// use waterwheel::{sleep, time::{Timers, VirtualClock, now}};
///
/// let clock = Arc::new(VirtualClock::new());
/// let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
/// let _enter = timers.enter();
///
/// let start = now();
/// let year = Duration::from_secs(365 * 24 * 60 * 60);
/// let mut sleep = pin!(sleep(year));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(sleep.as_mut().poll(&mut cx).is_pending());
/// assert_eq!(clock.advance_to_next(None), 1);
/// assert!(sleep.as_mut().poll(&mut cx).is_ready());
/// assert_eq!(now(), start + year);
/// ```
#[derive(Debug)]
pub struct VirtualClock {
    /// In the nanoseconds of the crate's clock.
    now: AtomicU64,
    /// What it showed first.
    start: u64,
    offsets: Mutex<Offsets>,
    /// The timers that go by this clock, in the order in which they were made.
    timers: Mutex<Vec<Weak<dyn Driven>>>,
}

/// Timers that go by a virtual clock, which the clock turns.
pub(crate) trait Driven: Send + Sync + 'static {
    /// When they are to be turned next.
    fn next_deadline(&self) -> Option<Instant>;

    /// The same, and what the thread keeps stays kept.
    fn earliest(&self) -> Option<Instant>;

    /// Wakes all that are due, and returns how many they were.
    fn turn(&self) -> usize;

    /// Tells those that wait for the system clock that it has been set.
    fn system_clock_set(&self);
}

/// Where it stops for good: just before *never*, which so stays what it is.
const END: u64 = clock::NEVER - 1;

/// What the other clocks are ahead of the monotonic one, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Offsets {
    /// Time since 1970, negative before.
    system: i128,
    suspended: Duration,
}

impl VirtualClock {
    /// A clock that stands at the present: that of the system's monotonic clock, and of its system clock.
    #[must_use]
    pub fn new() -> Self {
        let now = clock::now();
        VirtualClock {
            now: AtomicU64::new(now),
            start: now,
            offsets: Mutex::new(Offsets {
                system: since_epoch(clock::real_system_now()) - i128::from(now),
                suspended: Duration::ZERO,
            }),
            timers: Mutex::new(Vec::new()),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        clock::to_instant(self.nanos())
    }

    /// The last time that it can show, more than four centuries from now.
    #[must_use]
    pub fn end(&self) -> Instant {
        clock::to_instant(END)
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn nanos(&self) -> u64 {
        // Acquire: who reads the new time has seen what made the clock move.
        self.now.load(Ordering::Acquire)
    }

    /// What the system clock shows.
    #[must_use]
    pub fn system_now(&self) -> SystemTime {
        self.read().system
    }

    /// The earliest deadline of all the timers that go by this clock; exact or too early, as
    /// [`Timers::next_deadline`](crate::Timers::next_deadline) is.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let timers = self.driven();
        timers
            .iter()
            .filter_map(|timers| timers.next_deadline())
            .min()
    }

    /// Moves on to the next deadline at which a timer is due, but not beyond `limit`, and wakes who is due there. Returns
    /// how many these were.
    ///
    /// 0: no timer is due up to `limit`, and the clock stands there; or, without a limit, no timer will ever be due,
    /// and the clock has not moved.
    pub fn advance_to_next(&self, limit: Option<Instant>) -> usize {
        loop {
            let next = self.next_deadline();
            match (next, limit) {
                (Some(next), _) if limit.is_none_or(|limit| next <= limit) => {
                    self.move_to(next);
                    let woken = self.turn();
                    // The deadline may have been that of a timer that is gone.
                    if woken > 0 {
                        return woken;
                    }
                }
                (_, limit) => {
                    limit.inspect(|limit| self.move_to(*limit));
                    return 0;
                }
            }
        }
    }

    /// Moves on to the next deadline, and wakes nobody: that is left to a [`turn`](Self::turn). Returns whether there is a
    /// deadline.
    ///
    /// It runs no code of others, so a lock may be held that keeps everybody from running until the clock has moved.
    pub fn jump_to_next(&self) -> bool {
        let timers = self.driven();
        let next = timers.iter().filter_map(|timers| timers.earliest()).min();
        next.inspect(|next| self.move_to(*next)).is_some()
    }

    /// Wakes who is due at the present, and returns how many these were.
    pub fn turn(&self) -> usize {
        self.driven().iter().map(|timers| timers.turn()).sum()
    }

    /// Moves on by `delay`, stops at every deadline on the way, and wakes there who is due. Returns how many these were.
    ///
    /// Nobody is polled meanwhile. In a paused runtime, `time::advance` lets tasks run at each stop.
    pub fn advance(&self, delay: Duration) -> usize {
        let limit = crate::clock::far::after(self.now(), delay);
        let mut woken = 0;
        loop {
            match self.advance_to_next(Some(limit)) {
                0 => return woken,
                more => woken += more,
            }
        }
    }

    /// Sets the system clock, forwards or backwards, and tells who waits for it. Monotonic time does not move.
    pub fn set_system_time(&self, time: SystemTime) {
        {
            let mut offsets = self.lock_offsets();
            offsets.system = since_epoch(time) - i128::from(self.nanos());
        }
        self.system_clock_set();
    }

    /// What the clocks do when the machine is suspended for so long: the system clock and the time since boot go on,
    /// monotonic time does not. Tells who waits for these.
    pub fn suspend(&self, time: Duration) {
        {
            let mut offsets = self.lock_offsets();
            offsets.system += time.as_nanos() as i128;
            offsets.suspended = offsets.suspended.saturating_add(time);
        }
        self.system_clock_set();
    }

    /// From here on these timers go by this clock.
    pub(crate) fn drives(&self, timers: &Arc<impl Driven>) {
        let mut driven = lock(&self.timers);
        driven.retain(|timers| timers.strong_count() > 0);
        let timers = Arc::downgrade(timers);
        driven.push(timers);
    }

    fn driven(&self) -> Vec<Arc<dyn Driven>> {
        lock(&self.timers)
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    fn move_to(&self, instant: Instant) {
        let nanos = clock::from_instant(instant).min(END);
        self.now.fetch_max(nanos, Ordering::AcqRel);
    }

    fn system_clock_set(&self) {
        for timers in self.driven() {
            timers.system_clock_set();
        }
    }

    fn lock_offsets(&self) -> MutexGuard<'_, Offsets> {
        lock(&self.offsets)
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        VirtualClock::new()
    }
}

impl SystemClock for VirtualClock {
    fn read(&self) -> SystemReading {
        let offsets = *self.lock_offsets();
        let now = self.nanos();
        SystemReading {
            system: at_epoch_plus(i128::from(now) + offsets.system),
            boottime: Duration::from_nanos(now).saturating_add(offsets.suspended),
            uncertainty: Duration::ZERO,
        }
    }

    /// Nothing to do: the clock knows its timers.
    fn watch(&self, _changed: Waker) -> bool {
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Nanoseconds since 1970, negative before.
fn since_epoch(time: SystemTime) -> i128 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

/// The inverse; what is too early or late for a `SystemTime` is the first that there is, or the last.
fn at_epoch_plus(nanos: i128) -> SystemTime {
    let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND));
    let whole = match seconds {
        Ok(seconds) if seconds >= 0 => {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.unsigned_abs()))
        }
        Ok(seconds) => {
            SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs()))
        }
        Err(_) => None,
    };
    let part = nanos.rem_euclid(NANOS_PER_SECOND);
    match whole {
        Some(whole) => whole + Duration::from_nanos_u128(part.unsigned_abs()),
        None if nanos < 0 => SystemTime::UNIX_EPOCH - Duration::from_secs(i64::MIN.unsigned_abs()),
        None => SystemTime::UNIX_EPOCH + Duration::new(i64::MAX.unsigned_abs(), 999_999_999),
    }
}
