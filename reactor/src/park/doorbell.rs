//! [`Doorbell`]: what the owner of a reactor sleeps at while the reactor has no descriptors.
//!
//! It does what an eventfd does in an epoll instance: a ring that comes before the wait ends the wait, and however many rings come before it
//! they end one. A deadline is kept by the kernel's futex, some 50 microseconds late (the thread's timer slack).

use crate::sync::{Condvar, Mutex, lock, wait, wait_timeout};
use crate::sys::clock::real_now;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Doorbell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self {
            rung: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    /// Ends the wait of the owner, or its next one.
    pub(crate) fn ring(&self) {
        *lock(&self.rung) = true;
        self.changed.notify_one();
    }

    /// Waits until it is rung, or `deadline` comes. The owner's alone to call.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        let mut rung = lock(&self.rung);
        while !*rung {
            rung = match deadline {
                None => wait(&self.changed, rung),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(real_now());
                    if left.is_zero() {
                        break;
                    }
                    wait_timeout(&self.changed, rung, left)
                }
            };
        }
        *rung = false;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn rings_before_a_wait_end_one() {
        let bell = Doorbell::new();
        bell.ring();
        bell.ring();
        bell.wait(None);
        let end = Instant::now() + Duration::from_millis(5);
        bell.wait(Some(end));
        assert!(Instant::now() >= end, "the second is not rung");
    }

    #[test]
    fn a_deadline_that_has_passed_is_not_waited_for_and_the_farthest_may_be_asked_for() {
        let bell = Doorbell::new();
        let now = Instant::now();
        bell.wait(Some(now));
        let far = (0..64).rev().fold(now, |far, bit| {
            far.checked_add(Duration::from_secs(1 << bit))
                .unwrap_or(far)
        });
        thread::scope(|scope| {
            scope.spawn(|| bell.wait(Some(far)));
            bell.ring();
        });
    }
}
