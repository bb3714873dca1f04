//! [`ListenerSocket`]: what all sockets that accept connections have in common.

use crate::stream::StreamSocket;
use crate::stream::sealed::FromIo;
use crate::tcp::{TcpListener, TcpStream};
use crate::unix::{UnixListener, UnixStream};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::sys::address::Address;
use waterwheel_reactor::{AsyncFd, Call, Reading};

/// A socket that accepts connections: a [`TcpListener`] or a [`UnixListener`]. It cannot be implemented elsewhere.
pub trait ListenerSocket:
    sealed::Listen + AsFd + fmt::Debug + Send + Sync + Unpin + 'static
{
    /// A connection.
    type Stream: StreamSocket + FromIo;

    /// The address of a connection's peer.
    type Address: Address + Clone + fmt::Debug + Send + Sync + Unpin + 'static;
}

pub(crate) mod sealed {
    use super::{AsyncFd, Call, OwnedFd, Reading};

    /// Where the descriptor is. Nobody outside this crate can name it.
    pub trait Listen {
        /// What its future says when there is no runtime.
        const ACCEPT: Call<Reading>;

        /// The descriptor, as it is awaited.
        fn io(&self) -> &AsyncFd<OwnedFd>;
    }
}

impl ListenerSocket for TcpListener {
    type Stream = TcpStream;
    type Address = std::net::SocketAddr;
}

impl sealed::Listen for TcpListener {
    const ACCEPT: Call<Reading> = Call::new("TcpListener::accept");

    fn io(&self) -> &AsyncFd<OwnedFd> {
        &self.io
    }
}

impl ListenerSocket for UnixListener {
    type Stream = UnixStream;
    type Address = std::os::unix::net::SocketAddr;
}

impl sealed::Listen for UnixListener {
    const ACCEPT: Call<Reading> = Call::new("UnixListener::accept");

    fn io(&self) -> &AsyncFd<OwnedFd> {
        &self.io
    }
}
