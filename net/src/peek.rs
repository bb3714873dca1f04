//! [`Peek`]: what has been received, left where it is.

use crate::TcpStream;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{Call, Reading, Wait};

const PEEK: Call<Reading> = Call::new("TcpStream::peek");

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
        let wait = Wait::new(&self.io);
        Peek { wait, buffer }
    }
}

/// The future of [`TcpStream::peek`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Peek<'a> {
    wait: Wait<'a, OwnedFd, Reading>,
    buffer: &'a mut [u8],
}

impl Future for Peek<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, buffer } = &mut *self;
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // Not a transfer: it drains nothing, however little it copies.
        wait.poll_io(cx, PEEK, |fd| socket::peek(fd.as_fd(), buffer))
    }
}
