//! `splice(2)`: bytes from one descriptor to another that do not come to us. One of the two is a pipe.

use super::sigpipe::without_sigpipe;
use super::{retry, transferred};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Moves up to `most` bytes from `from`, a pipe or a socket, to `to`, the other of the two: 0 at the end of the stream.
///
/// It blocks on neither, and raises no SIGPIPE.
///
/// # Errors
///
/// The kernel's, from `splice(2)`: `EAGAIN` when there is nothing to take, or no room to put it; `EINVAL` for a
/// descriptor that it cannot splice; `EPIPE` or `ECONNRESET` when the peer has gone.
pub fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    let null = std::ptr::null_mut();
    without_sigpipe(|| {
        // SAFETY: both descriptors are open, and no offset is given.
        retry(|| transferred(unsafe { libc::splice(from, null, to, null, most, flags) }))
    })
}
