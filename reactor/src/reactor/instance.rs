//! [`Instance`]: the descriptors of a reactor, and when they are made.
//!
//! # The two places where an owner sleeps
//!
//! The owner sleeps in `epoll_wait(2)`, or, while the reactor has no descriptors, at a [`Doorbell`](crate::park::Doorbell). Which of the two is decided by one look at
//! [`instance`](super::Reactor::instance) after the unpark word says "parked". A thread that unparks it looks there too, after it has found the word to
//! say so, and writes the eventfd or rings. The instance may be made by any thread, at any moment between these looks, so the two may
//! decide differently. Therefore a thread that has made the instance does both, after the instance can be seen:
//!
//! - *The owner has not seen the instance, and the other has.* The ring of the maker ends the owner's wait. No earlier wait has
//!   consumed that ring, for then the owner would have seen the instance.
//! - *The owner has seen the instance, and the other has not.* The maker's write to the eventfd ends the owner's wait. No earlier wait has consumed
//!   that event: the owner would have seen the instance before it parked this time, and so would the other, which has found it parked.
//!
//! `tests/loom_reactor.rs` models it.

use super::Reactor;
use crate::park::Alarm;
use crate::source::Token;
use crate::sync::lock;
use crate::sys::epoll::Epoll;
use crate::sys::eventfd::EventFd;
use std::io;
use std::os::fd::AsFd;

/// The descriptors of a reactor.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) epoll: Epoll,
    pub(super) wake: EventFd,
    pub(super) alarm: Alarm,
}

impl Instance {
    pub(super) fn new() -> io::Result<Self> {
        let instance = Self {
            epoll: Epoll::new()?,
            wake: EventFd::new()?,
            alarm: Alarm::new()?,
        };
        let own = [
            (instance.wake.as_fd(), Token::WAKE),
            (instance.alarm.as_fd(), Token::ALARM),
        ];
        for (fd, token) in own {
            instance.epoll.add_readable(fd, token.to_bits())?;
        }
        Ok(instance)
    }
}

impl Reactor {
    /// The descriptors, which are made if there are none.
    #[inline]
    pub(super) fn instance(&self) -> io::Result<&Instance> {
        match self.instance.get() {
            Some(instance) => Ok(instance),
            None => self.make_instance(),
        }
    }

    #[cold]
    fn make_instance(&self) -> io::Result<&Instance> {
        let making = lock(&self.making);
        let is_missing = self.instance.get().is_none();
        if is_missing {
            let made = self.instance.set(Instance::new()?);
            debug_assert!(made.is_ok(), "it is set under a lock");
        }
        drop(making);
        let instance = self.instance.get().expect("it has been made");
        if is_missing {
            // Both, and now that the instance can be seen: see above.
            self.doorbell.ring();
            let _ = instance.wake.notify();
        }
        Ok(instance)
    }
}
