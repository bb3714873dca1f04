//! [`WriteHalf`], [`OwnedWriteHalf`]: the half of a stream that writes.

use crate::socket::{Writable, shutdown};
use crate::stream::{StreamSocket, Write, WriteAll, WriteVectored, transfer};
use crate::tcp::TcpStream;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use waterwheel_reactor::sys::fork::Process;

/// The half of a stream that writes, lent by [`TcpStream::split`], or the same method of another stream.
///
/// Dropping it does not end writing.
#[derive(Debug)]
pub struct WriteHalf<'a, S = TcpStream> {
    stream: &'a S,
}

impl<'a, S: StreamSocket> WriteHalf<'a, S> {
    pub(super) fn new(stream: &'a S) -> Self {
        Self { stream }
    }

    /// As [`TcpStream::write`].
    #[inline]
    pub fn write<'b>(&'b self, buffer: &'b [u8]) -> Write<'b, S> {
        Write::new(self.stream, buffer)
    }

    /// As [`TcpStream::write_vectored`].
    pub fn write_vectored<'b>(&'b self, buffers: &'b [IoSlice<'b>]) -> WriteVectored<'b, S> {
        WriteVectored::new(self.stream, buffers)
    }

    /// As [`TcpStream::write_all`].
    #[inline]
    pub fn write_all<'b>(&'b self, buffer: &'b [u8]) -> WriteAll<'b, S> {
        WriteAll::new(self.stream, buffer)
    }

    /// As [`TcpStream::writable`].
    pub fn writable(&self) -> Writable<'_> {
        Writable::new(self.stream.io(), S::CALLS.writable)
    }

    /// As [`TcpStream::try_write`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::try_write`].
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        transfer::try_send(self.stream.io(), buffer)
    }

    /// As [`TcpStream::shutdown`] of writing.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::shutdown`].
    pub fn shutdown(&self) -> io::Result<()> {
        shutdown(self.stream.io(), Shutdown::Write)
    }
}

/// For what concerns the whole stream: its addresses, its options.
impl<S> AsRef<S> for WriteHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.stream
    }
}

/// The half of a stream that writes, from [`TcpStream::into_split`], or the same method of another stream.
///
/// Dropping it ends writing: the peer reads what was written, and then the end. [`forget`](Self::forget) does not,
/// nor does a drop in a child of `fork`: the connection is the parent's, too.
#[derive(Debug)]
pub struct OwnedWriteHalf<S: StreamSocket = TcpStream> {
    stream: Arc<S>,
    /// The process that ends writing by dropping it.
    shutdown_on_drop: Option<Process>,
}

impl<S: StreamSocket> OwnedWriteHalf<S> {
    pub(super) fn new(stream: Arc<S>) -> Self {
        Self {
            stream,
            shutdown_on_drop: Some(Process::current()),
        }
    }

    pub(super) fn stream(&self) -> &Arc<S> {
        &self.stream
    }

    /// As [`TcpStream::write`].
    #[inline]
    pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a, S> {
        Write::new(&*self.stream, buffer)
    }

    /// As [`TcpStream::write_vectored`].
    pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a, S> {
        WriteVectored::new(&*self.stream, buffers)
    }

    /// As [`TcpStream::write_all`].
    #[inline]
    pub fn write_all<'a>(&'a self, buffer: &'a [u8]) -> WriteAll<'a, S> {
        WriteAll::new(&*self.stream, buffer)
    }

    /// As [`TcpStream::writable`].
    pub fn writable(&self) -> Writable<'_> {
        Writable::new(self.stream.io(), S::CALLS.writable)
    }

    /// As [`TcpStream::try_write`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::try_write`].
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        transfer::try_send(self.stream.io(), buffer)
    }

    /// As [`TcpStream::shutdown`] of writing. Dropping the half does the same, and tells no error.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::shutdown`].
    pub fn shutdown(&self) -> io::Result<()> {
        shutdown(self.stream.io(), Shutdown::Write)
    }

    /// Drops this half without ending writing: the peer sees the end when the other half is dropped.
    pub fn forget(mut self) {
        self.shutdown_on_drop = None;
    }
}

impl<S: StreamSocket> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.shutdown_on_drop.is_some_and(Process::is_current) {
            // It fails only if the connection has ended already, which is what is wanted.
            let _ = self.shutdown();
        }
    }
}

/// For what concerns the whole stream: its addresses, its options.
impl<S: StreamSocket> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}
