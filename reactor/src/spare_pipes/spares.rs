//! [`Spares`]: things that are kept for a moment for whoever needs one next, while there are users.
//!
//! # The list is never waited for
//!
//! Who finds it locked goes without: takes none, or keeps none. A child that was forked while it was locked finds it locked
//! for ever, and goes on.
//!
//! # The last user leaves nothing
//!
//! A thread that [tidies](Spares::tidy) is no user, and may have the list locked at the moment when the last user goes, finds
//! it locked and leaves what is there. So it looks for users once more when it has unlocked the list. The last user first
//! counts itself out, and then tries the lock; the tidier first unlocks, and then reads the count; a fence of either is
//! between the two. So either the last user finds the list unlocked, or the tidier finds no user. All others that lock the
//! list are users, and go later.

use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, fence};
use std::mem;
use std::sync::TryLockError;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Spares<T> {
    users: AtomicUsize,
    /// Whether any are kept, for those that need not know more: a hint, unless the list is locked, which it is to change it.
    any: AtomicBool,
    kept: Mutex<Kept<T>>,
}

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    things: Vec<T>,
    /// The process that has kept them.
    process: u32,
    /// When one was kept last.
    used: Option<Instant>,
}

impl<T> Spares<T> {
    /// None yet, and no users, from primitives that say so: loom's cannot be made at compile time.
    pub(crate) const fn new(users: AtomicUsize, any: AtomicBool, kept: Mutex<Kept<T>>) -> Self {
        Self { users, any, kept }
    }

    /// Somebody comes who will take some and keep some.
    pub(crate) fn come(&self) {
        self.users.fetch_add(1, Ordering::AcqRel);
    }

    /// And goes. With the last goes all that is kept: it is returned, to be dropped with nothing locked.
    #[must_use]
    pub(crate) fn go(&self) -> Vec<T> {
        if self.users.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Vec::new();
        }
        // See above.
        fence(Ordering::SeqCst);
        self.take_all()
    }

    /// One that this process has kept. What another has is not ours to use: it is returned as the second, to be dropped.
    #[must_use]
    pub(crate) fn take(&self, process: u32) -> (Option<T>, Vec<T>) {
        if !self.are_kept() {
            return (None, Vec::new());
        }
        self.with(|kept, any| {
            let others = kept.of_others(process);
            let thing = kept.things.pop();
            if kept.things.is_empty() {
                any.store(false, Ordering::Relaxed);
            }
            (thing, others)
        })
        .unwrap_or_default()
    }

    /// Keeps one, if there are fewer than `most`. What is not kept is returned, to be dropped.
    #[must_use]
    pub(crate) fn keep(&self, thing: T, most: usize, process: u32, now: Instant) -> Vec<T> {
        let mut back = vec![thing];
        self.with(|kept, any| {
            let mut others = kept.of_others(process);
            if kept.things.len() < most {
                kept.things.append(&mut back);
                (kept.process, kept.used) = (process, Some(now));
                any.store(true, Ordering::Relaxed);
            }
            back.append(&mut others);
        });
        back
    }

    #[inline]
    pub(crate) fn are_kept(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// All that is kept.
    #[must_use]
    pub(crate) fn take_all(&self) -> Vec<T> {
        if !self.are_kept() {
            return Vec::new();
        }
        self.with(|kept, any| {
            any.store(false, Ordering::Relaxed);
            mem::take(&mut kept.things)
        })
        .unwrap_or_default()
    }

    /// All that is kept, if none was used for `long`; and else for how long they are kept yet.
    #[must_use]
    pub(crate) fn tidy(&self, long: Duration, now: Instant) -> (Vec<T>, Option<Duration>) {
        let tidied = self.with(|kept, any| {
            // With the list locked this is exact.
            if !any.load(Ordering::Relaxed) {
                return (Vec::new(), None);
            }
            let left = kept
                .used
                .and_then(|used| long.checked_sub(now.saturating_duration_since(used)))
                .filter(|left| !left.is_zero());
            if left.is_some() {
                return (Vec::new(), left);
            }
            any.store(false, Ordering::Relaxed);
            (mem::take(&mut kept.things), None)
        });
        let (things, left) = tidied.unwrap_or_default();
        // See above.
        fence(Ordering::SeqCst);
        if left.is_some() && self.users.load(Ordering::Relaxed) == 0 {
            return (self.take_all(), None);
        }
        (things, left)
    }

    /// Runs `f` with the list locked, unless it is locked already. `f` runs no code of others.
    fn with<R>(&self, f: impl FnOnce(&mut Kept<T>, &AtomicBool) -> R) -> Option<R> {
        match self.kept.try_lock() {
            Ok(mut kept) => Some(f(&mut kept, &self.any)),
            Err(TryLockError::Poisoned(kept)) => Some(f(&mut kept.into_inner(), &self.any)),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T> Kept<T> {
    pub(crate) const fn new() -> Self {
        Self {
            things: Vec::new(),
            process: 0,
            used: None,
        }
    }

    /// Takes out what another process has kept.
    fn of_others(&mut self, process: u32) -> Vec<T> {
        if self.process == process {
            Vec::new()
        } else {
            mem::take(&mut self.things)
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1);

    fn none() -> Spares<char> {
        Spares::new(
            AtomicUsize::new(0),
            AtomicBool::new(false),
            Mutex::new(Kept::new()),
        )
    }

    #[test]
    fn what_is_kept_is_taken_by_the_same_process_alone() {
        let (spares, now) = (none(), Instant::now());
        spares.come();
        assert_eq!(spares.take(1), (None, vec![]));
        assert_eq!(spares.keep('a', 2, 1, now), []);
        assert_eq!(spares.keep('b', 2, 1, now), []);
        assert_eq!(spares.keep('c', 2, 1, now), ['c'], "there are enough");
        assert_eq!(spares.take(1), (Some('b'), vec![]));
        assert!(spares.are_kept());
        assert_eq!(spares.take(2), (None, vec!['a']), "of the parent");
        assert!(!spares.are_kept());
        assert_eq!(spares.keep('d', 2, 1, now), []);
        assert_eq!(spares.keep('e', 2, 2, now), ['d']);
        assert_eq!(spares.take(2), (Some('e'), vec![]));
    }

    #[test]
    fn with_the_last_user_goes_all() {
        let (spares, now) = (none(), Instant::now());
        spares.come();
        spares.come();
        assert_eq!(spares.keep('a', 2, 1, now), []);
        assert_eq!(spares.go(), []);
        assert_eq!(spares.go(), ['a']);
        assert!(!spares.are_kept());
    }

    #[test]
    fn what_nobody_uses_goes_in_time() {
        let (spares, now) = (none(), Instant::now());
        spares.come();
        assert_eq!(spares.tidy(LONG, now), (vec![], None));
        assert_eq!(spares.keep('a', 2, 1, now), []);
        let later = now + LONG / 4;
        assert_eq!(spares.tidy(LONG, later), (vec![], Some(LONG * 3 / 4)));
        assert_eq!(spares.keep('b', 2, 1, later), []);
        assert_eq!(spares.tidy(LONG, now + LONG), (vec![], Some(LONG / 4)));
        assert_eq!(spares.tidy(LONG, later + LONG), (vec!['a', 'b'], None));
        assert!(!spares.are_kept());
    }
}
