//! The traits of `futures-io`.

use super::PollStream;
use crate::stream::StreamSocket;
use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_poll_context::budget;

/// How much is read ahead at most.
const CAPACITY: usize = 8 * 1024;

/// What has been read ahead and not been taken.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Ahead {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Takes so many bytes from the front; an empty buffer takes no memory.
    fn take(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            *self = Self::default();
        }
    }
}

impl<S: StreamSocket> PollStream<S> {
    /// What has been read ahead is there without a call.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        budget::poll_spend(cx, &mut self.read_gave_way)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
impl<S: StreamSocket> AsyncRead for PollStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if !self.ahead.rest().is_empty() {
            ready!(self.poll_ahead(cx));
            let rest = self.ahead.rest();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            self.ahead.take(count);
            return Poll::Ready(Ok(count));
        }
        self.poll_recv(cx, buffer)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
impl<S: StreamSocket> AsyncBufRead for PollStream<S> {
    fn poll_fill_buf(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.ahead.rest().is_empty() {
            let mut bytes = vec![0; CAPACITY].into_boxed_slice();
            let end = ready!(self.poll_recv(cx, &mut bytes))?;
            if end > 0 {
                self.ahead = Ahead {
                    bytes,
                    start: 0,
                    end,
                };
            }
        } else {
            ready!(self.poll_ahead(cx));
        }
        Poll::Ready(Ok(self.get_mut().ahead.rest()))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        self.ahead.take(count);
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
impl<S: StreamSocket> AsyncWrite for PollStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send_vectored(cx, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flushed(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_closed(cx)
    }
}
