//! The value of a task's state word: six bits and a count of references, and every transition between them.
//!
//! All of it is pure: each transition is a function from a [`Snapshot`] to the next one and an outcome that the caller
//! must act on. [`State`](super::state::State) applies them to the atomic word. The rules T1–T7 are in the
//! [module above](super).

use std::fmt;

/// Somebody has the stage to themselves (T1): the worker that polls it, or the one that shuts it down.
const RUNNING: usize = 1 << 0;
/// It is in a queue, or, together with RUNNING, will be when the poll pends (T2). Set by wakers and `abort`,
/// cleared by `start`.
const NOTIFIED: usize = 1 << 1;
/// It is over: the stage has the output, and belongs to whom T4 says. Set once, and stays.
const COMPLETE: usize = 1 << 2;
/// It is to be dropped instead of polled. Set by `abort` and `shutdown`, and stays.
const CANCELLED: usize = 1 << 3;
/// The join handle is there. Cleared once, when that is dropped.
const JOIN_INTEREST: usize = 1 << 4;
/// The join handle has left a waker (T5). Set and cleared by the handle, while the task is not complete.
const JOIN_WAKER: usize = 1 << 5;
/// The rest of the word counts references.
pub(super) const ONE_REFERENCE: usize = 1 << 6;

/// A value of the state word.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Snapshot(pub(super) usize);

/// Of [`Snapshot::start`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The stage is the caller's: poll the future.
    Poll,
    /// The stage is the caller's: drop the future, and complete.
    Cancel,
    /// Somebody else ended it or is about to. The caller's reference is gone.
    Stale(Released),
}

/// Of [`Snapshot::pend`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pend {
    /// Nobody has woken it. The caller's reference is gone.
    Idle,
    /// Woken meanwhile: queue it, with the caller's reference.
    Requeue,
    /// Cancelled meanwhile: the stage is still the caller's; drop the future, and complete.
    Cancel,
}

/// Of [`Snapshot::complete`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completed {
    /// The join handle owns the output (T4); else the caller, who drops it.
    pub(crate) output_is_wanted: bool,
    /// The join waker is the caller's, to take and wake (T5).
    pub(crate) has_join_waker: bool,
    /// Nothing is left for the caller to do, and its references are gone; else it has them still.
    pub(crate) released: bool,
}

/// Of [`Snapshot::wake`], [`Snapshot::wake_by_ref`] and [`Snapshot::abort`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The caller owes the queue this task, and has a reference to give with it (T2).
    Submit,
    /// Nothing more to do. If the call consumed a reference, it is gone.
    Done(Released),
}

/// Of [`Snapshot::shutdown`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// The stage is the caller's: drop the future, and complete.
    Claimed,
    /// It is complete, or whoever runs it will see that it is cancelled.
    Left,
}

/// Of [`Snapshot::drop_handle`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropHandle {
    /// Not complete: the join waker is the caller's to drop, before its reference; the output will be the completer's.
    WakerIsOurs,
    /// Complete: the output is the caller's to drop, if it has not been taken, before its reference; the waker is not.
    OutputIsOurs,
    /// Not complete, and there is no join waker. The caller's reference is gone.
    Gone,
}

/// Whether a released reference was the last.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// Free the task.
    Last,
    /// Others hold it, or none was released.
    NotLast,
}

/// The task is complete, so the join waker must not be changed: take the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IsComplete;

impl Snapshot {
    /// A task as it is spawned: queued, awaited, and held by the list, the queue and the join handle.
    pub(crate) const SPAWNED: Self = Self(NOTIFIED | JOIN_INTEREST | (3 * ONE_REFERENCE));

    #[inline]
    const fn is(self, bits: usize) -> bool {
        self.0 & bits != 0
    }

    #[inline]
    const fn with(self, bits: usize) -> Self {
        Self(self.0 | bits)
    }

    #[inline]
    const fn without(self, bits: usize) -> Self {
        Self(self.0 & !bits)
    }

    #[inline]
    pub(crate) const fn references(self) -> usize {
        self.0 / ONE_REFERENCE
    }

    #[inline]
    pub(crate) const fn is_complete(self) -> bool {
        self.is(COMPLETE)
    }

    #[inline]
    pub(crate) const fn has_join_waker(self) -> bool {
        self.is(JOIN_WAKER)
    }

    #[inline]
    fn referenced(self) -> Self {
        Self(self.0 + ONE_REFERENCE)
    }

    /// Gives `count` references up.
    #[inline]
    pub(crate) fn release(self, count: usize) -> (Self, Released) {
        debug_assert!(
            self.references() >= count,
            "{self:?} released {count} times"
        );
        let next = Self(self.0 - count * ONE_REFERENCE);
        let released = if next.references() == 0 {
            Released::Last
        } else {
            Released::NotLast
        };
        (next, released)
    }

    /// A worker has taken it from a queue.
    #[inline]
    pub(crate) fn start(self) -> (Self, Start) {
        debug_assert!(self.is(NOTIFIED), "{self:?} was queued and not notified");
        let next = self.without(NOTIFIED);
        if self.is(RUNNING | COMPLETE) {
            let (next, released) = next.release(1);
            (next, Start::Stale(released))
        } else if self.is(CANCELLED) {
            (next.with(RUNNING), Start::Cancel)
        } else {
            (next.with(RUNNING), Start::Poll)
        }
    }

    /// The poll has returned `Pending`.
    #[inline]
    pub(crate) fn pend(self) -> (Self, Pend) {
        debug_assert!(self.is(RUNNING) && !self.is(COMPLETE), "{self:?} pends");
        if self.is(CANCELLED) {
            (self, Pend::Cancel)
        } else if self.is(NOTIFIED) {
            (self.without(RUNNING), Pend::Requeue)
        } else {
            let (next, released) = self.without(RUNNING).release(1);
            debug_assert!(released == Released::NotLast, "the list holds a live task");
            (next, Pend::Idle)
        }
    }

    /// The output is in the stage, and the caller has `held` references to give up. NOTIFIED stays as it is: if the task was
    /// queued when it was shut down, it still is.
    #[inline]
    pub(crate) fn complete(self, held: usize) -> (Self, Completed) {
        debug_assert!(self.is(RUNNING) && !self.is(COMPLETE), "{self:?} completes");
        let next = self.without(RUNNING).with(COMPLETE);
        let output_is_wanted = self.is(JOIN_INTEREST);
        let has_join_waker = self.is(JOIN_WAKER);
        // Whoever wants the output has a reference, and finds it there.
        let released = output_is_wanted && !has_join_waker;
        let next = if released { next.release(held).0 } else { next };
        let completed = Completed {
            output_is_wanted,
            has_join_waker,
            released,
        };
        (next, completed)
    }

    /// A waker is consumed.
    #[inline]
    pub(crate) fn wake(self) -> (Self, Wake) {
        if self.is(RUNNING | NOTIFIED | COMPLETE) {
            let (next, released) = self.notified_unless_complete().release(1);
            (next, Wake::Done(released))
        } else {
            (self.with(NOTIFIED), Wake::Submit)
        }
    }

    /// A waker is used, and stays.
    #[inline]
    pub(crate) fn wake_by_ref(self) -> (Self, Wake) {
        if self.is(RUNNING | NOTIFIED | COMPLETE) {
            let next = self.notified_unless_complete();
            (next, Wake::Done(Released::NotLast))
        } else {
            (self.with(NOTIFIED).referenced(), Wake::Submit)
        }
    }

    #[inline]
    fn notified_unless_complete(self) -> Self {
        if self.is(COMPLETE) {
            self
        } else {
            self.with(NOTIFIED)
        }
    }

    /// Somebody wants it dropped; a worker of its runtime will do it (T6).
    pub(crate) fn abort(self) -> (Self, Wake) {
        if self.is(COMPLETE) {
            (self, Wake::Done(Released::NotLast))
        } else if self.is(RUNNING | NOTIFIED) {
            (self.with(CANCELLED), Wake::Done(Released::NotLast))
        } else {
            (self.with(CANCELLED | NOTIFIED).referenced(), Wake::Submit)
        }
    }

    /// Its runtime ends, and drops it on this thread.
    pub(crate) fn shutdown(self) -> (Self, Shutdown) {
        if self.is(COMPLETE) {
            (self, Shutdown::Left)
        } else if self.is(RUNNING) {
            (self.with(CANCELLED), Shutdown::Left)
        } else {
            (self.with(CANCELLED | RUNNING), Shutdown::Claimed)
        }
    }

    /// The join handle has written its waker, and leaves it to the completer.
    pub(crate) fn offer_join_waker(self) -> Result<Self, IsComplete> {
        debug_assert!(self.is(JOIN_INTEREST) && !self.is(JOIN_WAKER), "{self:?}");
        if self.is(COMPLETE) {
            Err(IsComplete)
        } else {
            Ok(self.with(JOIN_WAKER))
        }
    }

    /// The join handle wants its waker back, to change it.
    pub(crate) fn withdraw_join_waker(self) -> Result<Self, IsComplete> {
        debug_assert!(self.is(JOIN_INTEREST) && self.is(JOIN_WAKER), "{self:?}");
        if self.is(COMPLETE) {
            Err(IsComplete)
        } else {
            Ok(self.without(JOIN_WAKER))
        }
    }

    /// The join handle is dropped.
    #[inline]
    pub(crate) fn drop_handle(self) -> (Self, DropHandle) {
        debug_assert!(self.is(JOIN_INTEREST), "{self:?} has no handle");
        let next = self.without(JOIN_INTEREST);
        if self.is(COMPLETE) {
            (next, DropHandle::OutputIsOurs)
        } else if self.is(JOIN_WAKER) {
            (next.without(JOIN_WAKER), DropHandle::WakerIsOurs)
        } else {
            let (next, released) = next.release(1);
            debug_assert!(released == Released::NotLast, "the list holds a live task");
            (next, DropHandle::Gone)
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (RUNNING, "running"),
            (NOTIFIED, "notified"),
            (COMPLETE, "complete"),
            (CANCELLED, "cancelled"),
            (JOIN_INTEREST, "join interest"),
            (JOIN_WAKER, "join waker"),
        ];
        for (_, name) in names.iter().filter(|(bit, _)| self.is(*bit)) {
            write!(f, "{name}, ")?;
        }
        write!(f, "{} references", self.references())
    }
}

#[cfg(all(test, not(loom)))]
#[path = "snapshot/tests.rs"]
mod tests;
