//! `sendfile(2)`: bytes from a file to a socket that do not come to us.

use super::sigpipe::without_sigpipe;
use super::{retry, transferred};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sends up to `most` bytes of `file`, from `offset` on, to `socket`: 0 if there are none. The file's own position stays
/// where it is.
///
/// It does not wait for room in the socket, but does for the file's pages, and raises no SIGPIPE.
///
/// # Errors
///
/// The kernel's, from `sendfile(2)`: `EAGAIN` when there is no room; `EINVAL` for a file that cannot be mapped, or an
/// offset that is none; `EPIPE` or `ECONNRESET` when the peer has gone; `EIO`.
pub fn sendfile(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: u64,
    most: usize,
) -> io::Result<usize> {
    let mut offset =
        libc::off64_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let (socket, file) = (socket.as_raw_fd(), file.as_raw_fd());
    without_sigpipe(|| {
        // SAFETY: both descriptors are open, and `offset` lives through the call.
        retry(|| transferred(unsafe { libc::sendfile64(socket, file, &raw mut offset, most) }))
    })
}
