//! [`Vacancy`]: whether the first slot is vacant, for threads that spawn, without the lock of `Threads`.
//!
//! A thread that leaves the slot may leave work behind, and a thread that spawns may find nobody there. Each takes two steps:
//!
//! - A thread that [leaves](Vacancy::leave) says that the slot is vacant, and then looks for work, in the lists of tasks, under their locks.
//! - A thread that spawns puts its task into a list, under the list's lock, and then [looks](Vacancy::is_vacant) whether the slot is vacant.
//!
//! **Invariant.** Either the thread that leaves sees the task, or the thread that spawns sees the vacancy. They meet at the list's lock: if the
//! first to have it is the one that leaves, what it has said before is seen by the other after; if it is the one that spawns, the task
//! is in the list. In the other order, each could miss the other: the one that leaves looks, the other spawns and finds the slot taken, and
//! then it is left. `tests/loom_threads.rs` models it.
//!
//! The word is written under the lock of `Threads` alone.

use crate::sync::{AtomicBool, Ordering};

pub(crate) struct Vacancy {
    is_vacant: AtomicBool,
}

impl Vacancy {
    pub(crate) fn new(is_vacant: bool) -> Self {
        Self {
            is_vacant: AtomicBool::new(is_vacant),
        }
    }

    /// Somebody has the slot, or is about to have it.
    pub(crate) fn fill(&self) {
        self.is_vacant.store(false, Ordering::SeqCst);
    }

    /// Nobody has the slot any more. `true`: there is work for whoever is next there, by `has_work`, which looks under the locks of the
    /// lists.
    #[must_use]
    pub(crate) fn leave(&self, has_work: impl FnOnce() -> bool) -> bool {
        self.is_vacant.store(true, Ordering::SeqCst);
        has_work()
    }

    /// Whether nobody has the slot. A thread that has put a task into a list asks, and then sees to it that somebody takes the slot.
    #[inline]
    pub(crate) fn is_vacant(&self) -> bool {
        self.is_vacant.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// What a thread sees that spawns at the worst moment: when nothing has been found, and nothing is said yet.
    #[test]
    fn who_spawns_during_the_search_finds_the_slot_vacant() {
        let vacancy = Vacancy::new(false);
        assert!(!vacancy.is_vacant());
        assert!(!vacancy.leave(|| {
            assert!(vacancy.is_vacant(), "a task that comes now finds nobody");
            false
        }));
        assert!(vacancy.is_vacant());
        vacancy.fill();
        assert!(!vacancy.is_vacant());
    }
}
