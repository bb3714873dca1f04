//! [`UnixDatagram`]: datagrams between processes of this machine.

use super::Credentials;
use crate::datagram::{self, RecvDatagram, RecvFrom, SendDatagram, Take};
use crate::options::option;
use crate::socket::{Ends, Readable, Writable, conversions, from_std, own_calls, shutdown};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use waterwheel_reactor::sys::socket::Kind;
use waterwheel_reactor::sys::{credentials, options, socket};
use waterwheel_reactor::{AsyncFd, Operation};

/// A Unix socket for datagrams.
///
/// Unlike those of UDP, they are never lost and come in order: while the receiver has as many as it may have
/// (`net.unix.max_dgram_qlen`), who sends waits. What a receiver's buffer has no room for is thrown away. Methods take
/// `&self`: any number of tasks may send and receive at the same time, through an `Arc`.
///
/// Binding to a path makes a file there, and nothing removes it: see [`UnixListener`](crate::UnixListener#the-file).
///
/// # Examples
///
/// ```
/// use waterwheel::net::UnixDatagram;
///
/// waterwheel::block_on(async {
///     let (ours, theirs) = UnixDatagram::pair()?;
///     ours.send(b"water").await?;
///     ours.send(b"wheel").await?;
///     let mut buffer = [0; 16];
///     let length = theirs.recv(&mut buffer).await?;
///     assert_eq!(&buffer[..length], b"water");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct UnixDatagram {
    pub(super) io: AsyncFd<OwnedFd>,
}

impl UnixDatagram {
    /// Makes the file `path`, and receives what is sent there.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if the file exists, even if nobody receives there; what else `socket(2)` and `bind(2)` report.
    /// `InvalidInput` if the path has more than 107 bytes, or a NUL.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Receives what is sent to an address: of a path, as [`bind`](Self::bind), or of an abstract name.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    /// use waterwheel::net::UnixDatagram;
    ///
    /// let name = format!("waterwheel-doc-datagram-{}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(name)?;
    /// waterwheel::block_on(async {
    ///     let server = UnixDatagram::bind_addr(&address)?;
    ///     let client = UnixDatagram::unbound()?;
    ///     client.send_to_addr(b"water", &address).await?;
    ///     let mut buffer = [0; 16];
    ///     let (length, from) = server.recv_from(&mut buffer).await?;
    ///     assert_eq!(&buffer[..length], b"water");
    ///     assert!(from.is_unnamed());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        let socket = Self::unbound()?;
        socket::bind(socket.as_fd(), address)?;
        Ok(socket)
    }

    /// Makes a socket that has no address, and so cannot be answered.
    ///
    /// # Errors
    ///
    /// The kernel's, from `socket(2)`: `EMFILE` or `ENFILE` when descriptors have run out.
    pub fn unbound() -> io::Result<Self> {
        let io = AsyncFd::from_nonblocking(socket::unix(Kind::Datagram)?);
        Ok(Self { io })
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// The kernel's, from `socketpair(2)`: `EMFILE` or `ENFILE` when descriptors have run out.
    pub fn pair() -> io::Result<(Self, Self)> {
        let pair: [OwnedFd; 2] = socket::unix_pair(Kind::Datagram)?.into();
        let sockets = pair.map(|fd| Self {
            io: AsyncFd::from_nonblocking(fd),
        });
        Ok(sockets.into())
    }

    /// Connects the socket to the one at `path`: it sends there, and receives from there alone.
    ///
    /// # Errors
    ///
    /// The kernel's, from `connect(2)`: `NotFound` if there is no such path, `ConnectionRefused` if nobody receives there
    /// any more, `PermissionDenied`. `InvalidInput` if the path has more than 107 bytes, or a NUL.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// As [`connect`](Self::connect), to an address: of a path, or of an abstract name.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        socket::connect(self.as_fd(), address)?;
        Ok(())
    }

    /// Takes a socket of the standard library, and puts it in non-blocking mode.
    ///
    /// # Errors
    ///
    /// The kernel's, from `fcntl(2)`.
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<Self> {
        let io = from_std(socket)?;
        Ok(Self { io })
    }

    /// Gives the socket to the standard library, and takes it out of the reactor.
    ///
    /// It stays in non-blocking mode; `set_nonblocking(false)` ends that.
    #[must_use]
    pub fn into_std(self) -> std::os::unix::net::UnixDatagram {
        self.io.into_inner().into()
    }

    /// Receives the next datagram to `buffer`, and gives its length. Of a longer one than there is room for, the rest is
    /// lost. A datagram may be empty; 0 may also mean that receiving was [shut down](Self::shutdown) here, and that nothing is
    /// left.
    ///
    /// # Errors
    ///
    /// The kernel's, from `recv(2)`: `ConnectionReset` if the peer has closed with something unread.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a datagram is taken only inside the poll that reports it.
    pub fn recv<'a>(&'a self, buffer: &'a mut [u8]) -> RecvDatagram<'a> {
        let call = Operation::new("UnixDatagram::recv");
        RecvDatagram::new(&self.io, buffer, Take::Yes, call)
    }

    /// As [`recv`](Self::recv), but leaves the datagram where it was: the next call gives it again.
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> RecvDatagram<'a> {
        let call = Operation::new("UnixDatagram::peek");
        RecvDatagram::new(&self.io, buffer, Take::Peek, call)
    }

    /// As [`recv`](Self::recv), and tells who sent it, if that has an address.
    pub fn recv_from<'a>(&'a self, buffer: &'a mut [u8]) -> RecvFrom<'a, SocketAddr> {
        let call = Operation::new("UnixDatagram::recv_from");
        RecvFrom::new(&self.io, buffer, Take::Yes, call)
    }

    /// As [`recv_from`](Self::recv_from), but leaves the datagram where it was: the next call gives it again.
    pub fn peek_from<'a>(&'a self, buffer: &'a mut [u8]) -> RecvFrom<'a, SocketAddr> {
        let call = Operation::new("UnixDatagram::peek_from");
        RecvFrom::new(&self.io, buffer, Take::Peek, call)
    }

    /// Sends `buffer` as one datagram to where the socket is connected, and gives its length, which is all of it. It waits
    /// while there is no room.
    ///
    /// # Errors
    ///
    /// The kernel's, from `send(2)`: `EMSGSIZE` if it is longer than the send buffer, `NotConnected`,
    /// `ConnectionRefused` and `BrokenPipe` if nobody receives there any more.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has sent nothing.
    pub fn send<'a>(&'a self, buffer: &'a [u8]) -> SendDatagram<'a> {
        SendDatagram::new(&self.io, buffer, Operation::new("UnixDatagram::send"))
    }

    /// As [`recv`](Self::recv), and does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no datagram, and [`readable`](Self::readable) then waits until there is one; else as
    /// [`recv`](Self::recv).
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        datagram::try_recv(&self.io, buffer)
    }

    /// As [`recv_from`](Self::recv_from), and does not wait.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        datagram::try_recv_from(&self.io, buffer)
    }

    /// As [`send`](Self::send), and does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, and [`writable`](Self::writable) then waits until there is; else as
    /// [`send`](Self::send).
    pub fn try_send(&self, buffer: &[u8]) -> io::Result<usize> {
        datagram::try_send(&self.io, buffer)
    }

    /// Waits until there is a datagram, or an error. In all else as [`TcpStream::readable`](crate::TcpStream::readable).
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(&self.io, Operation::new("UnixDatagram::readable"))
    }

    /// Waits until there is room to send: here, and if it is connected, there. In all else as
    /// [`TcpStream::writable`](crate::TcpStream::writable).
    pub fn writable(&self) -> Writable<'_> {
        Writable::new(&self.io, Operation::new("UnixDatagram::writable"))
    }

    /// Ends receiving, sending or both, for all who use this socket, and wakes those of them that wait.
    ///
    /// From then on a receive gives what had come before, and then 0 bytes, of nobody; a send fails with `BrokenPipe`, as
    /// does one of a peer to a socket that has ended receiving.
    ///
    /// A peer that *waits* for room while receiving ends here is not woken: the kernel does not tell it.
    ///
    /// # Errors
    ///
    /// The kernel's, from `shutdown(2)`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        shutdown(&self.io, how)
    }

    /// The socket's own address.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_addr(self.as_fd())
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getpeername(2)`: `NotConnected` if it is to none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket::peer_addr(self.as_fd())
    }

    /// Who made the [pair](Self::pair) (`SO_PEERCRED`). Of other sockets for datagrams the kernel knows nobody: the
    /// process is then `None`, and user and group are the largest number.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockopt(2)`.
    pub fn peer_cred(&self) -> io::Result<Credentials> {
        credentials::peer(self.as_fd())
    }

    option!(buffer_sizes);
    option!(take_error);
}

own_calls! {
    UnixDatagram, "UnixDatagram::async_io", Ends::SILENTLY,
    /// # Errors
    ///
    /// When receiving has been shut down, and `operation` says `WouldBlock`, the error of this, and of `try_io`, is `UnexpectedEof`: nothing
    /// will come any more.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket::async_io`](crate::UdpSocket::async_io).
}

conversions!(UnixDatagram, std::os::unix::net::UnixDatagram, "local": local_addr, "peer": peer_addr);
