//! [`Listening`]: a listener that one task accepts from, and that any thread may close.
//!
//! The task accepts under the listener's lock, and [`close`](Listening::close) takes the listener out under it. So a connection is accepted before
//! the listener is closed, and then it has a [`Place`], or never. The lock is held for `accept4(2)`, which does not wait, and
//! no code of users runs under it: neither a waker of theirs nor a place is dropped there.
//!
//! Lock order: this lock, then the register's.

use super::listener::accept_now;
use super::register::{Close, Place, Register};
use crate::stream::ListenerSocket;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use waterwheel_reactor::{Interest, Operation, OwnedWait, Reading};

const ACCEPT: Operation<Reading> = Operation::new("serve");

/// How many connections are refused between two pauses.
const REFUSED_AT_A_TIME: usize = 64;

#[derive(Debug)]
pub(super) struct Listening<L>(Mutex<Option<Open<L>>>);

#[derive(Debug)]
struct Open<L> {
    listener: L,
    stay: OwnedWait<Reading>,
    reserve: Reserve,
}

/// A connection with its place, or nothing, if there is no room for one or nothing is accepted any more.
type Accepted<L> = Option<(
    <L as ListenerSocket>::Stream,
    <L as ListenerSocket>::Address,
    Place,
)>;

impl<L: ListenerSocket> Listening<L> {
    pub(super) fn new(listener: L) -> Self {
        let reserve = Reserve::new(&listener);
        Self(Mutex::new(Some(Open {
            listener,
            stay: OwnedWait::new(),
            reserve,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open<L>>> {
        // Nothing that panics leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a connection that there is a place for, or leaves the task's waker.
    pub(super) fn poll_accept(
        &self,
        register: &Arc<Register>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<L>>> {
        // A place that is not used is dropped after the lock, as it is declared before: that wakes others.
        let mut place: Option<Place> = None;
        let mut guard = self.lock();
        let Some(open) = &mut *guard else {
            return Poll::Ready(Ok(None));
        };
        loop {
            ready!(open.stay.poll_ready(open.listener.io(), ACCEPT, cx.waker()))?;
            let Some(mut here) = place.take().or_else(|| register.try_place()) else {
                return Poll::Ready(Ok(None));
            };
            let listener = open.listener.io();
            match listener.try_io(Interest::Read, accept_now::<L>) {
                Ok((stream, peer)) => {
                    here.accepted();
                    open.reserve.restore(&open.listener);
                    return Poll::Ready(Ok(Some((stream, peer, here))));
                }
                Err(error) => {
                    place = Some(here);
                    if error.kind() != io::ErrorKind::WouldBlock {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
    }

    /// Accepts those who wait by the reserved descriptor, one after the other, and closes them.
    pub(super) fn refuse(&self, register: &Register) {
        if let Some(Open {
            listener, reserve, ..
        }) = &mut *self.lock()
        {
            reserve.refuse(listener, register);
        }
    }
}

impl<L: ListenerSocket> Close for Listening<L> {
    fn close(&self) {
        let open = self.lock().take();
        // Without the lock: the reactor drops the task's waker.
        drop(open);
    }
}

/// A descriptor that can be done without: a duplicate of the listener's.
#[derive(Debug)]
struct Reserve(Option<OwnedFd>);

impl Reserve {
    fn new<L: ListenerSocket>(listener: &L) -> Self {
        Self(listener.as_fd().try_clone_to_owned().ok())
    }

    /// Takes a descriptor again, if it has been given up.
    fn restore<L: ListenerSocket>(&mut self, listener: &L) {
        if self.0.is_none() {
            *self = Self::new(listener);
        }
    }

    fn refuse<L: ListenerSocket>(&mut self, listener: &L, register: &Register) {
        for _ in 0..REFUSED_AT_A_TIME {
            if self.0.take().is_none() {
                // Somebody else has had it. It comes back when there are descriptors again.
                return self.restore(listener);
            }
            let accepted = listener.io().try_io(Interest::Read, accept_now::<L>);
            let refused = accepted.is_ok();
            drop(accepted);
            self.restore(listener);
            if !refused {
                return;
            }
            register.refused();
        }
    }
}
