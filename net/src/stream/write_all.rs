//! [`WriteAll`]: the completion of a write.

use crate::stream::{StreamSocket, transfer};
use crate::tcp::TcpStream;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::{Wait, Writing};

impl TcpStream {
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
    /// keeps: [`written`](WriteAll::written) tells how much.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future midway leaves a part of the buffer written: exactly [`written`](WriteAll::written) bytes,
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
    pub fn write_all<'a>(&'a self, buffer: &'a [u8]) -> WriteAll<'a> {
        WriteAll::new(self, buffer)
    }
}

/// The future of [`TcpStream::write_all`], and of the same method of other streams.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteAll<'a, S = TcpStream> {
    wait: Wait<'a, OwnedFd, Writing>,
    buffer: &'a [u8],
    written: usize,
    stream: PhantomData<&'a S>,
}

impl<'a, S: StreamSocket> WriteAll<'a, S> {
    #[inline]
    pub(crate) fn new(stream: &'a S, buffer: &'a [u8]) -> Self {
        Self {
            wait: Wait::new(stream.io()),
            buffer,
            written: 0,
            stream: PhantomData,
        }
    }

    /// How many bytes of the buffer the kernel has taken, now or when the write failed.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }
}

impl<S: StreamSocket> Future for WriteAll<'_, S> {
    type Output = io::Result<()>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            buffer,
            written,
            ..
        } = &mut *self;
        if buffer.is_empty() {
            return wait.poll_nothing(cx).map(Ok);
        }
        // Each round spends of the task's budget, so a peer that reads as fast as this writes keeps nobody else
        // from running.
        while *written < buffer.len() {
            match ready!(transfer::poll_send(
                wait,
                cx,
                S::CALLS.write_all,
                &buffer[*written..]
            ))? {
                0 => return Poll::Ready(Err(took_nothing(*written, buffer.len()))),
                count => *written += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cold]
fn took_nothing(written: usize, wanted: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::WriteZero,
        format!("the kernel took no more after {written} of {wanted} bytes"),
    )
}
