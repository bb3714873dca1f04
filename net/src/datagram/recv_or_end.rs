//! The end of receiving, which the kernel tells only to a call that blocks.

use std::io;
use std::os::fd::OwnedFd;
use waterwheel_reactor::{AsyncFd, Interest};

/// Calls `receive`, which takes a datagram. If reading has been shut down and no datagram is left, it returns what `end` gives.
///
/// The kernel then answers `EAGAIN` to a call that does not block, and reports no event any more. A task that believed
/// the answer would wait for ever. A call that blocks gets 0 bytes; so does the caller of this.
#[inline]
pub(super) fn recv_or_end<R>(
    io: &AsyncFd<OwnedFd>,
    mut receive: impl FnMut() -> io::Result<R>,
    end: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    match receive() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && io.is_closed(Interest::Read) => {
            // A datagram may have come between the call and the shutdown.
            match receive() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => end(),
                received => received,
            }
        }
        received => received,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use waterwheel_reactor::sys::socket;

    /// The end is marked, and a last datagram put in, after the first receive has found none.
    #[test]
    fn what_came_right_before_the_end_is_received_before_it() {
        let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().expect("socketpair");
        let io = AsyncFd::new(OwnedFd::from(ours)).expect("fcntl");
        let mut calls = 0;
        let mut buffer = [0; 8];
        let mut receive = || {
            calls += 1;
            let received = socket::recv(io.as_fd(), &mut buffer);
            if calls == 1 {
                theirs.send(b"last").expect("there is room");
                io.mark_closed(Interest::Read);
            }
            received
        };
        let received = recv_or_end(&io, &mut receive, || Ok(0));
        assert_eq!(received.expect("a datagram"), 4);
        let ended = recv_or_end(&io, &mut receive, || Ok(0));
        assert_eq!(ended.expect("the end"), 0);
    }
}
