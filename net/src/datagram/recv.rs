//! [`RecvDatagram`]: the next datagram of a connected socket, or of one that need not know who sent it.

use super::recv_or_end;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Interest, Operation, Reading, Wait};

/// The future of [`UdpSocket::recv`](crate::UdpSocket::recv), and of the like methods of it and of
/// [`UnixDatagram`](crate::UnixDatagram).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct RecvDatagram<'a> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffer: &'a mut [u8],
    take: Take,
    call: Operation<Reading>,
}

/// Whether a datagram that was read is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Take {
    Yes,
    Peek,
}

impl<'a> RecvDatagram<'a> {
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
        }
    }
}

impl Future for RecvDatagram<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            buffer,
            take,
            call,
        } = &mut *self;
        // An empty buffer takes a datagram as any other does; and that one is short says nothing about the next.
        let io = wait.fd();
        wait.poll_io(cx, *call, |fd| {
            let recv = || match take {
                Take::Yes => socket::recv(fd.as_fd(), buffer),
                Take::Peek => socket::peek(fd.as_fd(), buffer),
            };
            recv_or_end(io, recv, || Ok(0))
        })
    }
}

/// Receives a datagram without waiting.
pub(crate) fn try_recv(io: &AsyncFd<OwnedFd>, buffer: &mut [u8]) -> io::Result<usize> {
    io.try_io(Interest::Read, |fd| {
        let recv = || socket::recv(fd.as_fd(), buffer);
        recv_or_end(io, recv, || Ok(0))
    })
}
