//! Models of what is kept for a moment: the last user that goes, and a thread that tidies at the same time.

#![cfg(loom)]

#[allow(dead_code, reason = "the models need a part of it")]
#[path = "loom/bell.rs"]
mod bell;
#[allow(dead_code, reason = "the models need a part of it")]
#[path = "../src/spare_pipes/spares.rs"]
mod spares;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

    use loom::sync::MutexGuard;
    use std::sync::TryLockError;

    /// Loom's lock, which another thread also finds locked.
    ///
    /// Loom looks at the last access to an object alone, and an unlock is none. So it tries to put one `try_lock` before
    /// or behind another, and never between that and its unlock. Here both touch a second object: each before it tries,
    /// and once more when it has the lock.
    #[derive(Debug)]
    pub(crate) struct Mutex<T> {
        inner: loom::sync::Mutex<T>,
        tried: AtomicUsize,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self {
                inner: loom::sync::Mutex::new(value),
                tried: AtomicUsize::new(0),
            }
        }

        pub(crate) fn try_lock(
            &self,
        ) -> Result<MutexGuard<'_, T>, TryLockError<MutexGuard<'_, T>>> {
            self.tried.fetch_add(1, Ordering::Relaxed);
            let locked = self.inner.try_lock();
            if locked.is_ok() {
                self.tried.fetch_add(1, Ordering::Relaxed);
            }
            locked
        }
    }
}

use bell::explore;
use loom::thread;
use spares::{Kept, Spares};
use std::sync::Arc;
use std::time::{Duration, Instant};
use sync::{AtomicBool, AtomicUsize, Mutex};

const PROCESS: u32 = 1;
const MOST: usize = 4;
const LONG: Duration = Duration::from_secs(3600);

/// One that is not dropped, and not kept, is a leak.
fn spares_with(users: usize) -> Arc<Spares<loom::sync::Arc<()>>> {
    let spares = Arc::new(Spares::new(
        AtomicUsize::new(0),
        AtomicBool::new(false),
        Mutex::new(Kept::new()),
    ));
    for _ in 0..users {
        spares.come();
    }
    spares
}

/// What is kept is not due yet, so that it goes with the last user or not at all.
fn tidy(spares: &Spares<loom::sync::Arc<()>>) {
    drop(spares.tidy(LONG, Instant::now()));
}

fn keep(spares: &Spares<loom::sync::Arc<()>>) {
    let thing = loom::sync::Arc::new(());
    drop(spares.keep(thing, MOST, PROCESS, Instant::now()));
}

#[test]
fn the_last_user_leaves_nothing_to_who_tidies() {
    explore(None, || {
        let spares = spares_with(1);
        keep(&spares);
        let tidies = thread::spawn({
            let spares = Arc::clone(&spares);
            move || tidy(&spares)
        });
        drop(spares.go());
        tidies.join().unwrap();
        assert!(!spares.are_kept());
        assert!(spares.take_all().is_empty());
    });
}

#[test]
fn of_two_users_the_last_leaves_nothing() {
    explore(3, || {
        let spares = spares_with(2);
        let uses = || {
            let spares = Arc::clone(&spares);
            thread::spawn(move || {
                let (taken, others) = spares.take(PROCESS);
                assert!(others.is_empty());
                drop(taken);
                keep(&spares);
                drop(spares.go());
            })
        };
        let users = [uses(), uses()];
        tidy(&spares);
        for user in users {
            user.join().unwrap();
        }
        assert!(spares.take_all().is_empty());
    });
}
