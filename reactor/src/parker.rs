//! The unpark word: whether the owner of a reactor must be woken by a system call.
//!
//! ```text
//!            park()                    unpark() by another thread
//! RUNNING ───────────► PARKED ──────────────────────────► NOTIFIED   (and the eventfd is written)
//!    │  ▲                │ unparked()                         │
//!    │  └────────────────┴───────────────── unparked() ───────┤
//!    │            unpark()                                    │
//!    └───────────────────────────────────────────────────► NOTIFIED   (no system call)
//!                                                             │ park() refuses: RUNNING
//! ```
//!
//! **Invariant.** Whoever unparks has published its work before it calls [`unpark`](Parker::unpark); the owner
//! looks for work after [`unparked`](Parker::unparked), and before it parks it has looked since the last one. Both
//! sides do one read-modify-write on the same word, so one of the two comes first: either the owner finds
//! NOTIFIED and does not sleep, or the other finds PARKED and writes the eventfd. Of a burst of unparks only the
//! first finds PARKED, so a burst costs one system call.

use crate::sync::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
const PARKED: u8 = 1;
const NOTIFIED: u8 = 2;

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
        if parked.is_err() {
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
        self.word.swap(NOTIFIED, Ordering::AcqRel) == PARKED
    }
}

#[cfg(test)]
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
