//! [`TcpSocket`]: what is to become a stream or a listener.

use super::{TcpListener, TcpStream, connect};
use crate::options::option;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;
use waterwheel_reactor::sys::{fd, options, socket};
use waterwheel_reactor::{AsyncFd, Reactor, missing_runtime};

/// A TCP socket that neither is connected nor listens yet, so that options can be set, and an address chosen, before it
/// does either.
///
/// [`TcpStream::connect`] and [`TcpListener::bind`] are shorter where nothing of this is wanted.
///
/// # Examples
///
/// A listener whose port others may share, and a client that chooses where it connects from:
///
/// ```
/// use waterwheel::net::TcpSocket;
///
/// waterwheel::block_on(async {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_reuse_address(true)?;
///     socket.set_reuse_port(true)?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let listener = socket.listen(1024)?;
///
///     let socket = TcpSocket::new_v4()?;
///     socket.set_nodelay(true)?;
///     socket.bind("127.0.0.2:0".parse().unwrap())?;
///     let client = socket.connect(listener.local_addr()?).await?;
///     let (_server, peer) = listener.accept().await?;
///     assert_eq!(peer, client.local_addr()?);
///     assert_eq!(peer.ip().to_string(), "127.0.0.2");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct TcpSocket {
    fd: OwnedFd,
}

impl TcpSocket {
    /// Makes a socket for IPv4.
    ///
    /// # Errors
    ///
    /// The kernel's, from `socket(2)`: `EMFILE` or `ENFILE` when descriptors have run out.
    pub fn new_v4() -> io::Result<Self> {
        let fd = socket::tcp_for((Ipv4Addr::UNSPECIFIED, 0).into())?;
        Ok(Self { fd })
    }

    /// Makes a socket for IPv6, and for IPv4 too, unless [`set_only_v6`](Self::set_only_v6) says otherwise.
    ///
    /// # Errors
    ///
    /// The kernel's, from `socket(2)`: `EAFNOSUPPORT` where there is no IPv6; `EMFILE` or `ENFILE` when descriptors have
    /// run out.
    pub fn new_v6() -> io::Result<Self> {
        let fd = socket::tcp_for((Ipv6Addr::UNSPECIFIED, 0).into())?;
        Ok(Self { fd })
    }

    /// Gives it its own address. Port 0 stands for any that is free.
    ///
    /// Unlike [`TcpListener::bind`], this does not set `SO_REUSEADDR`.
    ///
    /// # Errors
    ///
    /// The kernel's, from `bind(2)`: `AddrInUse`, `AddrNotAvailable`, `PermissionDenied`.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        socket::bind(self.as_fd(), &address)
    }

    /// Connects it.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect`].
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket: the peer may see a connection that ends at once.
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        if Reactor::current().is_none() {
            missing_runtime("TcpSocket::connect");
        }
        connect::connect_socket(|| Ok(self.fd), address).await
    }

    /// Lets it listen, with up to `backlog` connections that wait to be accepted, or up to `net.core.somaxconn` if that
    /// is less. While more want to connect, they are kept waiting.
    ///
    /// # Errors
    ///
    /// The kernel's, from `listen(2)`: `AddrInUse`.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        socket::listen(self.as_fd(), backlog)?;
        let io = AsyncFd::from_nonblocking(self.fd);
        Ok(TcpListener { io })
    }

    /// Its own address; before [`bind`](Self::bind), the unspecified one.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_addr(self.as_fd())
    }

    option!(nodelay);
    option!(quickack);
    option!(keepalive);
    option!(linger);
    option!(user_timeout);
    option!(reuse_address);
    option!(reuse_port);
    option!(buffer_sizes);
    option!(ttl);
    option!(tos);
    option!(only_v6);
    option!(take_error);
}

impl TryFrom<OwnedFd> for TcpSocket {
    type Error = io::Error;

    /// Takes a TCP socket that was made elsewhere, and puts it in non-blocking mode. That it is one is the caller's to
    /// know; if it is not, the kernel's calls fail.
    fn try_from(socket: OwnedFd) -> io::Result<Self> {
        fd::set_nonblocking(socket.as_fd())?;
        Ok(Self { fd: socket })
    }
}

impl From<TcpSocket> for OwnedFd {
    fn from(socket: TcpSocket) -> Self {
        socket.fd
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut socket = f.debug_struct("TcpSocket");
        if let Ok(address) = self.local_addr() {
            socket.field("local", &address);
        }
        socket.field("fd", &self.as_raw_fd()).finish()
    }
}
