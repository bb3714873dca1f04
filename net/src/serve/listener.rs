//! [`Listener`], [`Listeners`]: what a server accepts from.

use crate::{TcpListener, TcpStream};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::AsyncFd;
use waterwheel_reactor::sys::socket;

/// A socket that accepts connections, such as a [`TcpListener`]. It cannot be implemented elsewhere.
pub trait Listener: sealed::Accept<Stream = Self::Connection, Peer = Self::Address> {
    /// What a connection is.
    type Connection: Send + 'static;
    /// What its peer is known by.
    type Address: Clone + fmt::Debug + Send + Sync + 'static;
}

/// One listener, or a `Vec` of them.
pub trait Listeners {
    /// Of which kind they are.
    type Listener: Listener;

    /// All of them.
    fn into_listeners(self) -> Vec<Self::Listener>;
}

pub(super) mod sealed {
    use super::{AsFd, AsyncFd, OwnedFd, io};

    /// How to accept. Nobody outside this crate can name it.
    pub trait Accept: AsFd + Send + Sync + 'static {
        type Stream;
        type Peer;

        fn io(&self) -> &AsyncFd<OwnedFd>;

        /// One connection, without waiting.
        fn accept(fd: &OwnedFd) -> io::Result<(Self::Stream, Self::Peer)>;
    }
}

impl sealed::Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    fn io(&self) -> &AsyncFd<OwnedFd> {
        &self.io
    }

    fn accept(fd: &OwnedFd) -> io::Result<(TcpStream, SocketAddr)> {
        let (fd, peer) = socket::accept(fd.as_fd())?;
        let io = AsyncFd::from_nonblocking(fd);
        Ok((TcpStream { io }, peer))
    }
}

impl Listener for TcpListener {
    type Connection = TcpStream;
    type Address = SocketAddr;
}

impl<L: Listener> Listeners for L {
    type Listener = L;

    fn into_listeners(self) -> Vec<L> {
        vec![self]
    }
}

impl<L: Listener> Listeners for Vec<L> {
    type Listener = L;

    fn into_listeners(self) -> Vec<L> {
        self
    }
}
