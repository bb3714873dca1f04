//! [`SendDatagram`]: one datagram, to whom the socket is connected.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Interest, Operation, Wait, Writing};

/// The future of [`UdpSocket::send`](crate::UdpSocket::send), and of the same method of
/// [`UnixDatagram`](crate::UnixDatagram).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct SendDatagram<'a> {
    wait: Wait<'a, OwnedFd, Writing>,
    buffer: &'a [u8],
    call: Operation<Writing>,
}

impl<'a> SendDatagram<'a> {
    pub(crate) fn new(
        io: &'a AsyncFd<OwnedFd>,
        buffer: &'a [u8],
        call: Operation<Writing>,
    ) -> Self {
        let wait = Wait::new(io);
        Self { wait, buffer, call }
    }
}

impl Future for SendDatagram<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffer, call } = &mut *self;
        wait.poll_io(cx, *call, |fd| socket::send(fd.as_fd(), buffer))
    }
}

/// Sends a datagram without waiting.
pub(crate) fn try_send(io: &AsyncFd<OwnedFd>, buffer: &[u8]) -> io::Result<usize> {
    io.try_io(Interest::Write, |fd| socket::send(fd.as_fd(), buffer))
}
