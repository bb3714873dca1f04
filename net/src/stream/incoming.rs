//! [`Incoming`]: the connections of a listener, as a stream.

use super::{Accept, ListenerSocket};
use futures_core::Stream;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The stream of [`TcpListener::incoming`](crate::TcpListener::incoming), and of the same method of other listeners.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, L> {
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
