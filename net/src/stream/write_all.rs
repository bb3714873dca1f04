//! [`WriteAll`]: the completion of a write.

use super::{StreamSocket, transfer};
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::{Wait, Writing};

/// The future of [`TcpStream::write_all`](crate::TcpStream::write_all), and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteAll<'a, S> {
    wait: Wait<'a, OwnedFd, Writing>,
    buffer: &'a [u8],
    written: usize,
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> WriteAll<'a, S> {
    #[inline]
    pub(crate) fn new(stream: &'a S, buffer: &'a [u8]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffer,
            written: 0,
            stream: PhantomData,
        }
    }

    /// How many bytes of the buffer the kernel has taken, now or when the write failed.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }
}

impl<S: StreamSocket> Future for WriteAll<'_, S> {
    type Output = io::Result<()>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            buffer,
            written,
            ..
        } = &mut *self;
        if buffer.is_empty() {
            return wait.poll_nothing(cx).map(Ok);
        }
        // Each round spends of the task's budget, so a peer that reads as fast as this writes keeps nobody else
        // from running.
        while *written < buffer.len() {
            match ready!(transfer::poll_send(
                wait,
                cx,
                S::CALLS.write_all,
                &buffer[*written..]
            ))? {
                0 => return Poll::Ready(Err(took_nothing(*written, buffer.len()))),
                count => *written += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cold]
fn took_nothing(written: usize, wanted: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::WriteZero,
        format!("the kernel took no more after {written} of {wanted} bytes"),
    )
}
