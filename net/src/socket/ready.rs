//! [`Readable`], [`Writable`]: until a call would not block.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::{AsyncFd, Operation, Reading, Wait, Writing};

/// The future of [`TcpStream::readable`](crate::TcpStream::readable), and of the same method of other sockets.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Readable<'a> {
    wait: Wait<'a, OwnedFd, Reading>,
    call: Operation<Reading>,
}

impl<'a> Readable<'a> {
    pub(crate) fn new(io: &'a AsyncFd<OwnedFd>, call: Operation<Reading>) -> Self {
        let wait = Wait::new(io);
        Self { wait, call }
    }
}

impl Future for Readable<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, call } = &mut *self;
        wait.poll_ready(cx, *call)
    }
}

/// The future of [`TcpStream::writable`](crate::TcpStream::writable), and of the same method of other sockets.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Writable<'a> {
    wait: Wait<'a, OwnedFd, Writing>,
    call: Operation<Writing>,
}

impl<'a> Writable<'a> {
    pub(crate) fn new(io: &'a AsyncFd<OwnedFd>, call: Operation<Writing>) -> Self {
        let wait = Wait::new(io);
        Self { wait, call }
    }
}

impl Future for Writable<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, call } = &mut *self;
        wait.poll_ready(cx, *call)
    }
}
