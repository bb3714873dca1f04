//! A stream that is shared, by an `Arc`, is a stream.

use crate::StreamSocket;
use crate::stream_socket::sealed::Io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use waterwheel_reactor::AsyncFd;

impl<S: StreamSocket> Io for Arc<S> {
    #[inline]
    fn io(&self) -> &AsyncFd<OwnedFd> {
        (**self).io()
    }
}

impl<S: StreamSocket> StreamSocket for Arc<S> {}
