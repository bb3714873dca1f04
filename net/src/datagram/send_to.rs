//! [`SendTo`]: one datagram, to an address.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::address::Address;
use waterwheel_reactor::sys::datagram;
use waterwheel_reactor::{AsyncFd, Interest, Operation, Wait, Writing};

const SEND_TO: Operation<Writing> = Operation::new("UdpSocket::send_to");

/// The future of [`UdpSocket::send_to`](crate::UdpSocket::send_to).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct SendTo<'a> {
    wait: Wait<'a, OwnedFd, Writing>,
    buffer: &'a [u8],
    to: SocketAddr,
}

impl<'a> SendTo<'a> {
    pub(crate) fn new(io: &'a AsyncFd<OwnedFd>, buffer: &'a [u8], to: SocketAddr) -> Self {
        let wait = Wait::new(io);
        Self { wait, buffer, to }
    }
}

impl Future for SendTo<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffer, to } = &mut *self;
        wait.poll_io(cx, SEND_TO, |fd| datagram::send_to(fd.as_fd(), buffer, to))
    }
}

/// Sends a datagram to an address without waiting.
pub(crate) fn try_send_to<A: Address>(
    io: &AsyncFd<OwnedFd>,
    buffer: &[u8],
    to: &A,
) -> io::Result<usize> {
    io.try_io(Interest::Write, |fd| {
        datagram::send_to(fd.as_fd(), buffer, to)
    })
}
