//! [`ReadUntil`], [`ReadLine`]: all up to a delimiter.

use super::buffer::Found;
use super::{BufReader, Filling};
use crate::stream::StreamRef;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::str;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::{Operation, Reading};

const READ_UNTIL: Operation<Reading> = Operation::new("BufReader::read_until");
const READ_LINE: Operation<Reading> = Operation::new("BufReader::read_line");

impl<R: StreamRef> BufReader<R> {
    /// Waits for `delimiter`, and takes all up to and with it. At the end of the stream it takes what is left without
    /// one, and then nothing.
    ///
    /// What it gives stays in the buffer, until the reader is used again.
    ///
    /// # Errors
    ///
    /// The kernel's, from `recv(2)`; `InvalidData` when what comes before the delimiter is longer than the reader's
    /// limit. Nothing has been taken then: it is in the [`buffer`](Self::buffer), and the same error comes again until
    /// it is [consumed](Self::consume).
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime. When it is polled again after it was ready.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what has been received stays in the buffer, and is not searched twice.
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
    ///     client.write_all(b"one;two").await?;
    ///     drop(client);
    ///
    ///     let mut reader = BufReader::new(server);
    ///     assert_eq!(reader.read_until(b';').await?, b"one;");
    ///     assert_eq!(reader.read_until(b';').await?, b"two");
    ///     assert_eq!(reader.read_until(b';').await?, b"");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn read_until(&mut self, delimiter: u8) -> ReadUntil<'_> {
        ReadUntil {
            filling: Filling::new(self),
            delimiter,
        }
    }

    /// Waits for a line, and takes it; `None` at the end of the stream. Its end, `\n` or `\r\n`, is not part of what it
    /// gives, which stays in the buffer until the reader is used again. The last line need not have an end.
    ///
    /// # Errors
    ///
    /// As [`read_until`](Self::read_until); `InvalidData`, too, if the line is not UTF-8: `read_until(b'\n')` then
    /// gives it as bytes.
    ///
    /// # Panics
    ///
    /// As [`read_until`](Self::read_until).
    ///
    /// # Cancel safety
    ///
    /// As [`read_until`](Self::read_until): nothing is lost.
    ///
    /// # Examples
    ///
    /// See [`BufReader`].
    pub fn read_line(&mut self) -> ReadLine<'_> {
        ReadLine {
            filling: Filling::new(self),
        }
    }
}

/// The future of [`BufReader::read_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadUntil<'a> {
    filling: Filling<'a>,
    delimiter: u8,
}

/// The future of [`BufReader::read_line`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadLine<'a> {
    filling: Filling<'a>,
}

impl Filling<'_> {
    /// Receives until there is a `delimiter`, or the end, and gives the number of bytes up to and with it.
    pub(super) fn poll_until(
        &mut self,
        cx: &mut Context<'_>,
        call: Operation<Reading>,
        delimiter: u8,
    ) -> Poll<io::Result<usize>> {
        let mut has_spent = false;
        loop {
            let buffer = self.buffer();
            let found = buffer.find(delimiter);
            let limit = buffer.limit;
            if !has_spent && !matches!(found, Found::Nothing) {
                // It stays where it is, to be found again if this pends.
                ready!(self.wait.poll_nothing(cx));
            }
            match found {
                Found::Line(length) => return Poll::Ready(Ok(length)),
                Found::TooLong => return Poll::Ready(Err(too_long(limit))),
                Found::Nothing => {
                    if ready!(self.poll_more(cx, call))? == 0 {
                        return Poll::Ready(Ok(self.buffer().data().len()));
                    }
                    has_spent = true;
                }
            }
        }
    }

    /// Receives until there is a line, and gives the number of its bytes, with its end.
    pub(super) fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let length = ready!(self.poll_until(cx, READ_LINE, b'\n'))?;
        if length == 0 {
            return Poll::Ready(Ok(None));
        }
        // Looked at before it is taken, so that a line that is no text is not lost.
        if str::from_utf8(&self.buffer().data()[..length]).is_err() {
            return Poll::Ready(Err(not_utf8()));
        }
        Poll::Ready(Ok(Some(length)))
    }
}

impl<'a> Future for ReadUntil<'a> {
    type Output = io::Result<&'a [u8]>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { filling, delimiter } = &mut *self;
        let length = ready!(filling.poll_until(cx, READ_UNTIL, *delimiter))?;
        Poll::Ready(Ok(filling.finish().take(length)))
    }
}

impl<'a> Future for ReadLine<'a> {
    type Output = io::Result<Option<&'a str>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let filling = &mut self.filling;
        let Some(length) = ready!(filling.poll_line(cx))? else {
            return Poll::Ready(Ok(None));
        };
        Poll::Ready(text(filling.finish().take(length)).map(Some))
    }
}

/// A line without its end. A `\r` that no `\n` follows, as the last line may have one, is no end.
pub(super) fn text(line: &[u8]) -> io::Result<&str> {
    let line = match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] | text => text,
    };
    str::from_utf8(line).map_err(|_| not_utf8())
}

#[cold]
fn not_utf8() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a line is not UTF-8")
}

#[cold]
fn too_long(limit: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "what comes before the delimiter is longer than the reader's limit of {limit} bytes"
        ),
    )
}
