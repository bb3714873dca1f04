//! [`ClockWatch`]: hears when the wall clock is set, for who has asked for that.
//!
//! The descriptor is made when the first asks, so a program that knows no wall-clock time has none. It is one of the reactor's
//! own: its event is dispatched in the turn of whichever thread receives it.
//!
//! Lock order: a leaf, but for the epoll instance below it. No user code runs under it: the waker is behind an `Arc`, which is
//! what is cloned there.

use crate::source::Token;
use crate::sync::{Mutex, lock};
use crate::sys::epoll::Epoll;
use crate::sys::timerfd::ClockSetFd;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::task::Waker;

#[derive(Debug)]
pub(crate) struct ClockWatch {
    watched: Mutex<Option<Watched>>,
}

#[derive(Debug)]
struct Watched {
    fd: ClockSetFd,
    waker: Arc<Waker>,
}

impl ClockWatch {
    pub(crate) fn new() -> Self {
        Self {
            watched: Mutex::new(None),
        }
    }

    /// Has `waker` woken from now on, in place of who was before.
    pub(crate) fn begin(&self, epoll: &Epoll, waker: Waker) -> io::Result<()> {
        let mut waker = Arc::new(waker);
        let mut watched = lock(&self.watched);
        if let Some(watched) = &mut *watched {
            std::mem::swap(&mut watched.waker, &mut waker);
        } else {
            let fd = ClockSetFd::new()?;
            epoll.add_readable(fd.as_fd(), Token::CLOCK.to_bits())?;
            *watched = Some(Watched { fd, waker });
            return Ok(());
        }
        drop(watched);
        // The displaced one, and with it perhaps code of others.
        drop(waker);
        Ok(())
    }

    /// Who is to be woken.
    pub(crate) fn waker(&self) -> Option<Arc<Waker>> {
        let watched = lock(&self.watched);
        watched.as_ref().map(|watched| Arc::clone(&watched.waker))
    }

    /// Lets the descriptor go, and the waker.
    pub(crate) fn end(&self, epoll: &Epoll) {
        let watched = lock(&self.watched).take();
        if let Some(watched) = watched {
            // Not left to the closing of the descriptor: a child may have inherited it by fork.
            let _ = epoll.delete(watched.fd.as_fd().as_raw_fd());
        }
    }
}
