//! Every system call that Waterwheel makes, each behind a safe function.
//!
//! The calls stand in one place so that they can be counted, faulted, and one day simulated. Nothing here
//! keeps state or policy: a function makes its call, and turns the result into an [`io::Result`] that bears the
//! kernel's own error.
//!
//! | module | calls |
//! |---|---|
//! | `epoll` | `epoll_create1`, `epoll_ctl`, `epoll_wait` |
//! | `eventfd` | `eventfd`, `write` |
//! | `signal` | `sigaction`; `write`, in the handler |
//! | `timerfd` | `timerfd_create`, `timerfd_settime` |
//! | [`clock`] | `clock_gettime` |
//! | [`fd`] | `fcntl`, `fstat` |
//! | [`fork`] | `mmap`, `madvise`, once; or else `getpid` |
//! | [`socket`] | `socket`, `bind`, `listen`, `connect`, `accept4`, `recv`, `recvmsg`, `send`, `sendmsg`, `shutdown`, … |
//! | [`datagram`], [`messages`] | `recvfrom`, `sendto`, `recvmmsg`, `sendmmsg` |
//! | [`options`], [`credentials`] | `getsockopt`, `setsockopt` |
//! | [`pipe`], [`splice`], [`sendfile`] | `pipe2`, `fcntl`, `splice`, `sendfile` |
//! | `sigpipe` | `sigaction`, `pthread_sigmask`, `sigpending`, `sigtimedwait` |
//! | [`address`] | none: the form in which they take addresses |

pub mod address;
pub mod clock;
pub mod credentials;
pub mod datagram;
pub(crate) mod epoll;
pub(crate) mod eventfd;
pub mod fd;
pub mod fork;
pub mod messages;
pub mod options;
pub mod pipe;
pub mod sendfile;
pub(crate) mod signal;
mod sigpipe;
pub mod socket;
pub mod splice;
pub(crate) mod timerfd;

use std::io;

/// Turns the C convention, −1 and `errno`, into a `Result`.
#[inline]
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// As [`check`], for the calls that return a number of bytes.
#[inline]
fn transferred(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Makes a call until no signal interrupts it.
#[inline]
fn retry<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_call_is_made_again() {
        let mut calls = 0;
        let result = retry(|| {
            calls += 1;
            match calls {
                1 | 2 => Err(io::Error::from_raw_os_error(libc::EINTR)),
                _ => Ok(calls),
            }
        });
        assert_eq!(result.expect("the third call"), 3);
    }
}
