//! [`Read`], [`ReadVectored`]: what has been received, or the end.

use super::{StreamSocket, transfer};
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::{Reading, Wait};

/// The future of [`TcpStream::read`](crate::TcpStream::read), and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, S> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffer: &'a mut [u8],
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> Read<'a, S> {
    #[inline]
    pub(crate) fn new(stream: &'a S, buffer: &'a mut [u8]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffer,
            stream: PhantomData,
        }
    }
}

impl<S: StreamSocket> Future for Read<'_, S> {
    type Output = io::Result<usize>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffer, .. } = &mut *self;
        transfer::poll_recv(wait, cx, S::CALLS.read, S::SHORT_READ_DRAINS, buffer)
    }
}

/// The future of [`TcpStream::read_vectored`](crate::TcpStream::read_vectored), and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadVectored<'a, 'b, S> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffers: &'a mut [IoSliceMut<'b>],
    stream: PhantomData<&'a S>,
}

impl<'a, 'b, S: StreamSocket> ReadVectored<'a, 'b, S> {
    pub(crate) fn new(stream: &'a S, buffers: &'a mut [IoSliceMut<'b>]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffers,
            stream: PhantomData,
        }
    }
}

impl<S: StreamSocket> Future for ReadVectored<'_, '_, S> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffers, .. } = &mut *self;
        transfer::poll_recv_vectored(
            wait,
            cx,
            S::CALLS.read_vectored,
            S::SHORT_READ_DRAINS,
            buffers,
        )
    }
}
