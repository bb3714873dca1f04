//! [`PollStream`]: a stream for libraries that poll by the traits of others.
//!
//! The methods of a stream return futures, and each future has a place of its own among those who wait. Such a trait has none to keep
//! its place in from one poll to the next; so it is kept here, one in each direction.

#[cfg(feature = "futures-io")]
use super::futures_io::Ahead;
use crate::socket::shutdown;
use crate::stream::{StreamSocket, transfer};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};
use waterwheel_poll_context::budget::{self, GaveWay};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{OwnedWait, Reading, Writing};

/// A stream that implements the traits by which other libraries read and write: those of `futures-io` and of hyper 1, each behind
/// the feature of its name.
///
/// One task may read while another writes, if the library splits it; at most one at a time in each direction. To close it is to end
/// writing, as `shutdown(Shutdown::Write)` does; there is nothing to flush.
///
/// # Cancel safety
///
/// A poll that pends has taken no bytes, and none are lost if it is the last.
#[derive(Debug)]
pub struct PollStream<S: StreamSocket> {
    stream: S,
    reading: OwnedWait<Reading>,
    writing: OwnedWait<Writing>,
    pub(super) read_gave_way: GaveWay,
    write_gave_way: GaveWay,
    /// What has been read ahead, for who reads by a buffer of ours. It has room only while there is anything in it.
    #[cfg(feature = "futures-io")]
    pub(super) ahead: Ahead,
}

impl<S: StreamSocket> PollStream<S> {
    /// Takes a stream.
    #[must_use]
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            reading: OwnedWait::new(),
            writing: OwnedWait::new(),
            read_gave_way: GaveWay::NO,
            write_gave_way: GaveWay::NO,
            #[cfg(feature = "futures-io")]
            ahead: Ahead::default(),
        }
    }

    /// The stream. What is read from it by that is missing here, and what was read ahead here is missing there.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(budget::poll_left(cx, &mut self.read_gave_way));
        if buffer.is_empty() {
            budget::spend();
            return Poll::Ready(Ok(0));
        }
        let wanted = transfer::short_of(S::SHORT_READ_DRAINS, buffer.len());
        let received = ready!(self.reading.poll_transfer(
            self.stream.io(),
            S::CALLS.read,
            wanted,
            |fd: &OwnedFd| socket::recv(fd.as_fd(), buffer),
            || cx.waker().clone(),
        ));
        budget::spend();
        Poll::Ready(received)
    }

    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(budget::poll_left(cx, &mut self.write_gave_way));
        let sent = ready!(self.writing.poll_transfer(
            self.stream.io(),
            S::CALLS.write,
            buffer.len(),
            |fd: &OwnedFd| socket::send(fd.as_fd(), buffer),
            || cx.waker().clone(),
        ));
        budget::spend();
        Poll::Ready(sent)
    }

    pub(super) fn poll_send_vectored(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(budget::poll_left(cx, &mut self.write_gave_way));
        let sent = ready!(self.writing.poll_transfer(
            self.stream.io(),
            S::CALLS.write_vectored,
            transfer::wanted(buffers),
            |fd: &OwnedFd| socket::send_vectored(fd.as_fd(), buffers),
            || cx.waker().clone(),
        ));
        budget::spend();
        Poll::Ready(sent)
    }

    /// There is nothing to flush.
    pub(super) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        budget::poll_spend(cx, &mut self.write_gave_way).map(Ok)
    }

    /// Ends writing. That it has ended before, or that the peer has gone, is no error.
    pub(super) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(budget::poll_spend(cx, &mut self.write_gave_way));
        Poll::Ready(match shutdown(self.stream.io(), Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            ended => ended,
        })
    }
}

impl<S: StreamSocket> Drop for PollStream<S> {
    fn drop(&mut self) {
        self.reading.leave(self.stream.io());
        self.writing.leave(self.stream.io());
    }
}

impl<S: StreamSocket> From<S> for PollStream<S> {
    fn from(stream: S) -> Self {
        Self::new(stream)
    }
}
