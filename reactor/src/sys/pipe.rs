//! `pipe(7)`: a buffer in the kernel.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Makes a pipe, non-blocking and closed on exec: the end to read from, and the end to write to.
///
/// # Errors
///
/// The kernel's, from `pipe2(2)`: `EMFILE` or `ENFILE` when descriptors have run out.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    // SAFETY: the kernel writes two descriptors to `fds`.
    check(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just made these descriptors, and nobody else knows of them.
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

/// Asks for a pipe to hold `bytes`, and returns what it holds, which may be more.
///
/// # Errors
///
/// The kernel's, from `fcntl(2)`: `EPERM` above `fs.pipe-max-size`, or when the user has more in pipes than
/// `fs.pipe-user-pages-soft`.
pub fn set_capacity(fd: BorrowedFd<'_>, bytes: usize) -> io::Result<usize> {
    let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // SAFETY: `F_SETPIPE_SZ` takes an integer, and `fd` is open.
    let size = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETPIPE_SZ, wanted) })?;
    Ok(size as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// Pitfall: a descriptor without CLOEXEC reaches children (tokio#3809).
    #[test]
    fn a_pipe_is_non_blocking_and_closed_on_exec() {
        let (reader, writer) = pipe().expect("pipe2");
        assert_eq!(set_capacity(writer.as_fd(), 4096).expect("fcntl"), 4096);
        for fd in [reader, writer] {
            // SAFETY: neither command takes a further argument, and `fd` is open.
            let (descriptor, status) = unsafe {
                (
                    libc::fcntl(fd.as_raw_fd(), libc::F_GETFD),
                    libc::fcntl(fd.as_raw_fd(), libc::F_GETFL),
                )
            };
            assert_eq!(descriptor & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
            assert_eq!(status & libc::O_NONBLOCK, libc::O_NONBLOCK);
        }
    }
}
