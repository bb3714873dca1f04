//! [`UdpSocket`]: datagrams of the internet.

use crate::address::{ToSocketAddrs, addresses};
use crate::datagram::{self, RecvDatagram, RecvFrom, SendDatagram, SendTo, Take};
use crate::options::option;
use crate::socket::{Ends, Readable, Writable, conversions, from_std, own_calls};
use std::future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::sys::{options, socket};
use waterwheel_reactor::{AsyncFd, Operation};

/// A UDP socket.
///
/// Each datagram is sent whole or not at all, may get lost on its way, and may come before one that was sent earlier.
/// What a receiver's buffer has no room for is thrown away. Methods take `&self`: any number of tasks may send and receive
/// at the same time, through an `Arc`.
///
/// # Errors of earlier datagrams
///
/// When nobody has received a datagram of a *connected* socket, an answer says so (ICMP), and the kernel tells of it by
/// `ConnectionRefused` to the next call, be it one that receives or one that sends; what that was to send is not sent. It
/// wakes who waits to receive. [`take_error`](Self::take_error) takes it without receiving or sending. A socket that is not
/// connected does not learn of it.
///
/// # Examples
///
/// ```
/// use waterwheel::net::UdpSocket;
///
/// waterwheel::block_on(async {
///     let server = UdpSocket::bind("127.0.0.1:0").await?;
///     let client = UdpSocket::bind("127.0.0.1:0").await?;
///     client.connect(server.local_addr()?).await?;
///     client.send(b"water").await?;
///
///     let mut buffer = [0; 1500];
///     let (length, peer) = server.recv_from(&mut buffer).await?;
///     assert_eq!(peer, client.local_addr()?);
///     server.send_to(&buffer[..length], peer).await?;
///     let length = client.recv(&mut buffer).await?;
///     assert_eq!(&buffer[..length], b"water");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct UdpSocket {
    pub(super) io: AsyncFd<OwnedFd>,
}

impl UdpSocket {
    /// Makes a socket that has the first of the addresses in `addr` that can be had.
    ///
    /// Port 0 stands for any that is free; [`local_addr`](Self::local_addr) tells which.
    /// A host name is looked up as by [`lookup_host`](crate::lookup_host).
    ///
    /// # Errors
    ///
    /// `AddrInUse` if another socket has it; what else `socket(2)` and `bind(2)` report, of the last address tried; what
    /// looking up reports; `InvalidInput` if there is no address.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind: it ends at the poll that binds.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let bind = |address| {
            future::ready(Self::unbound_for(address).and_then(|socket| {
                socket.bind_to(address)?;
                Ok(socket)
            }))
        };
        addresses::first_of("UdpSocket::bind", addr, bind).await
    }

    /// Makes a socket for IPv4 that has no address yet, so that options can be set before. It gets one by
    /// [`bind_to`](Self::bind_to), or of the kernel's choice when it first sends or connects.
    ///
    /// # Errors
    ///
    /// The kernel's, from `socket(2)`: `EMFILE` or `ENFILE` when descriptors have run out.
    ///
    /// # Examples
    ///
    /// Several sockets that receive what is sent to a multicast group:
    ///
    /// ```
    /// use waterwheel::net::UdpSocket;
    ///
    /// fn member(address: std::net::SocketAddr) -> std::io::Result<UdpSocket> {
    ///     let socket = UdpSocket::unbound_v4()?;
    ///     socket.set_reuse_address(true)?;
    ///     socket.bind_to(address)?;
    ///     Ok(socket)
    /// }
    ///
    /// let first = member(([127, 0, 0, 1], 0).into())?;
    /// let second = member(first.local_addr()?)?;
    /// # drop(second);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn unbound_v4() -> io::Result<Self> {
        Self::unbound_for((Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// As [`unbound_v4`](Self::unbound_v4), for IPv6, and for IPv4 too, unless [`set_only_v6`](Self::set_only_v6) says
    /// otherwise.
    ///
    /// # Errors
    ///
    /// As [`unbound_v4`](Self::unbound_v4); `EAFNOSUPPORT` where there is no IPv6.
    pub fn unbound_v6() -> io::Result<Self> {
        Self::unbound_for((Ipv6Addr::UNSPECIFIED, 0).into())
    }

    fn unbound_for(address: SocketAddr) -> io::Result<Self> {
        let io = AsyncFd::from_nonblocking(socket::udp_for(address)?);
        Ok(Self { io })
    }

    /// Gives an address to a socket that has none yet.
    ///
    /// # Errors
    ///
    /// The kernel's, from `bind(2)`: `AddrInUse`, `AddrNotAvailable`; `InvalidInput` if it has one.
    pub fn bind_to(&self, address: SocketAddr) -> io::Result<()> {
        socket::bind(self.as_fd(), &address)
    }

    /// Connects the socket to the first of the addresses in `addr` to which there is a way: it sends there, and receives from
    /// there alone. Nothing is sent by this, so that it does not tell if somebody is there.
    ///
    /// A host name is looked up as by [`lookup_host`](crate::lookup_host).
    ///
    /// # Errors
    ///
    /// What `connect(2)` reports, of the last address tried; what looking up reports; `InvalidInput` if there is no
    /// address.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the socket as it was: it ends at the poll that connects.
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        let connect =
            |address| future::ready(socket::connect(self.as_fd(), &address).map(|_done| ()));
        addresses::first_of("UdpSocket::connect", addr, connect).await
    }

    /// Takes a socket of the standard library, and puts it in non-blocking mode.
    ///
    /// # Errors
    ///
    /// The kernel's, from `fcntl(2)`.
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<Self> {
        let io = from_std(socket)?;
        Ok(Self { io })
    }

    /// Gives the socket to the standard library, and takes it out of the reactor.
    ///
    /// It stays in non-blocking mode; `set_nonblocking(false)` ends that.
    #[must_use]
    pub fn into_std(self) -> std::net::UdpSocket {
        self.io.into_inner().into()
    }

    /// Receives the next datagram to `buffer`, and gives its length. Of a longer one than there is room for, the rest is
    /// lost. A datagram may be empty.
    ///
    /// # Errors
    ///
    /// The kernel's, from `recv(2)`: `ConnectionRefused` as [told above](Self#errors-of-earlier-datagrams).
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a datagram is taken only inside the poll that reports it.
    pub fn recv<'a>(&'a self, buffer: &'a mut [u8]) -> RecvDatagram<'a> {
        RecvDatagram::new(
            &self.io,
            buffer,
            Take::Yes,
            Operation::new("UdpSocket::recv"),
        )
    }

    /// As [`recv`](Self::recv), but leaves the datagram where it was: the next call gives it again.
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> RecvDatagram<'a> {
        RecvDatagram::new(
            &self.io,
            buffer,
            Take::Peek,
            Operation::new("UdpSocket::peek"),
        )
    }

    /// As [`recv`](Self::recv), and tells who sent it.
    pub fn recv_from<'a>(&'a self, buffer: &'a mut [u8]) -> RecvFrom<'a> {
        RecvFrom::new(
            &self.io,
            buffer,
            Take::Yes,
            Operation::new("UdpSocket::recv_from"),
        )
    }

    /// As [`recv_from`](Self::recv_from), but leaves the datagram where it was: the next call gives it again.
    pub fn peek_from<'a>(&'a self, buffer: &'a mut [u8]) -> RecvFrom<'a> {
        RecvFrom::new(
            &self.io,
            buffer,
            Take::Peek,
            Operation::new("UdpSocket::peek_from"),
        )
    }

    /// Sends `buffer` as one datagram to where the socket is [connected](Self::connect), and gives its length, which is
    /// all of it. It waits while the kernel has no room.
    ///
    /// # Errors
    ///
    /// The kernel's, from `send(2)`: `EMSGSIZE` if it is too long for a datagram, `EDESTADDRREQ` if the socket is not
    /// connected, `ConnectionRefused` as [told above](Self#errors-of-earlier-datagrams).
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has sent nothing.
    pub fn send<'a>(&'a self, buffer: &'a [u8]) -> SendDatagram<'a> {
        SendDatagram::new(&self.io, buffer, Operation::new("UdpSocket::send"))
    }

    /// As [`send`](Self::send), to an address. [`lookup_host`](crate::lookup_host) finds one for a name.
    pub fn send_to<'a>(&'a self, buffer: &'a [u8], to: SocketAddr) -> SendTo<'a> {
        SendTo::new(&self.io, buffer, to)
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

    /// As [`send_to`](Self::send_to), and does not wait.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_send_to(&self, buffer: &[u8], to: SocketAddr) -> io::Result<usize> {
        datagram::try_send_to(&self.io, buffer, &to)
    }

    /// Waits until there is a datagram, or an error. In all else as [`TcpStream::readable`](crate::TcpStream::readable).
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(&self.io, Operation::new("UdpSocket::readable"))
    }

    /// Waits until there is room to send, or an error. In all else as
    /// [`TcpStream::writable`](crate::TcpStream::writable).
    pub fn writable(&self) -> Writable<'_> {
        Writable::new(&self.io, Operation::new("UdpSocket::writable"))
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

    option!(broadcast);
    option!(reuse_address);
    option!(reuse_port);
    option!(buffer_sizes);
    option!(ttl);
    option!(tos);
    option!(only_v6);
    option!(take_error);
}

own_calls! {
    UdpSocket, "UdpSocket::async_io", Ends::SILENTLY,
    /// # Errors
    ///
    /// When receiving has been shut down, and `operation` says `WouldBlock`, the error of this, and of `try_io`, is `UnexpectedEof`: nothing
    /// will come any more.
    ///
    /// # Examples
    ///
    /// Another type receives by a duplicate of the descriptor:
    ///
    /// ```
    /// use std::os::fd::AsFd;
    /// use waterwheel::net::UdpSocket;
    /// use waterwheel::reactor::Interest;
    ///
    /// waterwheel::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let receiver = std::net::UdpSocket::from(socket.as_fd().try_clone_to_owned()?);
    ///     socket.send_to(b"water", socket.local_addr()?).await?;
    ///     let mut buffer = [0; 16];
    ///     let receive = || receiver.recv_from(&mut buffer);
    ///     let (length, from) = socket.async_io(Interest::Read, receive).await?;
    ///     assert_eq!((&buffer[..length], from), (&b"water"[..], socket.local_addr()?));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
}

conversions!(UdpSocket, std::net::UdpSocket, "local": local_addr, "peer": peer_addr);
