//! [`StreamSocket`]: what all connected sockets that carry a stream of bytes have in common.

use crate::TcpStream;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::AsyncFd;

/// A connected socket that carries a stream of bytes in both directions, such as a [`TcpStream`].
///
/// What is built on streams, and does not care which, takes any `StreamSocket`. It cannot be implemented elsewhere.
pub trait StreamSocket: sealed::Io + AsFd + fmt::Debug + Send + Sync + Unpin + 'static {}

pub(crate) mod sealed {
    use super::{AsyncFd, OwnedFd};

    /// Where the descriptor is. Nobody outside this crate can name it.
    pub trait Io {
        /// The descriptor, as it is awaited.
        fn io(&self) -> &AsyncFd<OwnedFd>;
    }
}

impl sealed::Io for TcpStream {
    #[inline]
    fn io(&self) -> &AsyncFd<OwnedFd> {
        &self.io
    }
}

impl StreamSocket for TcpStream {}
