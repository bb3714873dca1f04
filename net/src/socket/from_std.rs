//! Sockets of the standard library become ours.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::AsyncFd;
use waterwheel_reactor::sys::fd;

/// Takes a socket of the standard library, and puts it into non-blocking mode. It stays in that mode, also when `into_std` gives it
/// back.
pub(crate) fn from_std(socket: impl Into<OwnedFd>) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = socket.into();
    fd::set_nonblocking(fd.as_fd())?;
    Ok(AsyncFd::from_nonblocking(fd))
}
