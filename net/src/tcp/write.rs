//! What writes to a [`TcpStream`]. The futures are those of all [streams](crate::stream).

use super::TcpStream;
use crate::socket::Writable;
use crate::stream::sealed::Io;
use crate::stream::{Write, WriteAll, WriteVectored, transfer};
use std::io::{self, IoSlice};

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
    pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a, Self> {
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
    pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a, Self> {
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

    /// Writes all of `buffer`, and is ready when its last byte is in the kernel: the *write complete* of event
    /// libraries, as a future.
    ///
    /// It writes first, and waits for room only when there is none. That the kernel has the bytes does not say that
    /// the peer has: only an answer of the peer does.
    ///
    /// Two of them at a time on one stream mix their bytes.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); `WriteZero` if the kernel takes nothing and says no reason. What it took before, it
    /// keeps: [`written`](crate::futures::WriteAll::written) tells how much.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future midway leaves a part of the buffer written: exactly [`written`](crate::futures::WriteAll::written) bytes,
    /// asked before. Keep the future, and await it by `&mut`, to be able to ask; then go on with the rest.
    ///
    /// # Examples
    ///
    /// A write that is given up, and taken up again where it was:
    ///
    /// ```
    /// use std::future::{Future, poll_fn};
    /// use std::pin::Pin;
    /// use std::task::Poll;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     let message = vec![7; 32 << 20];
    ///     let mut writing = client.write_all(&message);
    ///     poll_fn(|cx| {
    ///         assert!(Pin::new(&mut writing).poll(cx).is_pending(), "nobody reads it");
    ///         Poll::Ready(())
    ///     })
    ///     .await;
    ///     let written = writing.written();
    ///     drop(writing);
    ///
    ///     let reader = waterwheel::spawn(async move {
    ///         let mut received = vec![0; 32 << 20];
    ///         server.read_exact(&mut received).await.map(|()| received)
    ///     });
    ///     client.write_all(&message[written..]).await?;
    ///     assert!(reader.await.expect("the reader")? == message);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn write_all<'a>(&'a self, buffer: &'a [u8]) -> WriteAll<'a, Self> {
        WriteAll::new(self, buffer)
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
