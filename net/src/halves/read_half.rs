//! [`ReadHalf`], [`OwnedReadHalf`]: the half of a stream that reads; and how the owned halves are joined again.

use super::OwnedWriteHalf;
use crate::socket::Readable;
use crate::stream::{Peek, Read, ReadExact, ReadVectored, StreamSocket, transfer};
use crate::tcp::TcpStream;
use std::error::Error;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::sync::Arc;

/// The half of a stream that reads, lent by [`TcpStream::split`], or the same method of another stream.
#[derive(Debug)]
pub struct ReadHalf<'a, S = TcpStream> {
    stream: &'a S,
}

impl<'a, S: StreamSocket> ReadHalf<'a, S> {
    pub(super) fn new(stream: &'a S) -> Self {
        Self { stream }
    }

    /// As [`TcpStream::read`].
    #[inline]
    pub fn read<'b>(&'b self, buffer: &'b mut [u8]) -> Read<'b, S> {
        Read::new(self.stream, buffer)
    }

    /// As [`TcpStream::read_vectored`].
    pub fn read_vectored<'b, 'c>(
        &'b self,
        buffers: &'b mut [IoSliceMut<'c>],
    ) -> ReadVectored<'b, 'c, S> {
        ReadVectored::new(self.stream, buffers)
    }

    /// As [`TcpStream::read_exact`].
    #[inline]
    pub fn read_exact<'b>(&'b self, buffer: &'b mut [u8]) -> ReadExact<'b, S> {
        ReadExact::new(self.stream, buffer)
    }

    /// As [`TcpStream::peek`].
    pub fn peek<'b>(&'b self, buffer: &'b mut [u8]) -> Peek<'b, S> {
        Peek::new(self.stream, buffer)
    }

    /// As [`TcpStream::readable`].
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(self.stream.io(), S::CALLS.readable)
    }

    /// As [`TcpStream::try_read`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::try_read`].
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::try_recv(self.stream.io(), buffer)
    }
}

/// For what concerns the whole stream: its addresses, its options.
impl<S> AsRef<S> for ReadHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.stream
    }
}

/// The half of a stream that reads, from [`TcpStream::into_split`], or the same method of another stream.
///
/// Dropping it does nothing as long as the other half is there.
#[derive(Debug)]
pub struct OwnedReadHalf<S = TcpStream> {
    stream: Arc<S>,
}

impl<S: StreamSocket> OwnedReadHalf<S> {
    pub(super) fn new(stream: Arc<S>) -> Self {
        Self { stream }
    }

    /// As [`TcpStream::read`].
    #[inline]
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a, S> {
        Read::new(&*self.stream, buffer)
    }

    /// As [`TcpStream::read_vectored`].
    pub fn read_vectored<'a, 'b>(
        &'a self,
        buffers: &'a mut [IoSliceMut<'b>],
    ) -> ReadVectored<'a, 'b, S> {
        ReadVectored::new(&*self.stream, buffers)
    }

    /// As [`TcpStream::read_exact`].
    #[inline]
    pub fn read_exact<'a>(&'a self, buffer: &'a mut [u8]) -> ReadExact<'a, S> {
        ReadExact::new(&*self.stream, buffer)
    }

    /// As [`TcpStream::peek`].
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a, S> {
        Peek::new(&*self.stream, buffer)
    }

    /// As [`TcpStream::readable`].
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(self.stream.io(), S::CALLS.readable)
    }

    /// As [`TcpStream::try_read`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::try_read`].
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::try_recv(self.stream.io(), buffer)
    }

    /// Joins the two halves of one stream.
    ///
    /// # Errors
    ///
    /// Both halves, as they were, if they are not of the same stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let address = client.local_addr()?;
    ///     let (reader, writer) = client.into_split();
    ///     let client = reader.reunite(writer).expect("halves of one stream");
    ///     assert_eq!(client.local_addr()?, address);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn reunite(self, writer: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.stream, writer.stream()) {
            return Err(ReuniteError(self, writer));
        }
        writer.forget();
        Ok(Arc::into_inner(self.stream).expect("a stream has two halves, and the other is gone"))
    }
}

/// For what concerns the whole stream: its addresses, its options.
impl<S> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

/// The error of [`OwnedReadHalf::reunite`]: the halves are not of the same stream. It gives them back.
#[derive(Debug)]
pub struct ReuniteError<S: StreamSocket = TcpStream>(
    /// The half that reads one stream.
    pub OwnedReadHalf<S>,
    /// The half that writes another.
    pub OwnedWriteHalf<S>,
);

impl<S: StreamSocket> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the halves are not of the same stream: reunite those that one `into_split` gave",
        )
    }
}

impl<S: StreamSocket> Error for ReuniteError<S> {}
