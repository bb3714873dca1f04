//! The one timerfd of a reactor: armed when the nearest deadline moves nearer, and never disarmed.
//!
//! **Invariant.** `armed` is what the timerfd is set to, or a moment that has passed. Both change under one lock:
//! two threads that turn the same reactor cannot leave the timerfd at the later of their deadlines.
//!
//! Expiry is told by the clock, not by an event: once `armed` has passed, the timerfd has expired, and whatever is
//! asked next is nearer than nothing. So nobody need know who received the event, but an owner that sleeps already,
//! and is woken by who did (`Reactor::dispatch`). A deadline that is later than
//! what is armed sets nothing; the wait then ends early, finds nothing due, and arms the later one.

use crate::sync::{Mutex, lock};
use crate::sys::clock::real_now;
use crate::sys::timerfd::TimerFd;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Alarm {
    timer: TimerFd,
    armed: Mutex<Option<Instant>>,
}

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            timer: TimerFd::new()?,
            armed: Mutex::new(None),
        })
    }

    /// Makes sure that the timerfd expires at `deadline` or before. Returns whether it had to be set.
    pub(crate) fn arm(&self, deadline: Instant, now: Instant) -> io::Result<bool> {
        let mut armed = lock(&self.armed);
        if armed.is_some_and(|armed| now < armed && armed <= deadline) {
            return Ok(false);
        }
        self.timer.set(deadline)?;
        *armed = Some(deadline);
        Ok(true)
    }

    /// Whether the timerfd expires at `deadline` or before, or has expired: for a check in debug builds. Once the deadline has passed, another
    /// thread may have armed it for later.
    pub(crate) fn ends_wait_by(&self, deadline: Instant) -> bool {
        let armed = *lock(&self.armed);
        armed.is_some_and(|armed| armed <= deadline) || deadline <= real_now()
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_alarm_that_is_armed_for_later_ends_no_wait_before() {
        let alarm = Alarm::new().expect("timerfd");
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        assert!(!alarm.ends_wait_by(at(3600)), "not armed");
        assert!(alarm.ends_wait_by(now), "it has passed");
        alarm.arm(at(3600), now).expect("arm");
        assert!(alarm.ends_wait_by(at(3600)) && alarm.ends_wait_by(at(3700)));
        assert!(!alarm.ends_wait_by(at(3500)), "later than that");
    }

    #[test]
    fn only_a_nearer_deadline_sets_the_timerfd() {
        let alarm = Alarm::new().expect("timerfd");
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        assert!(alarm.arm(at(20), now).expect("arm"));
        assert!(!alarm.arm(at(20), now).expect("arm"), "armed already");
        assert!(!alarm.arm(at(30), now).expect("arm"), "later");
        assert!(alarm.arm(at(10), now).expect("arm"), "nearer");
        assert!(
            alarm.arm(at(30), at(10)).expect("arm"),
            "the armed one has passed"
        );
        assert!(!alarm.arm(at(40), at(10)).expect("arm"), "later");
    }
}
