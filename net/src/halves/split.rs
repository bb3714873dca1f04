//! How a stream is parted into halves.

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::tcp::TcpStream;
use crate::unix::UnixStream;
use std::sync::Arc;

impl TcpStream {
    /// Lends the stream in two halves: one that reads, one that writes.
    ///
    /// As methods take `&self`, `&TcpStream` itself serves both uses; the halves say in a signature which one is meant.
    /// [`into_split`](Self::into_split) gives halves that can go to different tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{ReadHalf, TcpListener, TcpStream, WriteHalf};
    ///
    /// async fn copy(from: ReadHalf<'_>, to: WriteHalf<'_>) -> std::io::Result<()> {
    ///     let mut buffer = [0; 4096];
    ///     let count = from.read(&mut buffer).await?;
    ///     to.write_all(&buffer[..count]).await
    /// }
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     client.write_all(b"water").await?;
    ///     let (reader, writer) = server.split();
    ///     copy(reader, writer).await?;
    ///     assert_eq!(client.read(&mut [0; 16]).await?, 5);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn split(&self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// Parts the stream into two owned halves, one that reads and one that writes, for different tasks.
    ///
    /// Dropping the write half ends writing, as [`shutdown`](Self::shutdown) does: the peer sees the end. The connection
    /// is closed when both are dropped. [`reunite`](OwnedReadHalf::reunite) makes them one again.
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
    ///     let (reader, writer) = client.into_split();
    ///     waterwheel::spawn(async move { writer.write_all(b"water").await });
    ///     let mut buffer = [0; 16];
    ///     server.read_exact(&mut buffer[..5]).await?;
    ///     assert_eq!(server.read(&mut buffer).await?, 0, "the write half is gone");
    ///     server.write_all(b"wheel").await?;
    ///     assert_eq!(reader.read(&mut buffer).await?, 5);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let stream = Arc::new(self);
        (
            OwnedReadHalf::new(Arc::clone(&stream)),
            OwnedWriteHalf::new(stream),
        )
    }
}

impl UnixStream {
    /// As [`TcpStream::split`](crate::TcpStream::split).
    #[must_use]
    pub fn split(&self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// As [`TcpStream::into_split`](crate::TcpStream::into_split).
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
        let stream = Arc::new(self);
        (
            OwnedReadHalf::new(Arc::clone(&stream)),
            OwnedWriteHalf::new(stream),
        )
    }
}
