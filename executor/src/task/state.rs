//! The state word of a task: six bits and a count of references, and every transition between them.
//!
//! [`Snapshot`] is pure: each transition is a function from a snapshot to the next one and an outcome that the caller
//! must act on. [`State`] applies them to the atomic word. The rules T1–T7 are in the [module above](super).

use crate::sync::{AtomicUsize, Ordering};
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
const ONE_REFERENCE: usize = 1 << 6;

/// A value of the state word.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Snapshot(usize);

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
    /// Not complete: the join waker is the caller's to drop, if there is one; the output will be the completer's.
    WakerIsOurs,
    /// Complete: the output is the caller's to drop, if it has not been taken; the waker is not.
    OutputIsOurs,
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

    /// The output is in the stage. NOTIFIED stays as it is: if the task was queued when it was shut down, it still is.
    #[inline]
    pub(crate) fn complete(self) -> (Self, Completed) {
        debug_assert!(self.is(RUNNING) && !self.is(COMPLETE), "{self:?} completes");
        let completed = Completed {
            output_is_wanted: self.is(JOIN_INTEREST),
            has_join_waker: self.is(JOIN_WAKER),
        };
        (self.without(RUNNING).with(COMPLETE), completed)
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

    /// The join handle is dropped. Its reference is released after this, by itself.
    #[inline]
    pub(crate) fn drop_handle(self) -> (Self, DropHandle) {
        debug_assert!(self.is(JOIN_INTEREST), "{self:?} has no handle");
        if self.is(COMPLETE) {
            (self.without(JOIN_INTEREST), DropHandle::OutputIsOurs)
        } else {
            (
                self.without(JOIN_INTEREST | JOIN_WAKER),
                DropHandle::WakerIsOurs,
            )
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

/// The word, and its transitions as atomic steps.
pub(crate) struct State {
    word: AtomicUsize,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicUsize::new(Snapshot::SPAWNED.0),
        }
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.word.load(Ordering::Acquire))
    }

    /// Applies a transition. It writes even what does not change, so that every wake publishes (T3); AcqRel, as
    /// RUNNING is a lock (T1) and the last reference must see what the others did.
    #[inline]
    fn apply<T>(&self, transition: impl Fn(Snapshot) -> (Snapshot, T)) -> T {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let (next, outcome) = transition(Snapshot(word));
            match self
                .word
                .compare_exchange_weak(word, next.0, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return outcome,
                Err(now) => word = now,
            }
        }
    }

    /// Applies a transition that a complete task refuses; then its output is visible to the caller.
    fn try_apply(
        &self,
        transition: impl Fn(Snapshot) -> Result<Snapshot, IsComplete>,
    ) -> Result<(), IsComplete> {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let next = transition(Snapshot(word))?;
            match self
                .word
                .compare_exchange_weak(word, next.0, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    #[inline]
    pub(crate) fn start(&self) -> Start {
        self.apply(Snapshot::start)
    }

    #[inline]
    pub(crate) fn pend(&self) -> Pend {
        self.apply(Snapshot::pend)
    }

    #[inline]
    pub(crate) fn complete(&self) -> Completed {
        self.apply(Snapshot::complete)
    }

    #[inline]
    pub(crate) fn wake(&self) -> Wake {
        self.apply(Snapshot::wake)
    }

    #[inline]
    pub(crate) fn wake_by_ref(&self) -> Wake {
        self.apply(Snapshot::wake_by_ref)
    }

    pub(crate) fn abort(&self) -> Wake {
        self.apply(Snapshot::abort)
    }

    pub(crate) fn shutdown(&self) -> Shutdown {
        self.apply(Snapshot::shutdown)
    }

    pub(crate) fn offer_join_waker(&self) -> Result<(), IsComplete> {
        self.try_apply(Snapshot::offer_join_waker)
    }

    pub(crate) fn withdraw_join_waker(&self) -> Result<(), IsComplete> {
        self.try_apply(Snapshot::withdraw_join_waker)
    }

    #[inline]
    pub(crate) fn drop_handle(&self) -> DropHandle {
        self.apply(Snapshot::drop_handle)
    }

    /// One more reference, made from one that the caller has.
    #[inline]
    pub(crate) fn reference(&self) {
        // Relaxed: the new reference reaches another thread only by a way that synchronizes by itself.
        let before = self.word.fetch_add(ONE_REFERENCE, Ordering::Relaxed);
        if before > isize::MAX.cast_unsigned() {
            // Leaked wakers by the quintillion: the count would wrap, and free what is in use.
            std::process::abort();
        }
    }

    #[inline]
    pub(crate) fn release(&self, count: usize) -> Released {
        // A subtraction, and no exchange: nothing but the count changes.
        let before = self.word.fetch_sub(count * ONE_REFERENCE, Ordering::AcqRel);
        Snapshot(before).release(count).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashSet, VecDeque};

    /// A task and its surroundings, as far as the protocol can tell: the word, and where references are.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct World {
        word: Snapshot,
        /// The future is there / the output is there.
        future: bool,
        output: bool,
        /// Who holds references.
        listed: bool,
        queued: u8,
        handle: bool,
        wakers: u8,
        /// The runner's position.
        runner: Runner,
        /// The one who shuts down has claimed the stage (with the list's reference).
        claimed: bool,
        /// The field of the join waker is occupied.
        join_waker: bool,
        freed: bool,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Runner {
        None,
        Polling,
        /// To drop the future and complete.
        Cancelling,
    }

    const MOST_WAKERS: u8 = 4;

    impl World {
        fn spawned() -> Self {
            Self {
                word: Snapshot::SPAWNED,
                future: true,
                output: false,
                listed: true,
                queued: 1,
                handle: true,
                wakers: 0,
                runner: Runner::None,
                claimed: false,
                join_waker: false,
                freed: false,
            }
        }

        fn holders(&self) -> usize {
            usize::from(self.listed)
                + usize::from(self.queued)
                + usize::from(self.handle)
                + usize::from(self.wakers)
                + usize::from(self.runner != Runner::None)
        }

        /// What must hold in every world that can be reached.
        fn check(&self) {
            if self.freed {
                assert_eq!(self.holders(), 0, "{self:?}");
                assert!(
                    !self.future && !self.output && !self.join_waker,
                    "leak: {self:?}"
                );
                return;
            }
            assert_eq!(self.word.references(), self.holders(), "{self:?}");
            assert_ne!(self.holders(), 0, "leak: {self:?}");
            assert!(self.queued <= 1, "queued twice: {self:?}");
            let running = self.runner != Runner::None || self.claimed;
            assert_eq!(self.word.is(RUNNING), running, "{self:?}");
            assert!(
                !(self.runner != Runner::None && self.claimed),
                "two owners: {self:?}"
            );
            if self.word.is(NOTIFIED) && !self.word.is(COMPLETE) {
                assert!(self.queued == 1 || running, "T2: {self:?}");
            }
            assert_eq!(self.future, !self.word.is(COMPLETE), "{self:?}");
            assert_eq!(self.listed, !self.word.is(COMPLETE), "{self:?}");
            if self.word.is(JOIN_WAKER) && !self.word.is(COMPLETE) {
                assert!(self.join_waker && self.handle, "T5: {self:?}");
            }
        }

        fn free(mut self, released: Released) -> Self {
            if released == Released::Last {
                assert!(!self.freed, "freed twice");
                self.freed = true;
            }
            self
        }

        /// Drop the future, store the output, complete, and release what the completer holds.
        fn finish(mut self, references: usize) -> Self {
            assert!(self.future, "dropped twice: {self:?}");
            self.future = false;
            let (word, completed) = self.word.complete();
            self.word = word;
            self.output = completed.output_is_wanted;
            if completed.has_join_waker {
                assert!(self.join_waker, "T5: {self:?}");
                self.join_waker = false;
            }
            self.listed = false;
            self.runner = Runner::None;
            self.claimed = false;
            let (word, released) = self.word.release(references);
            self.word = word;
            self.free(released)
        }

        fn submit(mut self, wake: Wake) -> Self {
            match wake {
                Wake::Submit => {
                    self.queued += 1;
                    self
                }
                Wake::Done(released) => self.free(released),
            }
        }

        /// Every world that one step leads to.
        fn steps(self) -> Vec<Self> {
            if self.freed {
                return Vec::new();
            }
            let mut next = Vec::new();
            if self.queued > 0 && self.runner == Runner::None {
                let mut world = self;
                let (word, start) = self.word.start();
                world.word = word;
                world.queued -= 1;
                next.push(match start {
                    Start::Poll => World {
                        runner: Runner::Polling,
                        ..world
                    },
                    Start::Cancel => World {
                        runner: Runner::Cancelling,
                        ..world
                    },
                    Start::Stale(released) => world.free(released),
                });
            }
            if self.runner == Runner::Polling {
                let (word, pend) = self.word.pend();
                let world = World { word, ..self };
                next.push(match pend {
                    Pend::Idle => World {
                        runner: Runner::None,
                        ..world
                    },
                    Pend::Requeue => World {
                        runner: Runner::None,
                        queued: world.queued + 1,
                        ..world
                    },
                    Pend::Cancel => World {
                        runner: Runner::Cancelling,
                        ..world
                    },
                });
                if self.wakers < MOST_WAKERS {
                    let word = self.word.referenced();
                    next.push(World {
                        word,
                        wakers: self.wakers + 1,
                        ..self
                    });
                }
            }
            if self.runner != Runner::None {
                next.push(self.finish(2));
            }
            if self.listed && !self.claimed {
                let (word, shutdown) = self.word.shutdown();
                let claimed = shutdown == Shutdown::Claimed;
                next.push(World {
                    word,
                    claimed,
                    ..self
                });
            }
            if self.claimed {
                next.push(self.finish(1));
            }
            if self.wakers > 0 {
                let (word, wake) = self.word.wake();
                next.push(
                    World {
                        word,
                        wakers: self.wakers - 1,
                        ..self
                    }
                    .submit(wake),
                );
                let (word, wake) = self.word.wake_by_ref();
                next.push(World { word, ..self }.submit(wake));
                let (word, released) = self.word.release(1);
                next.push(
                    World {
                        word,
                        wakers: self.wakers - 1,
                        ..self
                    }
                    .free(released),
                );
            }
            if self.handle {
                let (word, wake) = self.word.abort();
                next.push(World { word, ..self }.submit(wake));
                next.extend(self.handle_steps());
            }
            next
        }

        fn handle_steps(self) -> Vec<Self> {
            let mut next = Vec::new();
            if self.word.is_complete() {
                next.push(World {
                    output: false,
                    ..self
                });
            } else if self.word.has_join_waker() {
                // And take it out of the field.
                let word = self.word.withdraw_join_waker().expect("not complete");
                next.push(World {
                    word,
                    join_waker: false,
                    ..self
                });
            } else {
                let word = self.word.offer_join_waker().expect("not complete");
                next.push(World {
                    word,
                    join_waker: true,
                    ..self
                });
            }
            let (word, dropped) = self.word.drop_handle();
            let mut world = World { word, ..self };
            match dropped {
                DropHandle::WakerIsOurs => world.join_waker = false,
                DropHandle::OutputIsOurs => world.output = false,
            }
            let (word, released) = world.word.release(1);
            next.push(
                World {
                    word,
                    handle: false,
                    ..world
                }
                .free(released),
            );
            next
        }
    }

    /// Every interleaving of runner, shutdown, four wakers and the join handle: the future is dropped once, the output has
    /// one owner, woken means queued or running, and memory goes with the last reference. A world in
    /// which nothing can happen is a freed one, so no task is stuck.
    #[test]
    fn every_reachable_world_keeps_the_rules() {
        let mut seen = HashSet::new();
        let mut queue = VecDeque::from([World::spawned()]);
        let mut freed = 0;
        while let Some(world) = queue.pop_front() {
            if !seen.insert(world) {
                continue;
            }
            world.check();
            let next = world.steps();
            assert!(world.freed || !next.is_empty(), "stuck: {world:?}");
            freed += usize::from(world.freed);
            queue.extend(next);
        }
        assert!(freed > 0);
        assert!(
            seen.len() > 300,
            "the model explored only {} worlds",
            seen.len()
        );
    }

    /// Pitfall: a coalesced wake lacks its release (tokio#7622). Nothing changes, and yet the word is written: that this
    /// publishes, `tests/loom_state.rs` shows.
    #[test]
    fn a_wake_of_a_notified_task_changes_no_bit() {
        let (word, wake) = Snapshot::SPAWNED.wake_by_ref();
        assert_eq!(
            (word, wake),
            (Snapshot::SPAWNED, Wake::Done(Released::NotLast))
        );
    }

    #[test]
    fn a_snapshot_prints_what_it_is() {
        let printed = format!("{:?}", Snapshot::SPAWNED);
        assert_eq!(printed, "notified, join interest, 3 references");
    }
}
