//! [`Write`], [`WriteVectored`]: as much as the kernel has room for.

use super::{StreamSocket, transfer};
use std::future::Future;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::{Wait, Writing};

/// The future of [`TcpStream::write`](crate::TcpStream::write), and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Write<'a, S> {
    wait: Wait<'a, OwnedFd, Writing>,
    buffer: &'a [u8],
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> Write<'a, S> {
    #[inline]
    pub(crate) fn new(stream: &'a S, buffer: &'a [u8]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffer,
            stream: PhantomData,
        }
    }
}

impl<S: StreamSocket> Future for Write<'_, S> {
    type Output = io::Result<usize>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffer, .. } = &mut *self;
        transfer::poll_send(wait, cx, S::CALLS.write, buffer)
    }
}

/// The future of [`TcpStream::write_vectored`](crate::TcpStream::write_vectored), and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteVectored<'a, S> {
    wait: Wait<'a, OwnedFd, Writing>,
    buffers: &'a [IoSlice<'a>],
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> WriteVectored<'a, S> {
    pub(crate) fn new(stream: &'a S, buffers: &'a [IoSlice<'a>]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffers,
            stream: PhantomData,
        }
    }
}

impl<S: StreamSocket> Future for WriteVectored<'_, S> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffers, .. } = &mut *self;
        transfer::poll_send_vectored(wait, cx, S::CALLS.write_vectored, buffers)
    }
}
