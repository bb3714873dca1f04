//! Streams that are shared: an `Arc` of a stream is a stream; and [`StreamRef`], a stream or whatever leads to one.

use super::{Calls, StreamSocket, sealed::Io};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use waterwheel_reactor::AsyncFd;

/// A [`StreamSocket`] of one's own, an `Arc` of one, or a reference to one.
///
/// It cannot be implemented elsewhere.
pub trait StreamRef: Io + Unpin {}

impl<R: Io + Unpin> StreamRef for R {}

impl<S: StreamSocket> Io for &S {
    const CALLS: Calls = S::CALLS;
    const SHORT_READ_DRAINS: bool = S::SHORT_READ_DRAINS;

    #[inline]
    fn io(&self) -> &AsyncFd<OwnedFd> {
        (**self).io()
    }
}

impl<S: StreamSocket> Io for Arc<S> {
    const CALLS: Calls = S::CALLS;
    const SHORT_READ_DRAINS: bool = S::SHORT_READ_DRAINS;

    #[inline]
    fn io(&self) -> &AsyncFd<OwnedFd> {
        (**self).io()
    }
}

impl<S: StreamSocket> StreamSocket for Arc<S> {}
