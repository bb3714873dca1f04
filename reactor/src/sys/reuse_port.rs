//! `SO_REUSEPORT`: several sockets at one address.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Lets other sockets of this user, that say so too, be bound to the same address; set before the socket is bound. The
/// kernel deals connections out among those that listen.
///
/// # Errors
///
/// The kernel's, from `setsockopt(2)`.
pub fn set_reuse_port(fd: BorrowedFd<'_>, reuse: bool) -> io::Result<()> {
    let value = libc::c_int::from(reuse);
    let (from, length) = ((&raw const value).cast(), size_of_val(&value));
    let (level, name) = (libc::SOL_SOCKET, libc::SO_REUSEPORT);
    // SAFETY: `from` points to `length` bytes that live through the call.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, from, length as _) })?;
    Ok(())
}
