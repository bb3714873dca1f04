//! What a thread knows of its timers: which ones are its own, and one entry that it keeps warm.
//!
//! # The kept entry
//!
//! A server that puts a timeout around each read drops one timer and files the next, for the same task and with nearly
//! the same deadline, in the same poll, for every message. So the timer that was cancelled last on a thread is not taken
//! out of the wheel at once: it is kept, and whoever files the next one for the same task, with a deadline that is not
//! earlier, takes the entry over as it stands. It fires at the old deadline, finds that it is not due, and is filed
//! anew, as after [`Sleep::reset`](crate::Sleep::reset). That saves taking a waker, filing and unfiling, for one poll more
//! when the old deadline comes.
//!
//! Invariants:
//! - What is kept is in the wheel of the timers that the thread has entered last, and belongs to no sleep.
//! - It is filed under the deadline of its last owner or an earlier one, as if that were not dropped. Another thread's
//!   turn may fire it, which polls the task once for nothing; then nobody takes it over: whether it is pending is decided
//!   under the lock of the timers.
//! - It is one entry a thread, and stays no longer than to the next turn or wait: [`release`] is called there, and when
//!   the thread enters or leaves timers. So cancelled timers do not pile up in the wheel (tokio#8252).
//! - The destructor of its waker is foreign code, and may use timers. It runs when nothing here is half done, and the
//!   entry is no longer kept. What it cancels may be kept in turn, but never beyond a [`release`].
//! - A panic in that destructor stays here: it concerns neither the task that displaces the entry nor the thread's turn.

use std::{
    cell::{Cell, RefCell},
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr,
    sync::Arc,
    task::Waker,
    time::Instant,
};

use waterwheel_poll_context::contain::contain_panic;

use super::Timers;
use crate::{clock::real_now, virtual_time::VirtualClock, wheel::Key};

thread_local! {
    /// Nothing in it needs a destructor, so access is one instruction, and works while a thread ends, too.
    /// The guard that has put something in takes it out; if it is leaked, so is that.
    static LOCAL: Local = const {
        Local {
            timers: RefCell::new(ManuallyDrop::new(None)),
            address: Cell::new(ptr::null()),
            is_virtual: Cell::new(false),
            kept_home: Cell::new(ManuallyDrop::new(None)),
            kept_key: Cell::new(None),
            kept_deadline: Cell::new(None),
        }
    };
}

struct Local {
    timers: RefCell<ManuallyDrop<Option<Arc<Timers>>>>,
    /// That of `timers`, to compare with.
    address: Cell<*const Timers>,
    /// Whether `timers` go by a virtual clock.
    is_virtual: Cell<bool>,
    /// The same as `timers` while an entry is kept; else `None`, and so is the key, and the deadline means nothing.
    kept_home: Cell<ManuallyDrop<Option<Arc<Timers>>>>,
    kept_key: Cell<Option<Key>>,
    /// What the last owner of the entry wanted, which may be later than what it is filed under.
    kept_deadline: Cell<Option<Instant>>,
}

/// The entry of a sleep, and the timers it is filed with.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) home: Arc<Timers>,
    pub(crate) key: Key,
}

/// Makes `timers` the thread's, and returns what was.
fn replace(timers: Option<Arc<Timers>>) -> Option<Arc<Timers>> {
    let previous = LOCAL.with(|local| {
        local
            .address
            .set(timers.as_ref().map_or(ptr::null(), Arc::as_ptr));
        let is_virtual = timers
            .as_ref()
            .is_some_and(|timers| timers.virtual_clock().is_some());
        local.is_virtual.set(is_virtual);
        let previous = local.timers.replace(ManuallyDrop::new(timers));
        ManuallyDrop::into_inner(previous)
    });
    // Only now: of what this cancels in the wheel that is left, nothing is kept.
    release();
    previous
}

/// The thread's timers, if it has entered any.
#[inline]
fn timers() -> Option<Arc<Timers>> {
    LOCAL.with(|local| Option::clone(&local.timers.borrow()))
}

/// The time by the clock of the thread's timers; without any, by the kernel's monotonic clock.
#[inline]
pub(crate) fn now() -> Instant {
    if LOCAL.with(|local| local.is_virtual.get()) {
        virtual_now()
    } else {
        real_now()
    }
}

#[cold]
fn virtual_now() -> Instant {
    virtual_clock().map_or_else(real_now, |clock| clock.now())
}

/// The virtual clock of the thread's timers, if they have one.
pub(crate) fn virtual_clock() -> Option<Arc<VirtualClock>> {
    timers()?.virtual_clock().cloned()
}

/// Whether the thread has entered `timers`.
#[inline]
pub(crate) fn is_current(timers: &Timers) -> bool {
    LOCAL.with(|local| ptr::eq(local.address.get(), timers))
}

/// Puts `home` in the place of the kept entry's, which makes the other fields that entry's or nobody's.
#[inline]
fn swap_home(home: Option<Arc<Timers>>) -> Option<Arc<Timers>> {
    let swapped = LOCAL.with(|local| local.kept_home.replace(ManuallyDrop::new(home)));
    ManuallyDrop::into_inner(swapped)
}

/// Cancels the entry of a sleep that is dropped; keeps it instead of the one kept so far, if it is in the wheel of
/// this thread.
#[inline]
pub(crate) fn cancel(registration: Registration, deadline: Instant) {
    if !is_current(&registration.home) {
        return take_out_at_once(registration);
    }
    let Registration { home, key } = registration;
    let displaced = LOCAL.with(|local| {
        local.kept_deadline.set(Some(deadline));
        local.kept_key.replace(Some(key))
    });
    if let Some(home) = swap_home(Some(home)) {
        take_out(home, displaced);
    }
}

/// The kept entry, if it wakes the same task and may serve for `deadline`.
#[inline(never)]
pub(crate) fn take_kept(deadline: Instant, waker: &Waker) -> Option<Registration> {
    let home = swap_home(None)?;
    debug_assert!(is_current(&home), "kept from timers that were left");
    let (key, kept_deadline) =
        LOCAL.with(|local| (local.kept_key.take(), local.kept_deadline.get()));
    let key = key?;
    // To compare wakers runs none of their code.
    if Some(deadline) >= kept_deadline && home.will_wake(&key, waker) {
        return Some(Registration { home, key });
    }
    LOCAL.with(|local| local.kept_key.set(Some(key)));
    swap_home(Some(home));
    None
}

/// Cancels the kept entry for good, and what is kept meanwhile because that drops another sleep.
#[inline]
pub(crate) fn release() {
    while let Some(home) = swap_home(None) {
        let key = LOCAL.with(|local| local.kept_key.take());
        // A child that `fork` has made inside a task has a copy of what its parent's thread kept, and leaves that alone when it enters timers
        // of its own.
        if !home.are_inherited() {
            take_out(home, key);
        }
    }
}

/// Cancels an entry that is not to be kept.
#[cold]
#[inline(never)]
pub(crate) fn take_out_at_once(registration: Registration) {
    let Registration { home, key } = registration;
    if !home.are_inherited() {
        contain_panic(|| home.cancel(key));
    }
}

/// Cancels an entry that was kept. The caller has asked whether the timers are inherited, or has entered them.
#[cold]
#[inline(never)]
fn take_out(home: Arc<Timers>, key: Option<Key>) {
    debug_assert!(key.is_some(), "a home is kept with the key of its entry");
    if let Some(key) = key {
        contain_panic(|| home.cancel(key));
    }
}

impl Timers {
    /// Makes these the current thread's timers, until the guard is dropped.
    ///
    /// Only the thread that waits for them may enter: what is filed by a thread that has entered unparks
    /// nobody. Guards nest, and are to be dropped in the reverse order.
    #[must_use = "the timers are current until the guard is dropped"]
    pub fn enter(self: &Arc<Self>) -> Enter {
        Enter {
            previous: replace(Some(Arc::clone(self))),
            _not_send: PhantomData,
        }
    }

    /// The timers of the current thread, if it has entered any.
    #[inline]
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        timers()
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
        let _left = replace(self.previous.take());
    }
}
