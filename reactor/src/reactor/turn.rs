//! The turn: the owner waits, and those who waited for what has happened are woken. And what ends its wait.

use super::instance::Instance;
use super::wakers::wake_all;
use super::{Reactor, elsewhere};
use crate::source::{Ready, Registered, Token};
use crate::spare_pipes;
use crate::sync::lock;
use crate::sys::clock::real_now;
use crate::sys::epoll::{CAPACITY, Event, Wait};
use std::io;
use std::mem::MaybeUninit;
use std::task::Waker;
use std::time::Instant;

impl Reactor {
    /// The wakers that a turn's buffer keeps room for between turns.
    const KEEP_WAKERS: usize = 64;

    /// Waits until something happens, `deadline` passes or another thread calls [`unpark`](Self::unpark), and wakes
    /// who waited for it. Returns the number of descriptors that had something to tell.
    ///
    /// With no deadline it may wait for ever. A deadline that has passed does not sleep. It may return before its
    /// deadline with nothing to tell (a signal, an earlier deadline): call it again. Only one thread at a time,
    /// the owner, may call this.
    ///
    /// The deadline goes to the timerfd, to the nanosecond, and only if it is nearer than what the timerfd is
    /// armed with.
    ///
    /// # Errors
    ///
    /// What `epoll_wait(2)` and `timerfd_settime(2)` report. None is known that a sound program can cause, but the one in a child of
    /// `fork`, which has no part in its parent's reactor.
    pub fn turn(&self, deadline: Option<Instant>) -> io::Result<usize> {
        self.turn_then(deadline, || ())
    }

    /// As [`turn`](Self::turn), and runs `awake` when the wait is over, before anybody is woken for what has happened: an owner
    /// that tells others when it sleeps tells them there that it does not.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn). `awake` has run.
    pub fn turn_then(&self, deadline: Option<Instant>, awake: impl FnOnce()) -> io::Result<usize> {
        if !self.is_of_this_process() {
            awake();
            return Err(elsewhere());
        }
        #[cfg(all(debug_assertions, not(loom)))]
        lock(&self.sources).check(self);
        if !self.parker.park() {
            awake();
            return self.turn_now();
        }
        let Some(instance) = self.instance.get() else {
            return self.wait_at_doorbell(deadline, awake);
        };
        let mut buffer = [MaybeUninit::uninit(); CAPACITY];
        let events = self
            .wait_until(instance, deadline)
            .and_then(|wait| instance.epoll.wait(&mut buffer, wait));
        self.parker.unparked();
        let events = match events {
            Ok(events) => events,
            Err(error) => {
                awake();
                return Err(error);
            }
        };
        let unwinding = DispatchAnyway {
            reactor: self,
            instance,
            events,
        };
        awake();
        std::mem::forget(unwinding);
        Ok(self.dispatch(instance, events))
    }

    /// The owner has parked, and has seen no descriptors.
    #[cold]
    #[inline(never)]
    fn wait_at_doorbell(
        &self,
        deadline: Option<Instant>,
        awake: impl FnOnce(),
    ) -> io::Result<usize> {
        self.doorbell.wait(deadline);
        self.parker.unparked();
        awake();
        self.turn_now()
    }

    /// Lets a wait of the owner end at `deadline`, or before: one that it is in, or one that it begins before that. It
    /// may end early for this once and find nothing, which it may at any time.
    ///
    /// Any thread may call this. It is a system call only if the timerfd is not armed for as early a moment.
    ///
    /// # Errors
    ///
    /// What `timerfd_settime(2)` reports. None is known that a sound program can cause.
    pub fn end_wait_at(&self, deadline: Instant) -> io::Result<()> {
        if !self.is_of_this_process() {
            return Ok(());
        }
        let Some(instance) = self.instance.get() else {
            // It ends now, and the owner looks at its own deadline again.
            self.unpark();
            return Ok(());
        };
        let wake = || {
            if self.parker.is_parked() {
                self.unpark();
            }
        };
        instance.alarm.ask(deadline, real_now(), wake).map(drop)
    }

    /// How long a turn may wait, with the timerfd armed for its end.
    ///
    /// The clock is read after the unpark word says «parked». A sibling that takes the timerfd's event before that
    /// leaves a clock that tells of it (see `alarm.rs`); one that takes it later finds the owner parked, and
    /// wakes it (see `dispatch`).
    fn wait_until(&self, instance: &Instance, deadline: Option<Instant>) -> io::Result<Wait> {
        if let Some(deadline) = deadline {
            let now = real_now();
            if deadline <= now {
                return Ok(Wait::ZERO);
            }
            instance.alarm.arm(deadline, now)?;
            debug_assert!(
                instance.alarm.ends_wait_by(deadline) || self.parker.is_notified(),
                "the timerfd is armed for later than this wait is to end"
            );
        } else {
            instance.alarm.waits_forever();
        }
        // A wait that ends for this ends with nothing to tell, and the owner begins another.
        Ok(spare_pipes::tidy().map_or(Wait::FOREVER, Wait::at_most))
    }

    /// Wakes who waits for something that has happened, and does not sleep. It does not touch the timerfd, and any
    /// thread may call it, also while the owner sleeps: what was to end that sleep still ends it.
    ///
    /// # Errors
    ///
    /// What `epoll_wait(2)` reports. None is known that a sound program can cause.
    pub fn turn_now(&self) -> io::Result<usize> {
        if !self.is_of_this_process() {
            return Err(elsewhere());
        }
        let mut buffer = [MaybeUninit::uninit(); CAPACITY];
        #[cfg(all(debug_assertions, not(loom)))]
        lock(&self.sources).check(self);
        let Some(instance) = self.instance.get() else {
            return Ok(0);
        };
        let events = instance.epoll.wait(&mut buffer, Wait::ZERO)?;
        Ok(self.dispatch(instance, events))
    }

    /// Ends the wait of the thread that sleeps in [`turn`](Self::turn), or keeps the next one from sleeping.
    ///
    /// Only when the owner does sleep, and only for the first of a burst of calls, is this a system call.
    #[inline]
    pub fn unpark(&self) {
        if self.parker.unpark() {
            self.end_wait();
        }
    }

    /// Ends the wait that the owner is in, or about to begin, wherever it waits.
    #[cold]
    #[inline(never)]
    fn end_wait(&self) {
        if !self.is_of_this_process() {
            return;
        }
        match self.instance.get() {
            // The write fails only if the counter is full, and then the owner is awake.
            Some(instance) => drop(instance.wake.notify()),
            None => self.doorbell.ring(),
        }
    }

    fn dispatch(&self, instance: &Instance, events: &[Event]) -> usize {
        if events.is_empty() {
            return 0;
        }
        let mut wakers;
        let mut told = 0;
        let (mut own, mut clock) = (false, false);
        {
            let mut sources = lock(&self.sources);
            wakers = std::mem::take(&mut sources.spare_wakers);
            for event in events {
                let (token, happened) = (Token::from_bits(event.u64), event.events);
                if let Some(Registered { source, .. }) = sources.get(token) {
                    told += 1;
                    source.dispatch(Ready::from_epoll(happened), &mut wakers);
                } else if token == Token::CLOCK {
                    clock = true;
                } else {
                    own |= token.is_own();
                }
            }
        }
        if clock && let Some(waker) = self.clock.waker() {
            wakers.push(Waker::clone(&waker));
        }
        // The reactor's own descriptors end the owner's wait, which is all they do. If it still waits, then this
        // thread is not the owner and has taken from it what each edge gives to one wait alone: it makes another.
        if own && self.parker.is_parked() {
            let _ = instance.wake.notify();
        }
        wake_all(&mut wakers);
        if wakers.capacity() <= Self::KEEP_WAKERS {
            lock(&self.sources).spare_wakers = wakers;
        }
        told
    }
}

/// Dropped, because the owner's function panics, it hands on what has happened: the kernel tells of an edge once.
struct DispatchAnyway<'a> {
    reactor: &'a Reactor,
    instance: &'a Instance,
    events: &'a [Event],
}

impl Drop for DispatchAnyway<'_> {
    #[cold]
    fn drop(&mut self) {
        self.reactor.dispatch(self.instance, self.events);
    }
}
