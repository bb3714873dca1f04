//! [`Credentials`]: who is at the other end of a Unix socket (`SO_PEERCRED`).

use super::options;
use std::io;
use std::os::fd::BorrowedFd;

/// Who is at the other end of a Unix socket, as the kernel vouches for it: the process that connected, or that
/// listened, and as whom it ran when it did so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    pid: libc::pid_t,
    uid: libc::uid_t,
    gid: libc::gid_t,
}

impl Credentials {
    /// The process, if it can be seen from this process's pid namespace. It may have ended, and its number may
    /// have been given to another.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        (self.pid > 0).then_some(self.pid)
    }

    /// Its effective user.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Its effective group.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }
}

/// Reads `SO_PEERCRED`.
///
/// # Errors
///
/// The kernel's, from `getsockopt(2)`.
pub fn peer(fd: BorrowedFd<'_>) -> io::Result<Credentials> {
    let libc::ucred { pid, uid, gid } = options::get(fd, libc::SOL_SOCKET, libc::SO_PEERCRED)?;
    Ok(Credentials { pid, uid, gid })
}
