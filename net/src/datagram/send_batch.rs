//! [`SendBatch`], [`SendMany`]: several datagrams a system call.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::sys::messages::{self, Headers};
use waterwheel_reactor::{AsyncFd, Interest, Operation, Wait, Writing};

const SEND_BATCH: Operation<Writing> = Operation::new("UdpSocket::send_batch");

/// Several datagrams, to be sent by [`UdpSocket::send_batch`](crate::UdpSocket::send_batch). It keeps copies of them, and its memory, when it is
/// [cleared](Self::clear), for the next.
#[derive(Debug, Default)]
pub struct SendBatch {
    headers: Headers,
    /// What the datagrams say, one after the other.
    bytes: Vec<u8>,
    datagrams: Vec<Queued>,
    /// How many of them are sent, or left out.
    done: usize,
    left_out: usize,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    start: usize,
    end: usize,
    to: Option<SocketAddr>,
}

impl SendBatch {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, for the address `to`.
    pub fn push(&mut self, bytes: &[u8], to: SocketAddr) {
        self.add(bytes, Some(to));
    }

    /// Adds one for where the socket is [connected](crate::UdpSocket::connect).
    pub fn push_connected(&mut self, bytes: &[u8]) {
        self.add(bytes, None);
    }

    fn add(&mut self, bytes: &[u8], to: Option<SocketAddr>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        self.datagrams.push(Queued { start, end, to });
    }

    /// How many have been added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether none has been added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// How many of them have been sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.done - self.left_out
    }

    /// Whether nothing is left to send.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.done == self.datagrams.len()
    }

    /// Leaves the next out that is to be sent, if there is one: that which has met an error, for one.
    pub fn skip(&mut self) {
        if !self.is_sent() {
            self.done += 1;
            self.left_out += 1;
        }
    }

    /// Forgets them all, sent or not.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
        self.done = 0;
        self.left_out = 0;
    }

    /// Sends without waiting.
    pub(crate) fn try_send(&mut self, io: &AsyncFd<OwnedFd>) -> io::Result<usize> {
        if self.is_sent() {
            return Ok(0);
        }
        io.try_io(Interest::Write, |fd| self.send(fd))
    }

    fn send(&mut self, fd: &OwnedFd) -> io::Result<usize> {
        let Self {
            headers,
            bytes,
            datagrams,
            done,
            ..
        } = self;
        let left = datagrams[*done..]
            .iter()
            .map(|queued| (&bytes[queued.start..queued.end], queued.to.as_ref()));
        let count = messages::send(fd.as_fd(), headers, left)?;
        *done += count;
        Ok(count)
    }
}

/// The future of [`UdpSocket::send_batch`](crate::UdpSocket::send_batch).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct SendMany<'a> {
    wait: Wait<'a, OwnedFd, Writing>,
    batch: &'a mut SendBatch,
}

impl<'a> SendMany<'a> {
    pub(crate) fn new(io: &'a AsyncFd<OwnedFd>, batch: &'a mut SendBatch) -> Self {
        let wait = Wait::new(io);
        Self { wait, batch }
    }
}

impl Future for SendMany<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, batch } = &mut *self;
        if batch.is_sent() {
            return wait.poll_nothing(cx).map(Ok);
        }
        while !batch.is_sent() {
            ready!(wait.poll_io(cx, SEND_BATCH, |fd| batch.send(fd)))?;
        }
        Poll::Ready(Ok(()))
    }
}
