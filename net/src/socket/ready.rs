//! [`Readable`], [`Writable`]: until a call would not block.

use crate::stream::sealed::Io;
use crate::tcp::TcpStream;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::{AsyncFd, Call, Reading, Wait, Writing};

impl TcpStream {
    /// Waits until there is something to read, or the end, or an error.
    ///
    /// It may be mistaken: read with [`try_read`](Self::try_read), and wait again if that says `WouldBlock`. Any number
    /// of tasks may wait at the same time, and all are woken.
    ///
    /// # Errors
    ///
    /// The kernel's, from `epoll_ctl(2)`, if the socket cannot be registered. An error of the connection is no error
    /// here: the next read gives it.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the readiness stays.
    ///
    /// # Examples
    ///
    /// See [`try_read`](Self::try_read).
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(&self.io, Self::CALLS.readable)
    }

    /// Waits until there is room to write, or the peer has closed, or there is an error.
    ///
    /// It may be mistaken: write with [`try_write`](Self::try_write), and wait again if that says `WouldBlock`. Any
    /// number of tasks may wait at the same time, and all are woken.
    ///
    /// # Errors
    ///
    /// As [`readable`](Self::readable).
    ///
    /// # Panics
    ///
    /// As [`readable`](Self::readable).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the readiness stays.
    ///
    /// # Examples
    ///
    /// See [`try_write`](Self::try_write).
    pub fn writable(&self) -> Writable<'_> {
        Writable::new(&self.io, Self::CALLS.writable)
    }
}

/// The future of [`TcpStream::readable`], and of the same method of other sockets.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Readable<'a> {
    wait: Wait<'a, OwnedFd, Reading>,
    call: Call<Reading>,
}

impl<'a> Readable<'a> {
    pub(crate) fn new(io: &'a AsyncFd<OwnedFd>, call: Call<Reading>) -> Self {
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

/// The future of [`TcpStream::writable`], and of the same method of other sockets.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Writable<'a> {
    wait: Wait<'a, OwnedFd, Writing>,
    call: Call<Writing>,
}

impl<'a> Writable<'a> {
    pub(crate) fn new(io: &'a AsyncFd<OwnedFd>, call: Call<Writing>) -> Self {
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
