//! What the futures that move bytes have in common: one transfer through a [`Wait`].

use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Interest, Operation, Reading, Wait, Writing};

/// Receives to `buffer`. Nothing fits in an empty one, so that is no end, and nothing to wait for.
///
/// `short_read_drains` is what the stream's [`Io`](crate::stream::sealed::Io) says of it.
#[inline]
pub(crate) fn poll_recv(
    wait: &mut Wait<'_, OwnedFd, Reading>,
    cx: &mut Context<'_>,
    call: Operation<Reading>,
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
    call: Operation<Reading>,
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
    call: Operation<Writing>,
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
    call: Operation<Writing>,
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
    io.try_io(Interest::Read, |fd| socket::recv(fd.as_fd(), buffer))
}

/// As [`try_recv`], to several buffers.
pub(crate) fn try_recv_vectored(
    io: &AsyncFd<OwnedFd>,
    buffers: &mut [IoSliceMut<'_>],
) -> io::Result<usize> {
    if wanted(buffers) == 0 {
        return Ok(0);
    }
    io.try_io(Interest::Read, |fd| {
        socket::recv_vectored(fd.as_fd(), buffers)
    })
}

/// Sends from the front of `buffer` without waiting.
pub(crate) fn try_send(io: &AsyncFd<OwnedFd>, buffer: &[u8]) -> io::Result<usize> {
    io.try_io(Interest::Write, |fd| socket::send(fd.as_fd(), buffer))
}

/// As [`try_send`], from several buffers.
pub(crate) fn try_send_vectored(
    io: &AsyncFd<OwnedFd>,
    buffers: &[IoSlice<'_>],
) -> io::Result<usize> {
    io.try_io(Interest::Write, |fd| {
        socket::send_vectored(fd.as_fd(), buffers)
    })
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
}
