//! [`ReadExact`]: a whole buffer.

use crate::stream::{StreamSocket, transfer};
use crate::tcp::TcpStream;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::{Reading, Wait};

impl TcpStream {
    /// Reads until `buffer` is full.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends before; else as [`read`](Self::read). The bytes that came before stand in
    /// the buffer, and [`filled`](ReadExact::filled) counts them.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future midway leaves what it has read at the front of the buffer.
    /// [`filled`](ReadExact::filled), asked before, tells how much that is, and where to go on.
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
    ///     client.write_all(b"headbo").await?;
    ///     drop(client);
    ///     let (mut head, mut body) = ([0; 4], [0; 4]);
    ///     server.read_exact(&mut head).await?;
    ///     assert_eq!(&head, b"head");
    ///
    ///     let mut reading = server.read_exact(&mut body);
    ///     let error = (&mut reading).await.unwrap_err();
    ///     assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    ///     assert_eq!(reading.filled(), 2);
    ///     io::Result::Ok(())
    /// })?;
    /// # io::Result::Ok(())
    /// ```
    #[inline]
    pub fn read_exact<'a>(&'a self, buffer: &'a mut [u8]) -> ReadExact<'a> {
        ReadExact::new(self, buffer)
    }
}

/// The future of [`TcpStream::read_exact`], and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadExact<'a, S = TcpStream> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffer: &'a mut [u8],
    filled: usize,
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> ReadExact<'a, S> {
    #[inline]
    pub(crate) fn new(stream: &'a S, buffer: &'a mut [u8]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffer,
            filled: 0,
            stream: PhantomData,
        }
    }

    /// How many bytes have been read to the front of the buffer.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }
}

impl<S: StreamSocket> Future for ReadExact<'_, S> {
    type Output = io::Result<()>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            buffer,
            filled,
            ..
        } = &mut *self;
        if buffer.is_empty() {
            return wait.poll_nothing(cx).map(Ok);
        }
        while *filled < buffer.len() {
            match ready!(transfer::poll_recv(
                wait,
                cx,
                S::CALLS.read_exact,
                S::SHORT_READ_DRAINS,
                &mut buffer[*filled..]
            ))? {
                0 => return Poll::Ready(Err(ended(*filled, buffer.len()))),
                count => *filled += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cold]
fn ended(filled: usize, wanted: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the stream ended after {filled} of {wanted} bytes"),
    )
}
