//! [`read_chunk`]: reads into a buffer that all connections of a worker share.

use crate::stream::{StreamSocket, transfer};
use crate::util::thread_buffer::{CHUNK, with_buffer};
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::{Operation, Reading, Wait};

const READ_CHUNK: Operation<Reading> = Operation::new("read_chunk");

/// Reads what has been received, at most `most` bytes of it, into a buffer that all connections of this worker share,
/// and gives it to `take`, whose result this resolves to.
///
/// The buffer has 64 KiB; a larger `most` is as good as that. No memory is held while the connection is idle: the
/// buffer is taken when there is something to read, and `take` has it until it returns. It takes nothing from there but
/// what it copies, parses or counts. At the end of the stream it gets no bytes.
///
/// # Errors
///
/// The kernel's, from `recv(2)`: `ConnectionReset` if the peer has gone without an end. `take` has not run.
///
/// # Panics
///
/// When it must wait, and is polled outside a runtime. When it is polled again after it was ready.
///
/// # Cancel safety
///
/// Dropping the future loses nothing: bytes are taken only inside the poll that gives them to `take`.
///
/// # Examples
///
/// A connection that costs little while it is silent, for at most half a minute:
///
/// ```
/// use std::time::Duration;
/// use waterwheel::net::{TcpListener, TcpStream, read_chunk};
/// use waterwheel::timeout;
///
/// async fn echo(stream: TcpStream) -> std::io::Result<()> {
///     loop {
///         let chunk = read_chunk(&stream, 4096, |bytes| bytes.to_vec());
///         let chunk = timeout(Duration::from_secs(30), chunk).await??;
///         if chunk.is_empty() {
///             return Ok(());
///         }
///         stream.write_all(&chunk).await?;
///     }
/// }
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///     waterwheel::spawn(echo(server));
///     client.write_all(b"water").await?;
///     let mut answer = [0; 5];
///     client.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"water");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn read_chunk<S, R, F>(stream: &S, most: usize, take: F) -> ReadChunk<'_, F>
where
    S: StreamSocket,
    F: FnOnce(&[u8]) -> R,
{
    ReadChunk {
        wait: Wait::new(stream.io()),
        short_read_drains: S::SHORT_READ_DRAINS,
        most: most.min(CHUNK),
        take: Some(take),
    }
}

/// The future of [`read_chunk`].
#[must_use = "futures do nothing unless awaited"]
pub struct ReadChunk<'a, F> {
    wait: Wait<'a, OwnedFd, Reading>,
    short_read_drains: bool,
    most: usize,
    take: Option<F>,
}

/// Nothing in it is pinned: the closure is taken out to be called.
impl<F> Unpin for ReadChunk<'_, F> {}

impl<R, F: FnOnce(&[u8]) -> R> Future for ReadChunk<'_, F> {
    type Output = io::Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            short_read_drains,
            most,
            take,
        } = &mut *self;
        with_buffer(|buffer| {
            let buffer = &mut buffer[..*most];
            let count = ready!(transfer::poll_recv(
                wait,
                cx,
                READ_CHUNK,
                *short_read_drains,
                buffer
            ))?;
            let take = take.take();
            let take = take.expect("`read_chunk` was polled again after it was ready");
            Poll::Ready(Ok(take(&buffer[..count])))
        })
    }
}

impl<F> fmt::Debug for ReadChunk<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadChunk")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}
