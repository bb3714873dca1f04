//! The end of a direction.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Interest};

/// Ends a direction, or both, and wakes the tasks that wait in it: the kernel does not report every shutdown as an event.
pub(crate) fn shutdown(io: &AsyncFd<OwnedFd>, how: Shutdown) -> io::Result<()> {
    socket::shutdown(io.as_fd(), how)?;
    if how != Shutdown::Write {
        io.mark_closed(Interest::Read);
    }
    if how != Shutdown::Read {
        io.mark_closed(Interest::Write);
    }
    Ok(())
}
