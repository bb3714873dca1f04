//! [`Incoming`]: the connections of a listener, as a stream.

use crate::stream::{Accept, ListenerSocket};
use crate::tcp::TcpListener;
use futures_core::Stream;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

impl TcpListener {
    /// The connections, one after another, as a [`Stream`]. It never ends, not even after an error.
    ///
    /// What holds for [`accept`](Self::accept) holds for each of its items.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let address = listener.local_addr()?;
    ///     let clients = [TcpStream::connect(address).await?, TcpStream::connect(address).await?];
    ///
    ///     let mut incoming = listener.incoming().take(clients.len());
    ///     while let Some(stream) = incoming.next().await {
    ///         println!("a connection from {}", stream?.peer_addr()?);
    ///     }
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming::new(self)
    }
}

/// The stream of [`TcpListener::incoming`], and of the same method of other listeners.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, L = TcpListener> {
    /// Ready any number of times.
    accept: Accept<'a, L>,
}

impl<'a, L: ListenerSocket> Incoming<'a, L> {
    pub(crate) fn new(listener: &'a L) -> Self {
        let accept = Accept::new(listener);
        Self { accept }
    }
}

impl<L: ListenerSocket> Stream for Incoming<'_, L> {
    type Item = io::Result<L::Stream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = Pin::new(&mut self.accept).poll(cx);
        accepted.map(|accepted| Some(accepted.map(|(stream, _peer)| stream)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
