//! `fcntl(2)`, `fstat(2)`, `kcmp(2)`: what holds for any descriptor.

use super::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// Puts the open file that `fd` refers to into non-blocking mode. Returns whether it was in blocking mode before.
///
/// The mode belongs to the open file, not to the descriptor: a duplicate of `fd`, in this process or another,
/// becomes non-blocking with it.
///
/// # Errors
///
/// The kernel's, from `fcntl(2)`.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let flags = flags(fd)?;
    let was_blocking = flags & libc::O_NONBLOCK == 0;
    if was_blocking {
        set_flags(fd, flags | libc::O_NONBLOCK)?;
    }
    Ok(was_blocking)
}

/// Puts it into blocking mode.
pub(crate) fn set_blocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = flags(fd)?;
    set_flags(fd, flags & !libc::O_NONBLOCK)
}

fn flags(fd: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    // SAFETY: `F_GETFL` takes no further argument, and `fd` is open.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })
}

fn set_flags(fd: BorrowedFd<'_>, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: `F_SETFL` takes an integer, and `fd` is open.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) })?;
    Ok(())
}

/// What the open file of a descriptor is, as far as can be told without a privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: libc::dev_t,
    inode: libc::ino_t,
    access: libc::c_int,
}

/// Tells the open files of two descriptors apart, if they are of different files or opened for different access.
pub(crate) fn identity(fd: BorrowedFd<'_>) -> io::Result<Identity> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `status` is a place that the call may write to, and `fd` is open.
    check(unsafe { libc::fstat(fd.as_raw_fd(), status.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, and so written it.
    let status = unsafe { status.assume_init() };
    Ok(Identity {
        device: status.st_dev,
        inode: status.st_ino,
        access: flags(fd)? & libc::O_ACCMODE,
    })
}

/// Whether two descriptors of this process are of one open file. `None` where the kernel does not say: it may be built without
/// `kcmp(2)`, or a filter of system calls may refuse it.
pub(crate) fn is_same_file(fd: BorrowedFd<'_>, other: RawFd) -> Option<bool> {
    const KCMP_FILE: libc::c_long = 0;
    if cfg!(miri) {
        return None;
    }
    let process = libc::c_long::from(std::process::id().cast_signed());
    let (fd, other) = (fd.as_raw_fd().into(), other.into());
    let (fd, other): (libc::c_long, libc::c_long) = (fd, other);
    // SAFETY: the call takes no pointers. It gives an error for a number that no descriptor has.
    match unsafe { libc::syscall(libc::SYS_kcmp, process, process, KCMP_FILE, fd, other) } {
        0 => Some(true),
        // The order of the two.
        1.. => Some(false),
        _ => None,
    }
}
