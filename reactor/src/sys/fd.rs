//! `fcntl(2)`: what holds for any descriptor.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Puts the open file that `fd` refers to into non-blocking mode.
///
/// The mode belongs to the open file, not to the descriptor: a duplicate of `fd`, in this process or another,
/// becomes non-blocking with it.
///
/// # Errors
///
/// The kernel's, from `fcntl(2)`.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: `F_GETFL` takes no further argument, and `fd` is open.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    if flags & libc::O_NONBLOCK == 0 {
        // SAFETY: `F_SETFL` takes an integer, and `fd` is open.
        check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    }
    Ok(())
}
