//! What the futures that move bytes have in common: one transfer through a [`Wait`]; and the end of a direction.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Call, Direction, Reading, Wait, Writing};

/// Receives to `buffer`. Nothing fits in an empty one, so that is no end, and nothing to wait for.
///
/// `short_read_drains` is what the stream's [`Io`](crate::stream::sealed::Io) says of it.
#[inline]
pub(crate) fn poll_recv(
    wait: &mut Wait<'_, OwnedFd, Reading>,
    cx: &mut Context<'_>,
    call: Call<Reading>,
    short_read_drains: bool,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    if buffer.is_empty() {
        return wait.poll_nothing(cx).map(|()| Ok(0));
    }
    let wanted = short_of(short_read_drains, buffer.len());
    wait.poll_transfer(cx, call, wanted, |fd| socket::recv(fd.as_fd(), buffer))
}

/// As [`poll_recv`], to several buffers.
pub(crate) fn poll_recv_vectored(
    wait: &mut Wait<'_, OwnedFd, Reading>,
    cx: &mut Context<'_>,
    call: Call<Reading>,
    short_read_drains: bool,
    buffers: &mut [IoSliceMut<'_>],
) -> Poll<io::Result<usize>> {
    let wanted = wanted(buffers);
    if wanted == 0 {
        return wait.poll_nothing(cx).map(|()| Ok(0));
    }
    let wanted = short_of(short_read_drains, wanted);
    wait.poll_transfer(cx, call, wanted, |fd| {
        socket::recv_vectored(fd.as_fd(), buffers)
    })
}

/// Fewer bytes than that say that there are no more: none are, where a short read says nothing.
#[inline]
pub(crate) fn short_of(short_read_drains: bool, wanted: usize) -> usize {
    if short_read_drains { wanted } else { 0 }
}

/// Sends from the front of `buffer`.
#[inline]
pub(crate) fn poll_send(
    wait: &mut Wait<'_, OwnedFd, Writing>,
    cx: &mut Context<'_>,
    call: Call<Writing>,
    buffer: &[u8],
) -> Poll<io::Result<usize>> {
    wait.poll_transfer(cx, call, buffer.len(), |fd| {
        socket::send(fd.as_fd(), buffer)
    })
}

/// As [`poll_send`], from several buffers.
pub(crate) fn poll_send_vectored(
    wait: &mut Wait<'_, OwnedFd, Writing>,
    cx: &mut Context<'_>,
    call: Call<Writing>,
    buffers: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let wanted = wanted(buffers);
    wait.poll_transfer(cx, call, wanted, |fd| {
        socket::send_vectored(fd.as_fd(), buffers)
    })
}

/// Receives to `buffer` without waiting.
pub(crate) fn try_recv(io: &AsyncFd<OwnedFd>, buffer: &mut [u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    io.try_io(Direction::Read, |fd| socket::recv(fd.as_fd(), buffer))
}

/// As [`try_recv`], to several buffers.
pub(crate) fn try_recv_vectored(
    io: &AsyncFd<OwnedFd>,
    buffers: &mut [IoSliceMut<'_>],
) -> io::Result<usize> {
    if wanted(buffers) == 0 {
        return Ok(0);
    }
    io.try_io(Direction::Read, |fd| {
        socket::recv_vectored(fd.as_fd(), buffers)
    })
}

/// Sends from the front of `buffer` without waiting.
pub(crate) fn try_send(io: &AsyncFd<OwnedFd>, buffer: &[u8]) -> io::Result<usize> {
    io.try_io(Direction::Write, |fd| socket::send(fd.as_fd(), buffer))
}

/// As [`try_send`], from several buffers.
pub(crate) fn try_send_vectored(
    io: &AsyncFd<OwnedFd>,
    buffers: &[IoSlice<'_>],
) -> io::Result<usize> {
    io.try_io(Direction::Write, |fd| {
        socket::send_vectored(fd.as_fd(), buffers)
    })
}

/// Makes `receive`, a call that takes a datagram. Once reading is shut down and none is left, it gives what `end` does.
///
/// The kernel says `EAGAIN` then to a call that does not wait, and tells nothing any more: believed, it would be waited
/// for ever. To one that waits it gives 0 bytes, as does this.
#[inline]
pub(crate) fn recv_or_end<R>(
    io: &AsyncFd<OwnedFd>,
    mut receive: impl FnMut() -> io::Result<R>,
    end: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    match receive() {
        Err(error)
            if error.kind() == io::ErrorKind::WouldBlock && io.is_closed(Direction::Read) =>
        {
            // A datagram may have come between the call and the shutdown.
            match receive() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => end(),
                received => received,
            }
        }
        received => received,
    }
}

/// Ends a direction, or both, and wakes who waits in it. Not of every shutdown does the kernel tell.
pub(crate) fn shutdown(io: &AsyncFd<OwnedFd>, how: Shutdown) -> io::Result<()> {
    socket::shutdown(io.as_fd(), how)?;
    if how != Shutdown::Write {
        io.mark_closed(Direction::Read);
    }
    if how != Shutdown::Read {
        io.mark_closed(Direction::Write);
    }
    Ok(())
}

/// How many bytes one vectored call transfers at most. A transfer of fewer is short; one of as many is not, though
/// the caller had more.
pub(crate) fn wanted<B: Deref<Target = [u8]>>(buffers: &[B]) -> usize {
    let lengths = buffers.iter().take(socket::MAX_BUFFERS).map(|b| b.len());
    lengths
        .fold(0, usize::saturating_add)
        .min(socket::MAX_TRANSFER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_call_does_not_take_is_not_wanted_of_it() {
        assert_eq!(wanted::<IoSlice<'_>>(&[]), 0);
        assert_eq!(
            wanted(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"c")]),
            3
        );
        assert_eq!(
            wanted(&[IoSlice::new(b"ab"); 5000]),
            2 * socket::MAX_BUFFERS
        );
        let large = vec![0; 64 << 20];
        assert_eq!(wanted(&[IoSlice::new(&large); 500]), socket::MAX_TRANSFER);
    }

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
                io.mark_closed(Direction::Read);
            }
            received
        };
        let received = recv_or_end(&io, &mut receive, || Ok(0));
        assert_eq!(received.expect("a datagram"), 4);
        let ended = recv_or_end(&io, &mut receive, || Ok(0));
        assert_eq!(ended.expect("the end"), 0);
    }
}
