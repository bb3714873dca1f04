//! [`State`]: which thread has which place in a runtime, as pure data. [`Threads`](super::Threads) keeps it under a lock, and does what it says.
//!
//! A runtime of N workers has N − 1 threads that each have a worker's place for good, and a *spare* thread. The first place changes hands: a
//! thread in `block_on` has it, or the spare does, so that what was spawned goes on when `block_on` has returned.
//!
//! ```text
//!              claim                  leave, and work is found
//!   Vacant ────────────► Claimed ──────────────────────────────► Spare
//!     ▲  │                  │                                     │  ▲
//!     │  │                  │ leave, and nothing is left to do     │  │
//!     │  └── occupy ────────┼──────────────────────────────────────┼──┘
//!     └─────────────────────┴──────────────────────────────────────┘
//!                                          leave, for a claim that waits
//!
//!   any of them ── the runtime has ended: `end_first`, once ──► Closed
//! ```
//!
//! Events are methods; what a caller has to do next is their outcome.
//!
//! # Invariants
//!
//! - *One holder.* In `Claimed` one thread in `block_on` has the first place; in `Spare` the spare thread has it, or is on its way. Nobody else
//!   touches what is the worker's.
//! - *Closed once.* Whatever is left in the first place is thrown away by one thread, after its last holder has left: by the holder itself, if
//!   the runtime ends while it is there; else by the thread that ends the runtime. [`State::end_first`] decides it, and nothing else does.
//! - *Nobody is missed.* Between [`leave`](State::leave) with the outcome [`Left::Vacated`] and the end of the leaver's look for work, a
//!   thread that spawns finds the place vacant. See [`Vacancy`](super::vacancy::Vacancy).
//!
//! The tests here explore every order in which threads can come, leave, spawn and end the runtime.

use crate::shrink;

/// Which thread has the first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum First {
    Vacant,
    /// A thread in `block_on`.
    Claimed,
    /// The spare thread, which is there or on its way.
    Spare,
    /// None, any more: the runtime has ended, and one thread has been told to throw away what is left.
    Closed,
}

/// What becomes of a thread that wants the first place for `block_on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Claim {
    /// It has the place.
    Taken,
    /// The spare has it, and leaves it if it can. The thread waits, and then calls [`State::claim_after_wait`].
    Wait,
    /// It does not get it.
    Refused,
}

/// What a thread does that has left a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Left {
    /// Nothing: the place is still its own, or was not the first.
    Kept,
    /// The place is vacant. The thread publishes that, then looks for work, and if there is some calls [`State::occupy`]. With `wanted`, a
    /// claim waits for the place: it does not look.
    Vacated { wanted: bool },
    /// It throws away what is left in the place that it has left.
    Close,
}

/// What the spare thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum SpareDoes {
    Wait,
    /// It takes the first place.
    Work,
    /// It ends. With `closes`, it throws away what is left in the first place before.
    End {
        closes: bool,
    },
}

/// What is left to the thread that ends a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) struct End {
    /// It throws away what is left in the first place.
    pub(super) closes_first: bool,
    /// All threads have ended, so that it can join them without waiting.
    pub(super) all_have_ended: bool,
}

/// `M` identifies the tasks that are pinned to a thread.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State<M> {
    first: First,
    /// The threads that have a place, or have yet to come to their own, and have not ended what is pinned to them.
    present: Vec<M>,
    /// How many threads of the runtime have not ended.
    running: usize,
    /// How many claims wait for the spare to leave the first place.
    waiting: usize,
    closing: bool,
}

impl<M: Clone + PartialEq> State<M> {
    /// A runtime without threads. With `claimed`, the caller has the first place. `present` are the threads of the other places, which
    /// have yet to come.
    pub(super) fn new(claimed: bool, present: Vec<M>) -> Self {
        Self {
            first: if claimed {
                First::Claimed
            } else {
                First::Vacant
            },
            present,
            running: 0,
            waiting: 0,
            closing: false,
        }
    }

    pub(super) fn first(&self) -> First {
        self.first
    }

    pub(super) fn present(&self) -> &[M] {
        &self.present
    }

    /// Whether a claim waits for the spare to leave.
    pub(super) fn is_spare_wanted(&self) -> bool {
        self.waiting > 0
    }

    /// A thread has been started.
    pub(super) fn thread_started(&mut self) {
        self.running += 1;
    }

    /// A thread of the runtime has ended, or is as good as that.
    pub(super) fn thread_ended(&mut self) {
        self.running -= 1;
    }

    /// A thread takes a place, or comes as a guest. `false`: the runtime is ending, and what is pinned to that thread must be refused.
    #[must_use]
    pub(super) fn come(&mut self, member: &M) -> bool {
        if !self.closing && !self.present.contains(member) {
            self.present.push(member.clone());
        }
        !self.closing
    }

    /// A thread has ended what is pinned to it.
    pub(super) fn cleared(&mut self, member: &M) {
        self.present.retain(|other| other != member);
        shrink::vec(&mut self.present);
    }

    /// A thread has left the first place, or, if not `is_first`, another one of the runtime's.
    pub(super) fn leave(&mut self, member: &M, is_first: bool) -> Left {
        self.cleared(member);
        if self.closing {
            let holder = self.first;
            let closes = !is_first || self.end_first(holder);
            return if closes { Left::Close } else { Left::Kept };
        }
        if !is_first || (self.first == First::Spare && self.waiting == 0) {
            return Left::Kept;
        }
        let wanted = self.first == First::Spare;
        self.first = First::Vacant;
        Left::Vacated { wanted }
    }

    /// There is something to do in the first place. `true`: it was vacant, and the spare is sent there.
    #[must_use]
    pub(super) fn occupy(&mut self) -> bool {
        let sends = self.first == First::Vacant && !self.closing;
        if sends {
            self.first = First::Spare;
        }
        sends
    }

    /// A thread wants the first place for `block_on`.
    pub(super) fn claim(&mut self) -> Claim {
        if self.first == First::Spare && !self.closing {
            self.waiting += 1;
            return Claim::Wait;
        }
        self.take()
    }

    /// Whether a claim that waits has nothing to wait for any more.
    pub(super) fn is_claim_decided(&self) -> bool {
        self.first != First::Spare || self.closing
    }

    /// A claim has waited: until it was decided, or long enough.
    pub(super) fn claim_after_wait(&mut self) -> Claim {
        self.waiting -= 1;
        self.take()
    }

    fn take(&mut self) -> Claim {
        if self.first == First::Vacant && !self.closing {
            self.first = First::Claimed;
            Claim::Taken
        } else {
            Claim::Refused
        }
    }

    /// The spare thread asks what to do. After [`Work`](SpareDoes::Work), it asks again when it has left the place.
    pub(super) fn spare_asks(&mut self) -> SpareDoes {
        if self.closing {
            return SpareDoes::End {
                closes: self.end_first(First::Spare),
            };
        }
        if self.first == First::Spare {
            SpareDoes::Work
        } else {
            SpareDoes::Wait
        }
    }

    /// Ends the runtime: no thread comes any more. `false`: it has been called before.
    #[must_use]
    pub(super) fn begin_end(&mut self) -> bool {
        !std::mem::replace(&mut self.closing, true)
    }

    /// Whether all threads have ended what they had, but those with the member `own` and, if `is_own_thread`, the calling one, which is a
    /// thread of the runtime's and does so when it returns.
    pub(super) fn has_ended_but(&self, own: Option<&M>, is_own_thread: bool) -> bool {
        self.present.iter().all(|member| Some(member) == own)
            && self.running <= usize::from(is_own_thread)
    }

    /// The thread that ends the runtime has waited, until all have ended or long enough.
    pub(super) fn end(&mut self) -> End {
        End {
            closes_first: self.end_first(First::Vacant),
            all_have_ended: self.running == 0,
        }
    }

    /// The runtime has ended. Whether the caller, which may be sure of the first place if its holder is `holder`, is the one that throws away what is
    /// left there.
    fn end_first(&mut self, holder: First) -> bool {
        debug_assert!(
            self.closing,
            "the first place is closed when the runtime ends"
        );
        let closes = self.first == holder && holder != First::Closed;
        if closes {
            self.first = First::Closed;
        }
        closes
    }
}

#[cfg(all(test, not(loom)))]
#[path = "state/tests.rs"]
mod tests;
