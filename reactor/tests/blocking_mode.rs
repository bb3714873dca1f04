//! A descriptor that `AsyncFd::new` has put into non-blocking mode goes back to the mode that it had: it may be the user's terminal.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use waterwheel_reactor::AsyncFd;
use waterwheel_reactor::sys::fd::set_nonblocking;

fn is_blocking(fd: impl AsFd) -> bool {
    // SAFETY: `F_GETFL` takes no further argument.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0, "{}", io::Error::last_os_error());
    flags & libc::O_NONBLOCK == 0
}

/// A terminal, as its user has it, and the other end. A duplicate stands for what the shell has of it.
fn terminal() -> io::Result<(File, File)> {
    // SAFETY: the call takes no pointers.
    let master = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY) };
    assert!(master >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor.
    let master = unsafe { File::from_raw_fd(master) };
    let mut name = [0; 64];
    // SAFETY: the last call writes no more than `name` has room for.
    let named = unsafe {
        libc::grantpt(master.as_raw_fd()) == 0
            && libc::unlockpt(master.as_raw_fd()) == 0
            && libc::ptsname_r(master.as_raw_fd(), name.as_mut_ptr(), name.len()) == 0
    };
    assert!(named, "{}", io::Error::last_os_error());
    // SAFETY: the call has ended the name with a zero.
    let name = unsafe { std::ffi::CStr::from_ptr(name.as_ptr()) };
    let path = name.to_str().expect("a path");
    let terminal = OpenOptions::new().read(true).write(true).open(path)?;
    Ok((terminal, master))
}

fn all() -> io::Result<Vec<OwnedFd>> {
    let (terminal, master) = terminal()?;
    let (reader, writer) = io::pipe()?;
    let (ours, theirs) = UnixStream::pair()?;
    Ok(vec![
        terminal.into(),
        master.into(),
        reader.into(),
        writer.into(),
        ours.into(),
        theirs.into(),
    ])
}

#[test]
fn a_descriptor_goes_back_to_the_mode_that_it_had() -> io::Result<()> {
    for fd in all()? {
        let shells = fd.try_clone()?;
        // Dropped, taken apart, lent; and again.
        for _ in 0..2 {
            let borrowed = AsyncFd::new(fd.as_fd())?;
            assert!(!is_blocking(&shells));
            drop(borrowed);
            assert!(is_blocking(&shells));
        }
        let fd = AsyncFd::new(fd)?.into_inner();
        assert!(is_blocking(&shells) && is_blocking(&fd));
        let taken = AsyncFd::new(Arc::new(fd))?;
        drop(taken);
        assert!(is_blocking(&shells), "though the descriptor is closed");
    }
    Ok(())
}

#[test]
fn what_was_non_blocking_before_stays_so() -> io::Result<()> {
    for fd in all()? {
        let others = fd.try_clone()?;
        assert!(set_nonblocking(others.as_fd())?, "it was blocking");
        drop(AsyncFd::new(fd.as_fd())?);
        assert!(!is_blocking(&others));
        drop(AsyncFd::from_nonblocking(fd));
        assert!(!is_blocking(&others));
    }
    Ok(())
}

/// The standard input and the standard output of a terminal are one open file.
#[test]
fn of_several_that_hold_one_open_file_the_last_puts_it_back() -> io::Result<()> {
    for fd in all()? {
        let others = fd.try_clone()?;
        for last in 0..3 {
            let mut held: Vec<AsyncFd<BorrowedFd<'_>>> = Vec::new();
            for _ in 0..3 {
                held.push(AsyncFd::new(fd.as_fd())?);
            }
            let last = held.remove(last);
            drop(held);
            assert!(!is_blocking(&others), "one is left");
            drop(last);
            assert!(is_blocking(&others));
        }
    }
    Ok(())
}

/// The two ends of a pipe are of one file, and not of one open file.
#[test]
fn the_ends_of_a_pipe_are_told_apart() -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    let (reading, writing) = (AsyncFd::new(reader.as_fd())?, AsyncFd::new(writer.as_fd())?);
    drop(reading);
    assert!(is_blocking(&reader) && !is_blocking(&writer));
    drop(writing);
    assert!(is_blocking(&writer));
    Ok(())
}

#[test]
fn one_that_cannot_be_taken_is_an_error_and_changes_nothing() -> io::Result<()> {
    // SAFETY: the descriptor is not open, and the call only says so.
    let closed = unsafe { BorrowedFd::borrow_raw(1_000_000) };
    let error = AsyncFd::new(closed).expect_err("it is not open");
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    let (reader, _writer) = io::pipe()?;
    drop(AsyncFd::new(reader.as_fd())?);
    assert!(is_blocking(&reader));
    Ok(())
}

/// Threads that take and let go of the same open file leave it as it was.
#[test]
fn threads_agree_on_the_mode() -> io::Result<()> {
    let (terminal, _master) = terminal()?;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let taken = AsyncFd::new(terminal.as_fd()).expect("it is open");
                    assert!(!is_blocking(&terminal));
                    drop(taken);
                }
            });
        }
    });
    assert!(is_blocking(&terminal));
    Ok(())
}

fn eventfd(flags: libc::c_int) -> OwnedFd {
    // SAFETY: the call takes no pointers.
    let fd = unsafe { libc::eventfd(0, flags | libc::EFD_CLOEXEC) };
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// All eventfds have one inode, and so have all other files without a name.
#[test]
fn open_files_that_look_the_same_are_told_apart() -> io::Result<()> {
    for first_is_first in [true, false] {
        for was_blocking in [true, false] {
            let first = eventfd(0);
            let second = eventfd(if was_blocking { 0 } else { libc::EFD_NONBLOCK });
            let mut held = [
                AsyncFd::new(first.as_fd())?,
                AsyncFd::new(second.as_fd())?,
                AsyncFd::new(first.as_fd())?,
            ];
            if !first_is_first {
                held.reverse();
            }
            let [one, other, last] = held;
            drop(one);
            assert!(!is_blocking(&first) && !is_blocking(&second));
            drop(other);
            assert!(!is_blocking(&first));
            assert_eq!(is_blocking(&second), was_blocking);
            drop(last);
            assert!(is_blocking(&first));
            assert_eq!(is_blocking(&second), was_blocking);
        }
    }
    Ok(())
}

#[test]
fn a_terminal_that_was_opened_twice_goes_back_both_times() -> io::Result<()> {
    let (terminal, _master) = terminal()?;
    let again = format!("/proc/self/fd/{}", terminal.as_raw_fd());
    let again = OpenOptions::new().read(true).write(true).open(again)?;
    let (one, other) = (AsyncFd::new(&terminal)?, AsyncFd::new(&again)?);
    drop(one);
    assert!(is_blocking(&terminal) && !is_blocking(&again));
    drop(other);
    assert!(is_blocking(&again));
    Ok(())
}
