//! [`Peek`]: what has been received, left where it is.

use super::StreamSocket;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{Reading, Wait};

/// The future of [`TcpStream::peek`](crate::TcpStream::peek), and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Peek<'a, S> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffer: &'a mut [u8],
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> Peek<'a, S> {
    pub(crate) fn new(stream: &'a S, buffer: &'a mut [u8]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffer,
            stream: PhantomData,
        }
    }
}

impl<S: StreamSocket> Future for Peek<'_, S> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffer, .. } = &mut *self;
        if buffer.is_empty() {
            return wait.poll_nothing(cx).map(|()| Ok(0));
        }
        // Not a transfer: it drains nothing, however little it copies.
        wait.poll_io(cx, S::CALLS.peek, |fd| socket::peek(fd.as_fd(), buffer))
    }
}
