//! [`Read`], [`ReadVectored`]: what has been received, or the end.

use crate::stream::{StreamSocket, transfer};
use crate::tcp::TcpStream;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::{Reading, Wait};

impl TcpStream {
    /// Reads what has been received, as much as `buffer` has room for; waits if there is nothing.
    ///
    /// It gives the number of bytes. 0 is the end: the peer has ended its writing, and nothing will come any more. An
    /// empty buffer gives 0 too, at once, and says nothing.
    ///
    /// # Errors
    ///
    /// The kernel's, from `recv(2)`: `ConnectionReset` if the peer has gone without an end.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: bytes are taken only inside the poll that reports them.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"water").await?;
    ///     drop(client);
    ///     let mut buffer = [0; 1024];
    ///     let mut received = Vec::new();
    ///     loop {
    ///         match server.read(&mut buffer).await? {
    ///             0 => break,
    ///             count => received.extend_from_slice(&buffer[..count]),
    ///         }
    ///     }
    ///     assert_eq!(received, b"water");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a> {
        Read::new(self, buffer)
    }

    /// As [`read`](Self::read), to several buffers, each filled before the next. Of more than 1024 the rest is left
    /// alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::IoSliceMut;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"headbody").await?;
    ///     let (mut head, mut body) = ([0; 4], [0; 16]);
    ///     let mut buffers = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
    ///     assert_eq!(server.read_vectored(&mut buffers).await?, 8);
    ///     assert_eq!((&head, &body[..4]), (b"head", &b"body"[..]));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn read_vectored<'a, 'b>(
        &'a self,
        buffers: &'a mut [IoSliceMut<'b>],
    ) -> ReadVectored<'a, 'b> {
        ReadVectored::new(self, buffers)
    }

    /// Reads what has been received, and does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing, and [`readable`](Self::readable) then waits until there is; else as
    /// [`read`](Self::read).
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
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"water").await?;
    ///     let mut buffer = [0; 1024];
    ///     let count = loop {
    ///         server.readable().await?;
    ///         match server.try_read(&mut buffer) {
    ///             Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
    ///             result => break result?,
    ///         }
    ///     };
    ///     assert_eq!(&buffer[..count], b"water");
    ///     io::Result::Ok(())
    /// })?;
    /// # io::Result::Ok(())
    /// ```
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::try_recv(&self.io, buffer)
    }

    /// As [`try_read`](Self::try_read), to several buffers, as [`read_vectored`](Self::read_vectored).
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        transfer::try_recv_vectored(&self.io, buffers)
    }
}

/// The future of [`TcpStream::read`], and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, S = TcpStream> {
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

/// The future of [`TcpStream::read_vectored`], and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadVectored<'a, 'b, S = TcpStream> {
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
