//! [`RecvFrom`]: the next datagram, and who sent it.

use super::Take;
use super::recv_or_end;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::address::Address;
use waterwheel_reactor::sys::datagram;
use waterwheel_reactor::{AsyncFd, Interest, Operation, Reading, Wait};

/// The future of [`UdpSocket::recv_from`](crate::UdpSocket::recv_from), and of the like methods of it and of
/// [`UnixDatagram`](crate::UnixDatagram).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct RecvFrom<'a, A = SocketAddr> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffer: &'a mut [u8],
    take: Take,
    call: Operation<Reading>,
    address: PhantomData<fn() -> A>,
}

impl<'a, A: Address> RecvFrom<'a, A> {
    pub(crate) fn new(
        io: &'a AsyncFd<OwnedFd>,
        buffer: &'a mut [u8],
        take: Take,
        call: Operation<Reading>,
    ) -> Self {
        Self {
            wait: Wait::new(io),
            buffer,
            take,
            call,
            address: PhantomData,
        }
    }
}

impl<A: Address> Future for RecvFrom<'_, A> {
    type Output = io::Result<(usize, A)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            buffer,
            take,
            call,
            ..
        } = &mut *self;
        let io = wait.fd();
        wait.poll_io(cx, *call, |fd| {
            let recv = || match take {
                Take::Yes => datagram::recv_from(fd.as_fd(), buffer),
                Take::Peek => datagram::peek_from(fd.as_fd(), buffer),
            };
            recv_or_end(io, recv, datagram::end)
        })
    }
}

/// Receives a datagram without waiting, and tells its sender.
pub(crate) fn try_recv_from<A: Address>(
    io: &AsyncFd<OwnedFd>,
    buffer: &mut [u8],
) -> io::Result<(usize, A)> {
    io.try_io(Interest::Read, |fd| {
        let recv = || datagram::recv_from(fd.as_fd(), buffer);
        recv_or_end(io, recv, datagram::end)
    })
}
