//! [`BufReader`]: reads a stream by lines, or up to any delimiter.
//!
//! | module | what is there |
//! |---|---|
//! | here | the reader, and [`FillBuf`] |
//! | `read_until` | [`ReadUntil`], [`ReadLine`] |
//! | `lines` | [`Lines`], a stream |
//! | `buffer` | what has been received and not taken: pure data |

mod buffer;
mod lines;
mod read_until;

pub use lines::Lines;
pub use read_until::{ReadLine, ReadUntil};

use crate::stream::{StreamRef, transfer};
use buffer::Buffer;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::{Operation, Reading, Wait};

const FILL_BUF: Operation<Reading> = Operation::new("BufReader::fill_buf");

/// Reads from a stream through a buffer, by lines above all.
///
/// A line has a limit of length, 64 KiB unless [`with_limit`](Self::with_limit) says another: a longer one is an error,
/// and not memory.
///
/// The stream may be its own, or a reference, or an `Arc`, so that others write to it meanwhile. Who else
/// reads from it takes what this would have read.
///
/// The buffer of 8 KiB is there from the first read on. For connections that are mostly silent,
/// [`read_chunk`](crate::read_chunk) holds none.
///
/// # Examples
///
/// ```
/// use waterwheel::net::{BufReader, TcpListener, TcpStream};
///
/// async fn serve(stream: TcpStream) -> std::io::Result<()> {
///     let mut reader = BufReader::new(&stream);
///     while let Some(line) = reader.read_line().await? {
///         let answer = format!("{} bytes\n", line.len());
///         stream.write_all(answer.as_bytes()).await?;
///     }
///     Ok(())
/// }
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///     waterwheel::spawn(serve(server));
///
///     client.write_all(b"water\nwheel!\n").await?;
///     let mut answers = BufReader::new(client);
///     assert_eq!(answers.read_line().await?, Some("5 bytes"));
///     assert_eq!(answers.read_line().await?, Some("6 bytes"));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct BufReader<R> {
    stream: R,
    buffer: Buffer,
}

impl<R: StreamRef> BufReader<R> {
    const LIMIT: usize = 64 << 10;

    /// A reader of `stream`, with a limit of 64 KiB.
    pub fn new(stream: R) -> Self {
        Self::with_limit(stream, Self::LIMIT)
    }

    /// A reader whose lines have at most `limit` bytes before their `\n`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use waterwheel::net::{BufReader, TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"short\nmuch too long\n").await?;
    ///     let mut reader = BufReader::with_limit(server, 8);
    ///     assert_eq!(reader.read_line().await?, Some("short"));
    ///     let error = reader.read_line().await.unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::InvalidData);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn with_limit(stream: R, limit: usize) -> Self {
        Self {
            stream,
            buffer: Buffer::new(limit),
        }
    }

    /// The stream.
    pub fn get_ref(&self) -> &R {
        &self.stream
    }

    /// What has been received and not taken. It does not wait for more.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        self.buffer.data()
    }

    /// The stream, and what has been received and not taken.
    #[must_use]
    pub fn into_parts(self) -> (R, Vec<u8>) {
        let rest = self.buffer.data().to_vec();
        (self.stream, rest)
    }

    /// Gives what has been received, and waits if there is nothing; nothing at all is the end.
    ///
    /// It takes nothing: [`consume`](Self::consume) does.
    ///
    /// # Errors
    ///
    /// The kernel's, from `recv(2)`.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime. When it is polled again after it was ready.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what has been received stays in the buffer.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{BufReader, TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     client.write_all(b"head\nbody").await?;
    ///     drop(client);
    ///
    ///     let mut reader = BufReader::new(server);
    ///     assert_eq!(reader.read_line().await?, Some("head"));
    ///     let mut body = Vec::new();
    ///     while let received @ [_, ..] = reader.fill_buf().await? {
    ///         body.extend_from_slice(received);
    ///         let count = received.len();
    ///         reader.consume(count);
    ///     }
    ///     assert_eq!(body, b"body");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn fill_buf(&mut self) -> FillBuf<'_> {
        FillBuf {
            filling: Filling::new(self),
        }
    }

    /// Takes so many bytes from the front of the [`buffer`](Self::buffer).
    ///
    /// # Panics
    ///
    /// If it has fewer.
    pub fn consume(&mut self, count: usize) {
        self.buffer.take(count);
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("stream", &self.stream)
            .field("buffered", &self.buffer.data().len())
            .field("limit", &self.buffer.limit)
            .finish()
    }
}

/// What the futures of a reader have in common: its buffer, until they are ready, and a wait for more.
#[derive(Debug)]
struct Filling<'a> {
    wait: Wait<'a, OwnedFd, Reading>,
    short_read_drains: bool,
    buffer: Option<&'a mut Buffer>,
}

impl<'a> Filling<'a> {
    fn new<R: StreamRef>(reader: &'a mut BufReader<R>) -> Self {
        Self {
            wait: Wait::new(reader.stream.io()),
            short_read_drains: R::SHORT_READ_DRAINS,
            buffer: Some(&mut reader.buffer),
        }
    }

    fn buffer(&mut self) -> &mut Buffer {
        let buffer = self.buffer.as_deref_mut();
        buffer.expect("a future of a `BufReader` was polled again after it was ready")
    }

    /// The buffer, to give a part of it away. The future is ready then.
    fn finish(&mut self) -> &'a mut Buffer {
        let buffer = self.buffer.take();
        buffer.expect("a future of a `BufReader` was polled again after it was ready")
    }

    /// Receives more, and gives the number of bytes: 0 at the end.
    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        call: Operation<Reading>,
    ) -> Poll<io::Result<usize>> {
        let Self {
            wait,
            short_read_drains,
            buffer,
        } = self;
        let buffer = buffer.as_deref_mut().expect("it is not ready yet");
        let count = ready!(transfer::poll_recv(
            wait,
            cx,
            call,
            *short_read_drains,
            buffer.room()
        ))?;
        buffer.received(count);
        Poll::Ready(Ok(count))
    }
}

/// The future of [`BufReader::fill_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct FillBuf<'a> {
    filling: Filling<'a>,
}

impl<'a> Future for FillBuf<'a> {
    type Output = io::Result<&'a [u8]>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let filling = &mut self.filling;
        if filling.buffer().data().is_empty() {
            ready!(filling.poll_more(cx, FILL_BUF))?;
        } else {
            ready!(filling.wait.poll_nothing(cx));
        }
        let buffer: &'a Buffer = filling.finish();
        Poll::Ready(Ok(buffer.data()))
    }
}
