//! `epoll(7)`: the kernel's list of descriptors that have something to tell.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// How many events one wait brings at most. The buffer lives on the stack of the turn: 12 KiB.
pub(crate) const CAPACITY: usize = 1024;

/// One event: what happened (`EPOLL…` bits) and the token that the descriptor was registered with.
pub(crate) type Event = libc::epoll_event;

/// How long a wait may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// As `epoll_wait(2)` has it.
    milliseconds: libc::c_int,
}

impl Wait {
    /// Report what is there, and return.
    pub(crate) const ZERO: Self = Self { milliseconds: 0 };
    /// Sleep until there is an event.
    pub(crate) const FOREVER: Self = Self { milliseconds: -1 };

    /// Sleep until there is an event, or so long. Rounded up, as a millisecond too early would be for nothing.
    #[cold]
    pub(crate) fn at_most(time: Duration) -> Self {
        let milliseconds = time.as_millis() + 1;
        Self {
            milliseconds: libc::c_int::try_from(milliseconds).unwrap_or(libc::c_int::MAX),
        }
    }
}

/// An epoll instance, closed on exec.
#[derive(Debug)]
pub(crate) struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    /// What is reported of a descriptor.
    const WANTED: libc::c_int =
        libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLPRI | libc::EPOLLRDHUP | libc::EPOLLET;

    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// Adds a descriptor, edge-triggered, for both directions, urgent data and the peer's half-close.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), Self::WANTED, token)
    }

    /// Lets the next wait report a descriptor that has been added, if anything holds of it, as if that were new.
    pub(crate) fn rearm(&self, fd: RawFd, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, Self::WANTED, token)
    }

    /// Adds a descriptor, edge-triggered, for reading alone: for the reactor's own eventfd and timerfd.
    pub(crate) fn add_readable(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.control(
            libc::EPOLL_CTL_ADD,
            fd.as_raw_fd(),
            libc::EPOLLIN | libc::EPOLLET,
            token,
        )
    }

    pub(crate) fn delete(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: RawFd,
        events: libc::c_int,
        token: u64,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events.cast_unsigned(),
            u64: token,
        };
        // SAFETY: `event` lives through the call, and the kernel keeps a copy, not the pointer.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &raw mut event) })?;
        Ok(())
    }

    /// Waits, and returns the events that the kernel wrote to the front of `buffer`.
    ///
    /// A signal that interrupts the wait ends it with no events: whoever waits has a deadline of its own and
    /// computes its wait anew, so nothing is restarted here.
    pub(crate) fn wait<'a>(
        &self,
        buffer: &'a mut [std::mem::MaybeUninit<Event>; CAPACITY],
        wait: Wait,
    ) -> io::Result<&'a [Event]> {
        // SAFETY: the kernel writes at most `CAPACITY` events to `buffer`, which has room for as many.
        let count = check(unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                CAPACITY as libc::c_int,
                wait.milliseconds,
            )
        });
        let count = match count {
            Ok(count) => count as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        // SAFETY: the kernel has initialized the first `count` events.
        Ok(unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast(), count) })
    }
}
