//! The state word of a task: the transitions of a [`Snapshot`], each as one atomic step.

use super::snapshot::{
    Completed, DropHandle, IsComplete, ONE_REFERENCE, Pend, Released, Shutdown, Snapshot, Start,
    Wake,
};
use crate::sync::{AtomicUsize, Ordering};

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

    /// The caller has `held` references, and gives them up, now or by [`release`](Self::release).
    #[inline]
    pub(crate) fn complete(&self, held: usize) -> Completed {
        let seen = self.load();
        if seen.references() == held {
            // Nobody else can look at the word any more (T8).
            return seen.complete(held).1;
        }
        self.apply(|word| word.complete(held))
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

    /// Gives `count` references up.
    #[inline]
    pub(crate) fn release(&self, count: usize) -> Released {
        if self.load().references() == count {
            // Nobody else has one, to do anything with (T8). The load has acquired what those did who had.
            return Released::Last;
        }
        // A subtraction, and no exchange: nothing but the count changes.
        let before = self.word.fetch_sub(count * ONE_REFERENCE, Ordering::AcqRel);
        Snapshot(before).release(count).1
    }
}
