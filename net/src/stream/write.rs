//! [`Write`], [`WriteVectored`]: as much as the kernel has room for.

use crate::stream::{StreamSocket, transfer};
use crate::tcp::TcpStream;
use std::future::Future;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::{Wait, Writing};

impl TcpStream {
    /// Gives the kernel the front of `buffer`, as much as it has room for; waits if it has none.
    ///
    /// It gives the number of bytes, which may be fewer than there are: [`write_all`](Self::write_all) goes on until
    /// the last.
    ///
    /// # Errors
    ///
    /// The kernel's, from `send(2)`: `BrokenPipe` or `ConnectionReset` if the peer has gone. SIGPIPE is never raised.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has written nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///
    ///     let message = b"water";
    ///     let written = client.write(message).await?;
    ///     println!("{written} of {} bytes are on their way", message.len());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a> {
        Write::new(self, buffer)
    }

    /// As [`write`](Self::write), from several buffers in turn, as if they were one. Of more than 1024 the rest is left
    /// alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::IoSlice;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///
    ///     let message = [IoSlice::new(b"head"), IoSlice::new(b"body")];
    ///     assert_eq!(client.write_vectored(&message).await?, 8);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a> {
        WriteVectored::new(self, buffers)
    }

    /// Gives the kernel the front of `buffer`, and does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, and [`writable`](Self::writable) then waits until there is; else as
    /// [`write`](Self::write).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///
    ///     let written = loop {
    ///         client.writable().await?;
    ///         match client.try_write(b"water") {
    ///             Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
    ///             result => break result?,
    ///         }
    ///     };
    ///     assert_eq!(written, 5);
    ///     io::Result::Ok(())
    /// })?;
    /// # io::Result::Ok(())
    /// ```
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        transfer::try_send(&self.io, buffer)
    }

    /// As [`try_write`](Self::try_write), from several buffers, as [`write_vectored`](Self::write_vectored).
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        transfer::try_send_vectored(&self.io, buffers)
    }
}

/// The future of [`TcpStream::write`], and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Write<'a, S = TcpStream> {
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

/// The future of [`TcpStream::write_vectored`], and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteVectored<'a, S = TcpStream> {
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
