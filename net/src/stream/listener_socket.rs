//! [`ListenerSocket`]: what all sockets that accept connections have in common.

use super::StreamSocket;
use super::sealed::FromIo;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::sys::address::Address;
use waterwheel_reactor::{AsyncFd, Operation, Reading};

/// A socket that accepts connections: a [`TcpListener`](crate::TcpListener) or a [`UnixListener`](crate::UnixListener). It cannot be implemented elsewhere.
pub trait ListenerSocket:
    sealed::Listen + AsFd + fmt::Debug + Send + Sync + Unpin + 'static
{
    /// A connection.
    type Stream: StreamSocket + FromIo;

    /// The address of a connection's peer.
    type Address: Address + Clone + fmt::Debug + Send + Sync + Unpin + 'static;
}

pub(crate) mod sealed {
    use super::{AsyncFd, Operation, OwnedFd, Reading};

    /// Where the descriptor is. Nobody outside this crate can name it.
    pub trait Listen {
        /// What its future says when there is no runtime.
        const ACCEPT: Operation<Reading>;

        /// The descriptor, as it is awaited.
        fn io(&self) -> &AsyncFd<OwnedFd>;
    }
}
