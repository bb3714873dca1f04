//! [`RecvBatch`], [`RecvMany`]: several datagrams a system call.

use super::recv_or_end;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::messages::{self, Headers, MAX_DATAGRAMS, Received};
use waterwheel_reactor::{AsyncFd, Interest, Operation, Reading, Wait};

const RECV_BATCH: Operation<Reading> = Operation::new("UdpSocket::recv_batch");

/// Room for several datagrams, to be used again and again by [`UdpSocket::recv_batch`](crate::UdpSocket::recv_batch).
#[derive(Debug)]
pub struct RecvBatch {
    headers: Headers,
    buffer: Box<[u8]>,
    each: usize,
    received: Vec<Received<SocketAddr>>,
}

impl RecvBatch {
    /// Room for up to `datagrams`, of up to `each` bytes: of a longer one, the rest is lost. The kernel takes no more than
    /// 1024 a call, so that there is never room for more.
    ///
    /// # Panics
    ///
    /// If either is 0, or if so much room is more than memory can ever have (`isize::MAX` bytes). No datagram has more than
    /// 64 KiB.
    #[must_use]
    #[track_caller]
    pub fn new(datagrams: usize, each: usize) -> Self {
        assert!(
            datagrams > 0 && each > 0,
            "`RecvBatch::new({datagrams}, {each})` has no room: ask for one datagram of one byte at least"
        );
        let datagrams = datagrams.min(MAX_DATAGRAMS);
        let room = datagrams
            .checked_mul(each)
            .filter(|room| isize::try_from(*room).is_ok());
        let Some(room) = room else {
            panic!(
                "`RecvBatch::new` was asked for room for {datagrams} datagrams of {each} bytes, more than memory can have: \
                 no datagram has more than 65,535 bytes, so ask for as many at most"
            )
        };
        Self {
            headers: Headers::new(),
            buffer: vec![0; room].into(),
            each,
            received: Vec::with_capacity(datagrams),
        }
    }

    /// For how many datagrams there is room.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.len() / self.each
    }

    /// How many have been received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether none has been received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// The datagram at `index`, in the order in which they came.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Datagram<'_>> {
        let received = self.received.get(index)?;
        let part = &self.buffer[index * self.each..];
        Some(Datagram {
            bytes: &part[..received.length],
            from: received.from,
            truncated: received.truncated,
        })
    }

    /// The datagrams, in the order in which they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Datagram<'_>> {
        (0..self.len()).map(|index| self.get(index).expect("an index that there is"))
    }

    /// Receives without waiting.
    pub(crate) fn try_recv(&mut self, io: &AsyncFd<OwnedFd>) -> io::Result<usize> {
        self.received.clear();
        io.try_io(Interest::Read, |fd| {
            recv_or_end(io, || self.recv(fd), || Ok(0))
        })
    }

    fn recv(&mut self, fd: &OwnedFd) -> io::Result<usize> {
        let Self {
            headers,
            buffer,
            each,
            received,
        } = self;
        messages::recv(fd.as_fd(), headers, buffer, *each, received)?;
        Ok(received.len())
    }
}

/// One of a [`RecvBatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// What it says.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// Whether it said more, for which there was no room.
    pub truncated: bool,
}

/// The future of [`UdpSocket::recv_batch`](crate::UdpSocket::recv_batch).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct RecvMany<'a> {
    wait: Wait<'a, OwnedFd, Reading>,
    batch: &'a mut RecvBatch,
}

impl<'a> RecvMany<'a> {
    pub(crate) fn new(io: &'a AsyncFd<OwnedFd>, batch: &'a mut RecvBatch) -> Self {
        batch.received.clear();
        let wait = Wait::new(io);
        Self { wait, batch }
    }
}

impl Future for RecvMany<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, batch } = &mut *self;
        let io = wait.fd();
        wait.poll_io(cx, RECV_BATCH, |fd| {
            recv_or_end(io, || batch.recv(fd), || Ok(0))
        })
    }
}
