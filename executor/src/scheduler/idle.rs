//! [`Idle`]: which workers sleep, how many search, and whom to wake when there is work.
//!
//! # How work finds a worker
//!
//! A worker that runs out of tasks *searches*: it looks through its siblings' queues. At most half of those that are awake do
//! so at a time, as each of them disturbs those that work. Who finds nothing goes to *sleep*.
//!
//! Whoever makes tasks for others wakes one sleeper, unless somebody searches: that one will find them. A sleeper that is
//! woken so searches, and counts as searching from the moment it is chosen, so that a burst of work wakes one. When a
//! searcher finds work, and it was the last, it wakes the next sleeper, for there may be more; so all are awake soon, if there is
//! work for all, and each was woken once.
//!
//! # When it is worth a wake
//!
//! To wake a worker costs both sides some microseconds, and what it takes over costs more there than here. So a worker tells of its
//! own tasks only when there are [`worth_waking`](Idle::worth_waking) of them: two at first; twice as many each time that somebody was woken
//! for work and found less than [`WORTH`] of it; two again when somebody had more. While it is too many, tasks wait at most
//! until their worker has polled for that long and takes a turn or, if it is stuck, until the next look (see `watch.rs`).
//!
//! # Why no work is left
//!
//! **Invariant.** While there is work in a queue that any worker may take from, a worker is awake that has not yet looked there
//! since it came, or it is where its own worker will take it.
//!
//! - Who puts a task into the injection queue does that first, then a fence, then looks at the word here. A searcher that finds nothing
//!   makes its step in the word, then a fence, then looks at that queue again, and, if nobody searches any more, at all queues
//!   ([`sleep`](Idle::sleep)). So one of the two sees the other. If it sees something, it searches on
//!   ([`search_on`](Idle::search_on)): when that work came, nobody else was told.
//! - What a worker puts into its own queues it will run itself. The siblings are told for the sake of speed, without a fence: if
//!   they miss it, they hear of the next one, or find it at their next look (see `watch.rs`).

#[cfg(all(any(test, debug_assertions), not(loom)))]
#[path = "idle/validate.rs"]
mod validate;

use crate::sync::{AtomicUsize, Mutex, Ordering, fence, lock};
use std::time::Duration;

/// How long a worker that was woken should have work, for the wake to be worth it.
pub(crate) const WORTH: Duration = Duration::from_micros(50);

/// The bounds of [`Idle::worth_waking`].
const FEW: usize = 2;
const MANY: usize = 64;

/// The number of those that search is in the lower half of the word, that of those asleep above it.
const ONE_SEARCHING: usize = 1;
const ONE_ASLEEP: usize = 1 << 16;
const HALF: usize = ONE_ASLEEP - 1;

pub(crate) struct Idle {
    /// Changed only under the lock of `sleepers`, but for the step into and out of searching.
    word: AtomicUsize,
    /// The slots of those asleep, the last to fall asleep last.
    sleepers: Mutex<Vec<usize>>,
    /// See [`worth_waking`](Self::worth_waking).
    worth_waking: AtomicUsize,
    slots: usize,
}

/// How a worker comes out of its sleep.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// By somebody who has work: it searches, and is counted for that.
    ForWork,
    /// By its own driver.
    ByItself,
}

impl Idle {
    /// The most slots there can be.
    pub(crate) const MOST_WORKERS: usize = HALF >> 1;

    pub(crate) fn new(slots: usize) -> Self {
        debug_assert!(slots <= Self::MOST_WORKERS);
        Self {
            word: AtomicUsize::new(0),
            sleepers: Mutex::new(Vec::with_capacity(slots)),
            worth_waking: AtomicUsize::new(FEW),
            slots,
        }
    }

    /// Whether somebody sleeps and nobody searches, so that work for others is to be told of. For a worker's own work; it may
    /// be wrong for a moment.
    #[inline]
    pub(crate) fn wants_work(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word & HALF == 0 && word != 0
    }

    /// The same, for who has put work where no worker of its own will look: it is not wrong.
    #[inline]
    pub(crate) fn must_hear(&self) -> bool {
        fence(Ordering::SeqCst);
        self.wants_work()
    }

    /// How many tasks a worker should have before it wakes another for them. A guess: nothing rests on it.
    #[inline]
    pub(crate) fn worth_waking(&self) -> usize {
        self.worth_waking.load(Ordering::Relaxed)
    }

    /// Called when a worker runs out of tasks. `time` is how long it had work; `woken` tells what woke it.
    pub(crate) fn has_worked(&self, time: Duration, woken: Woken) {
        let now = self.worth_waking();
        let next = if time >= WORTH {
            FEW
        } else if woken == Woken::ForWork {
            (2 * now).min(MANY)
        } else {
            now
        };
        if next != now {
            self.worth_waking.store(next, Ordering::Relaxed);
        }
    }

    /// The worker begins to search, unless enough others do.
    #[must_use]
    pub(crate) fn start_searching(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        let (searching, asleep) = (word & HALF, word / ONE_ASLEEP);
        if 2 * searching >= self.slots - asleep {
            return false;
        }
        self.word.fetch_add(ONE_SEARCHING, Ordering::SeqCst);
        true
    }

    /// The worker that searched has found something. `true`: none searches now, and the caller wakes another if there may be more.
    #[must_use]
    pub(crate) fn stop_searching(&self) -> bool {
        let word = self.word.fetch_sub(ONE_SEARCHING, Ordering::SeqCst);
        debug_assert!(word & HALF > 0);
        word & HALF == ONE_SEARCHING
    }

    /// The worker of `slot` falls asleep. `true`: it must look at all queues once more; at the injection queue, in any case. If it sees something
    /// there, it [searches on](Self::search_on).
    #[must_use]
    pub(crate) fn sleep(&self, slot: usize, searching: bool) -> bool {
        let mut sleepers = lock(&self.sleepers);
        debug_assert!(!sleepers.contains(&slot));
        sleepers.push(slot);
        let step = ONE_ASLEEP - if searching { ONE_SEARCHING } else { 0 };
        let word = self.word.fetch_add(step, Ordering::SeqCst);
        drop(sleepers);
        // After this a task that we do not see is one whose maker sees us asleep.
        fence(Ordering::SeqCst);
        // Nobody searches now: who put work into a queue meanwhile may have told nobody.
        word & HALF == usize::from(searching)
    }

    /// The worker of `slot` is awake, because it has seen work after it fell asleep: it searches, and is counted for that, whether or not somebody has chosen
    /// it meanwhile.
    pub(crate) fn search_on(&self, slot: usize) {
        let mut sleepers = lock(&self.sleepers);
        if let Some(place) = sleepers.iter().rposition(|sleeper| *sleeper == slot) {
            sleepers.remove(place);
            self.word
                .fetch_sub(ONE_ASLEEP - ONE_SEARCHING, Ordering::SeqCst);
        }
    }

    /// The worker of `slot` is awake again. Tells whether another thread has chosen it.
    pub(crate) fn woke(&self, slot: usize) -> Woken {
        let mut sleepers = lock(&self.sleepers);
        match sleepers.iter().rposition(|sleeper| *sleeper == slot) {
            Some(place) => {
                sleepers.remove(place);
                self.word.fetch_sub(ONE_ASLEEP, Ordering::SeqCst);
                Woken::ByItself
            }
            None => Woken::ForWork,
        }
    }

    /// Chooses a sleeper to search, if nobody searches: the caller ends its sleep.
    #[must_use]
    #[cold]
    pub(crate) fn choose(&self) -> Option<usize> {
        let mut sleepers = lock(&self.sleepers);
        if self.word.load(Ordering::SeqCst) & HALF != 0 {
            return None;
        }
        // The last to fall asleep has the warmest caches.
        let chosen = sleepers.pop()?;
        let step = ONE_ASLEEP - ONE_SEARCHING;
        self.word.fetch_sub(step, Ordering::SeqCst);
        Some(chosen)
    }

    /// Runs `f` with the slot that has slept longest, which cannot be chosen or forget that it slept meanwhile.
    pub(crate) fn with_sleeper(&self, f: impl FnOnce(usize)) {
        if let Some(longest) = lock(&self.sleepers).first() {
            f(*longest);
        }
    }
}
