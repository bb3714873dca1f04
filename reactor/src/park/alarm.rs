//! The one timerfd of a reactor: armed when the nearest deadline moves nearer, and never disarmed.
//!
//! **Invariant.** `armed` is what the timerfd is set to, or a moment that has passed. Both change under one lock:
//! two threads that turn the same reactor cannot leave the timerfd at the later of their deadlines.
//!
//! Expiry is told by the clock, not by an event: once `armed` has passed, the timerfd has expired, and whatever is
//! asked next is nearer than nothing. So nobody need know who received the event, but an owner that sleeps already,
//! and is woken by who did (`Reactor::dispatch`). A deadline that is later than
//! what is armed sets nothing; the wait then ends early, finds nothing due, and arms the later one.
//!
//! To set the timerfd anew takes back an expiry that no wait has been told of yet. The owner itself does that only while it is awake. Another
//! thread that [asks](Alarm::ask) for an end of the owner's wait may come just when `armed` has passed and the owner has not woken yet; it
//! wakes the owner then, unless nobody *relies* on what was armed: the owner has since begun a wait without a deadline.

use crate::sync::{AtomicBool, Mutex, Ordering, lock};
use crate::sys::clock::real_now;
use crate::sys::timerfd::TimerFd;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Alarm {
    timer: TimerFd,
    armed: Mutex<Option<Instant>>,
    /// Whether a wait may be in progress that is to end when `armed` comes. Set under the lock.
    relied_on: AtomicBool,
}

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            timer: TimerFd::new()?,
            armed: Mutex::new(None),
            relied_on: AtomicBool::new(false),
        })
    }

    /// The owner is about to wait without a deadline.
    pub(crate) fn waits_forever(&self) {
        self.relied_on.store(false, Ordering::Relaxed);
    }

    /// Makes sure that the timerfd expires at `deadline` or before, for the wait that the owner is about to begin. Returns whether it had to
    /// be set.
    pub(crate) fn arm(&self, deadline: Instant, now: Instant) -> io::Result<bool> {
        let mut armed = lock(&self.armed);
        self.relied_on.store(true, Ordering::Relaxed);
        if armed.is_some_and(|armed| now < armed && armed <= deadline) {
            return Ok(false);
        }
        self.timer.set(deadline)?;
        *armed = Some(deadline);
        Ok(true)
    }

    /// The same, asked for by another thread. Runs `wake` if the owner may not have woken yet from what was armed, and will not be told
    /// of it any more.
    pub(crate) fn ask(
        &self,
        deadline: Instant,
        now: Instant,
        wake: impl FnOnce(),
    ) -> io::Result<bool> {
        let mut armed = lock(&self.armed);
        let relied_on = self.relied_on.load(Ordering::Relaxed);
        self.relied_on.store(true, Ordering::Relaxed);
        if armed.is_some_and(|armed| now < armed && armed <= deadline) {
            return Ok(false);
        }
        self.timer.set(deadline)?;
        // What was armed for later than this, and passes meanwhile, needs no wake: this expires before.
        let taken_back = armed.replace(deadline).is_some_and(|armed| armed <= now);
        if taken_back && relied_on {
            // Under the lock: who sees the later time sees that the owner has been woken.
            wake();
        }
        Ok(true)
    }

    /// Whether the timerfd expires at `deadline` or before, or has expired: for a check in debug builds. Once what was armed has passed, another
    /// thread may have armed it for later, and then it has woken the owner.
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

    /// Only if somebody relies on what has passed.
    #[test]
    fn who_takes_an_expiry_back_wakes_the_owner() {
        let alarm = Alarm::new().expect("timerfd");
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let asked_at = |deadline, now| {
            let mut woken = false;
            let set = alarm.ask(deadline, now, || woken = true).expect("ask");
            (set, woken)
        };
        assert_eq!(asked_at(at(10), now), (true, false), "nothing was armed");
        assert_eq!(asked_at(at(20), now), (false, false), "armed for before");
        assert_eq!(asked_at(at(20), at(10)), (true, true), "it may be told of");
        alarm.arm(at(15), at(10)).expect("arm");
        assert_eq!(asked_at(at(12), at(11)), (true, false), "nearer");
        assert_eq!(asked_at(at(30), at(13)), (true, true), "for the owner");
        alarm.waits_forever();
        assert_eq!(
            asked_at(at(50), at(40)),
            (true, false),
            "nobody relies on it"
        );
        assert_eq!(asked_at(at(70), at(60)), (true, true), "who asked does");
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
