//! [`ReadExact`]: a whole buffer.

use super::{StreamSocket, transfer};
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::{Reading, Wait};

/// The future of [`TcpStream::read_exact`](crate::TcpStream::read_exact), and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadExact<'a, S> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffer: &'a mut [u8],
    filled: usize,
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> ReadExact<'a, S> {
    #[inline]
    pub(crate) fn new(stream: &'a S, buffer: &'a mut [u8]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffer,
            filled: 0,
            stream: PhantomData,
        }
    }

    /// How many bytes have been read to the front of the buffer.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }
}

impl<S: StreamSocket> Future for ReadExact<'_, S> {
    type Output = io::Result<()>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            buffer,
            filled,
            ..
        } = &mut *self;
        if buffer.is_empty() {
            return wait.poll_nothing(cx).map(Ok);
        }
        while *filled < buffer.len() {
            match ready!(transfer::poll_recv(
                wait,
                cx,
                S::CALLS.read_exact,
                S::SHORT_READ_DRAINS,
                &mut buffer[*filled..]
            ))? {
                0 => return Poll::Ready(Err(ended(*filled, buffer.len()))),
                count => *filled += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cold]
fn ended(filled: usize, wanted: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the stream ended after {filled} of {wanted} bytes"),
    )
}
