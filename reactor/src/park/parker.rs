//! The unpark word: whether the owner of a reactor must be woken by a system call.
//!
//! ```text
//!            park()              unpark(): the eventfd is written
//! RUNNING ───────────► PARKED ──────────────────────────────────► PARKED | NOTIFIED
//!  │ ▲ ▲                 │ unparked()                                │ unparked()
//!  │ │ └─────────────────┴───────────────────────────────────────────┘
//!  │ │ park() refuses, unparked()
//!  │ └──────────────── NOTIFIED
//!  └──────────────────────▲
//!     unpark(): no system call
//! ```
//!
//! **Invariant.** Whoever unparks has published its work before it calls [`unpark`](Parker::unpark); the owner
//! looks for work after [`unparked`](Parker::unparked), and before it parks it has looked since the last one. Both
//! sides do one read-modify-write on the same word, so one of the two comes first: either the owner finds
//! NOTIFIED and does not sleep, or the other finds PARKED and writes the eventfd. Of a burst of unparks only the
//! first finds PARKED alone, so a burst costs one system call.
//!
//! PARKED stays until the owner has woken. By it, a thread that has taken the eventfd's event in a turn of its own
//! knows that the owner still waits for that ([`is_parked`](Parker::is_parked)).

use crate::sync::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
const PARKED: u8 = 1 << 0;
const NOTIFIED: u8 = 1 << 1;

#[derive(Debug)]
pub(crate) struct Parker {
    word: AtomicU8,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU8::new(RUNNING),
        }
    }

    /// The owner is about to sleep. `false`: it has been notified, and must not.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        let parked =
            self.word
                .compare_exchange(RUNNING, PARKED, Ordering::AcqRel, Ordering::Acquire);
        if let Err(word) = parked {
            debug_assert_eq!(word, NOTIFIED, "two threads turn one reactor as its owner");
            self.unparked();
        }
        parked.is_ok()
    }

    /// The owner has woken, for whatever reason, and will look for work.
    pub(crate) fn unparked(&self) {
        // Acquire: what was published before an `unpark` is seen after this.
        self.word.swap(RUNNING, Ordering::AcqRel);
    }

    /// There is work. `true`: the owner sleeps, and this caller, and no other, must end its wait.
    #[must_use]
    pub(crate) fn unpark(&self) -> bool {
        // A read-modify-write even if the word says NOTIFIED already: it must publish this caller's work too.
        self.word.fetch_or(NOTIFIED, Ordering::AcqRel) == PARKED
    }

    /// Whether somebody has called [`unpark`](Self::unpark) since the owner woke last: for a check in debug builds.
    pub(crate) fn is_notified(&self) -> bool {
        self.word.load(Ordering::Acquire) & NOTIFIED != 0
    }

    /// Whether the owner sleeps, or is about to. `false`: if it sleeps next, what this thread did before is seen
    /// by the owner once it is parked.
    #[must_use]
    pub(crate) fn is_parked(&self) -> bool {
        // A read-modify-write, though it changes nothing: it comes before or after the owner's, and not beside it.
        self.word.fetch_or(0, Ordering::AcqRel) & PARKED != 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_unparks_asks_for_one_system_call() {
        let parker = Parker::new();
        assert!(parker.park());
        assert!(parker.unpark());
        assert!(!parker.unpark());
        assert!(!parker.unpark());
        parker.unparked();
        assert!(parker.park());
    }

    #[test]
    fn an_unpark_while_running_is_kept_for_the_next_park() {
        let parker = Parker::new();
        assert!(!parker.unpark());
        assert!(!parker.park(), "it has been notified");
        assert!(parker.park(), "once");
    }
}
