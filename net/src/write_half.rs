//! [`WriteHalf`], [`OwnedWriteHalf`]: the half of a stream that writes.

use crate::{TcpStream, Writable, Write, WriteAll, WriteVectored};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;

/// The half of a [`TcpStream`] that writes, lent by [`TcpStream::split`].
///
/// Dropping it does not end writing.
#[derive(Debug)]
pub struct WriteHalf<'a> {
    pub(crate) stream: &'a TcpStream,
}

impl WriteHalf<'_> {
    /// As [`TcpStream::write`].
    #[inline]
    pub fn write<'b>(&'b self, buffer: &'b [u8]) -> Write<'b> {
        self.stream.write(buffer)
    }

    /// As [`TcpStream::write_vectored`].
    pub fn write_vectored<'b>(&'b self, buffers: &'b [IoSlice<'b>]) -> WriteVectored<'b> {
        self.stream.write_vectored(buffers)
    }

    /// As [`TcpStream::write_all`].
    #[inline]
    pub fn write_all<'b>(&'b self, buffer: &'b [u8]) -> WriteAll<'b> {
        self.stream.write_all(buffer)
    }

    /// As [`TcpStream::writable`].
    pub fn writable(&self) -> Writable<'_> {
        self.stream.writable()
    }

    /// As [`TcpStream::try_write`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::try_write`].
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.try_write(buffer)
    }

    /// As [`TcpStream::shutdown`] of writing.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::shutdown`].
    pub fn shutdown(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }
}

/// For what concerns the whole stream: its addresses, its options.
impl AsRef<TcpStream> for WriteHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.stream
    }
}

/// The half of a [`TcpStream`] that writes, from [`TcpStream::into_split`].
///
/// Dropping it ends writing: the peer reads what was written, and then the end. [`forget`](Self::forget) does not.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    shutdown_on_drop: bool,
}

impl OwnedWriteHalf {
    pub(crate) fn new(stream: Arc<TcpStream>) -> Self {
        Self {
            stream,
            shutdown_on_drop: true,
        }
    }

    pub(crate) fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// As [`TcpStream::write`].
    #[inline]
    pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a> {
        self.stream.write(buffer)
    }

    /// As [`TcpStream::write_vectored`].
    pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a> {
        self.stream.write_vectored(buffers)
    }

    /// As [`TcpStream::write_all`].
    #[inline]
    pub fn write_all<'a>(&'a self, buffer: &'a [u8]) -> WriteAll<'a> {
        self.stream.write_all(buffer)
    }

    /// As [`TcpStream::writable`].
    pub fn writable(&self) -> Writable<'_> {
        self.stream.writable()
    }

    /// As [`TcpStream::try_write`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::try_write`].
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.try_write(buffer)
    }

    /// As [`TcpStream::shutdown`] of writing. Dropping the half does the same, and tells no error.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::shutdown`].
    pub fn shutdown(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Drops this half without ending writing: the peer sees the end when the other half is dropped.
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shutdown_on_drop {
            // It fails only if the connection has ended already, which is what is wanted.
            let _ = self.shutdown();
        }
    }
}

/// For what concerns the whole stream: its addresses, its options.
impl AsRef<TcpStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
    }
}
