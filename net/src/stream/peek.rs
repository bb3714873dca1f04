//! [`Peek`]: what has been received, left where it is.

use crate::stream::StreamSocket;
use crate::tcp::TcpStream;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{Reading, Wait};

impl TcpStream {
    /// As [`read`](Self::read), but leaves what it reads where it was: the next `peek` or `read` gives it again.
    ///
    /// It waits only while there is nothing at all. To wait for *more* than was peeked, read.
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
    ///     client.write_all(b"GET /").await?;
    ///     let mut method = [0; 3];
    ///     server.peek(&mut method).await?;
    ///     assert_eq!(&method, b"GET");
    ///     server.read_exact(&mut method).await?;
    ///     assert_eq!(&method, b"GET");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a> {
        Peek::new(self, buffer)
    }
}

/// The future of [`TcpStream::peek`], and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Peek<'a, S = TcpStream> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffer: &'a mut [u8],
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> Peek<'a, S> {
    pub(crate) fn new(stream: &'a S, buffer: &'a mut [u8]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffer,
            stream: PhantomData,
        }
    }
}

impl<S: StreamSocket> Future for Peek<'_, S> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffer, .. } = &mut *self;
        if buffer.is_empty() {
            return wait.poll_nothing(cx).map(|()| Ok(0));
        }
        // Not a transfer: it drains nothing, however little it copies.
        wait.poll_io(cx, S::CALLS.peek, |fd| socket::peek(fd.as_fd(), buffer))
    }
}
