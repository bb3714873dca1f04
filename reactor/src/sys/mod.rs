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
//! | `timerfd` | `timerfd_create`, `timerfd_settime`, `clock_gettime` |
//! | [`fd`] | `fcntl` |
//! | [`socket`] | `socket`, `bind`, `listen`, `connect`, `accept4`, `recv`, `readv`, `send`, `sendmsg`, `shutdown`, … |
//! | [`datagram`], [`messages`] | `recvfrom`, `sendto`, `recvmmsg`, `sendmmsg` |
//! | [`options`], [`credentials`] | `getsockopt`, `setsockopt` |
//! | [`address`] | none: the form in which they take addresses |

pub mod address;
pub mod credentials;
pub mod datagram;
pub(crate) mod epoll;
pub(crate) mod eventfd;
pub mod fd;
pub mod messages;
pub mod options;
pub mod socket;
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
