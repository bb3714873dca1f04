//! `eventfd(2)`: a counter that another thread bumps to end this thread's wait.

use super::{check, retry, transferred};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// An eventfd, non-blocking and closed on exec. It is never read: edge-triggered epoll reports each write, and
/// the counter has room for 2⁶⁴ − 2 of them.
#[derive(Debug)]
pub(crate) struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: the call takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, flags) })?;
        // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// Adds one. A call that a signal interrupts is made again: who is to be woken by it has nobody else.
    pub(crate) fn notify(&self) -> io::Result<()> {
        let (fd, one) = (self.fd.as_raw_fd(), 1u64);
        let from = (&raw const one).cast();
        // SAFETY: `one` is eight readable bytes and lives through the call.
        retry(|| transferred(unsafe { libc::write(fd, from, size_of::<u64>()) }))?;
        Ok(())
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
