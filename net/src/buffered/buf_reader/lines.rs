//! [`Lines`]: the lines of a reader, as a stream.

use super::read_until::text;
use super::{BufReader, Filling};
use crate::stream::StreamRef;
use futures_core::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

impl<R: StreamRef> BufReader<R> {
    /// The lines, one after another, as a
    /// [`Stream`](https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html) of `String`s.
    ///
    /// What holds for [`read_line`](Self::read_line) holds for each of its items. After an error it ends; the reader
    /// can be used further.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing: what has been received stays in the reader.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::TryStreamExt;
    /// use waterwheel::net::{BufReader, TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     client.write_all(b"one\r\n\ntwo").await?;
    ///     drop(client);
    ///
    ///     let lines: Vec<String> = BufReader::new(server).lines().try_collect().await?;
    ///     assert_eq!(lines, ["one", "", "two"]);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn lines(&mut self) -> Lines<'_> {
        Lines {
            filling: Filling::new(self),
            ended: false,
        }
    }
}

/// The stream of [`BufReader::lines`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Lines<'a> {
    filling: Filling<'a>,
    ended: bool,
}

impl Stream for Lines<'_> {
    type Item = io::Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return self.filling.wait.poll_nothing(cx).map(|()| None);
        }
        let line = match ready!(self.filling.poll_line(cx)) {
            Ok(None) => None,
            Ok(Some(length)) => {
                let line = self.filling.buffer().take(length);
                Some(text(line).map(str::to_owned))
            }
            Err(error) => Some(Err(error)),
        };
        self.ended = !matches!(line, Some(Ok(_)));
        Poll::Ready(line)
    }
}
