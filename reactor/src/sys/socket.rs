//! `socket(7)`: sockets of the internet families and of this machine, non-blocking and closed on exec from birth.
//!
//! A call that a signal interrupts is made again. Sending never raises SIGPIPE: that a peer has gone is an error of
//! its connection, and no reason to end the process.
//!
//! Sending and receiving never block, whatever the socket's mode is (`MSG_DONTWAIT`). The mode, `O_NONBLOCK`, belongs to
//! the open file, so any holder of a duplicate may clear it, in this process or in another, and a call that goes by the
//! mode alone would then block its worker. [`accept`] and [`connect`] do go by the mode: `accept4(2)` and `connect(2)`
//! have no such flag.

use super::address::{Address, RawAddress};
use super::{check, options, retry, transferred};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The most buffers that one vectored call takes (`UIO_MAXIOV`). [`recv_vectored`] and [`send_vectored`] leave what
/// is beyond alone.
pub const MAX_BUFFERS: usize = 1024;

/// The most bytes that one call transfers, whatever it is asked for (`MAX_RW_COUNT` for pages of 4 KiB).
pub const MAX_TRANSFER: usize = 0x7fff_f000;

/// How far [`connect`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connecting {
    /// The connection is there.
    Done,
    /// The handshake goes on. The socket becomes writable when it is over; [`take_error`] and [`peer_addr`] then
    /// tell how it ended.
    InProgress,
}

/// What a socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stream of bytes (`SOCK_STREAM`): TCP, for the internet families.
    Stream,
    /// Datagrams (`SOCK_DGRAM`): UDP, for the internet families.
    Datagram,
}

impl Kind {
    fn flags(self) -> libc::c_int {
        let kind = match self {
            Kind::Stream => libc::SOCK_STREAM,
            Kind::Datagram => libc::SOCK_DGRAM,
        };
        kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC
    }
}

/// Makes a TCP socket of the family of `address`.
///
/// # Errors
///
/// The kernel's, from `socket(2)`: `EMFILE` or `ENFILE` when descriptors have run out, `EAFNOSUPPORT`.
pub fn tcp_for(address: SocketAddr) -> io::Result<OwnedFd> {
    new(internet_family(address), Kind::Stream)
}

/// Makes a UDP socket of the family of `address`.
///
/// # Errors
///
/// As [`tcp_for`].
pub fn udp_for(address: SocketAddr) -> io::Result<OwnedFd> {
    new(internet_family(address), Kind::Datagram)
}

/// Makes a Unix socket.
///
/// # Errors
///
/// As [`tcp_for`].
pub fn unix(kind: Kind) -> io::Result<OwnedFd> {
    new(libc::AF_UNIX, kind)
}

fn internet_family(address: SocketAddr) -> libc::c_int {
    match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    }
}

fn new(family: libc::c_int, kind: Kind) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    let fd = check(unsafe { libc::socket(family, kind.flags(), 0) })?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes two Unix sockets that are connected to each other, and to nobody else.
///
/// # Errors
///
/// The kernel's, from `socketpair(2)`: `EMFILE` or `ENFILE` when descriptors have run out.
pub fn unix_pair(kind: Kind) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    let to = fds.as_mut_ptr();
    // SAFETY: `to` points to the two integers that the kernel writes.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind.flags(), 0, to) })?;
    // SAFETY: the kernel has just made these descriptors, and nobody else knows of them.
    Ok(fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).into())
}

/// Gives the socket its local address.
///
/// # Errors
///
/// The kernel's, from `bind(2)`: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`.
pub fn bind<A: Address>(fd: BorrowedFd<'_>, address: &A) -> io::Result<()> {
    let address = address.to_raw();
    // SAFETY: `address` is as long as it says, and lives through the call.
    check(unsafe { libc::bind(fd.as_raw_fd(), address.as_ptr(), address.length()) })?;
    Ok(())
}

/// Lets peers connect to the socket, up to `backlog` of them before they are accepted, or up to
/// `net.core.somaxconn` if that is less.
///
/// # Errors
///
/// The kernel's, from `listen(2)`: `EADDRINUSE`.
pub fn listen(fd: BorrowedFd<'_>, backlog: i32) -> io::Result<()> {
    // SAFETY: the call takes no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) })?;
    Ok(())
}

/// Begins to connect the socket to `address`.
///
/// # Errors
///
/// The kernel's, from `connect(2)`: `ENETUNREACH`, `EADDRNOTAVAIL` when local ports have run out, `ECONNREFUSED`; of a
/// Unix socket `EAGAIN` when too many wait to be accepted, of which no event tells when it is over.
pub fn connect<A: Address>(fd: BorrowedFd<'_>, address: &A) -> io::Result<Connecting> {
    let address = address.to_raw();
    // SAFETY: `address` is as long as it says, and lives through the call.
    let result = unsafe { libc::connect(fd.as_raw_fd(), address.as_ptr(), address.length()) };
    match check(result) {
        Ok(_) => Ok(Connecting::Done),
        // A signal does not stop the handshake, and to ask again would be `EALREADY`.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {
            Ok(Connecting::InProgress)
        }
        Err(error) => Err(error),
    }
}

/// Accepts one connection: its socket, and the address of its peer.
///
/// It blocks if another holder of the listener has put that in blocking mode: `accept4(2)` has no flag against it.
///
/// # Errors
///
/// The kernel's, from `accept4(2)`: `EAGAIN` when none waits, `ECONNABORTED` when the next has gone already, `EMFILE`
/// or `ENFILE` when descriptors have run out.
pub fn accept<A: Address>(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, A)> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let (accepted, address) = with_room(|to, length| {
        // SAFETY: `to` points to as many bytes as `length` says, and both live through the call.
        check(unsafe { libc::accept4(fd.as_raw_fd(), to, length, flags) })
    })?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
    let accepted = unsafe { OwnedFd::from_raw_fd(accepted) };
    Ok((accepted, A::from_raw(&address)?))
}

/// Moves what has been received to `buffer`: 0 at the end of the stream.
///
/// Asked for nothing, it still says `EAGAIN` when there is nothing.
///
/// # Errors
///
/// The kernel's, from `recv(2)`: `EAGAIN`, `ECONNRESET`, `ETIMEDOUT`.
#[inline]
pub fn recv(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    recv_with(fd, buffer, libc::MSG_DONTWAIT)
}

/// As [`recv`], but leaves what it copies where it was, so that the next call gives it again.
///
/// # Errors
///
/// As [`recv`].
pub fn peek(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    recv_with(fd, buffer, libc::MSG_PEEK | libc::MSG_DONTWAIT)
}

#[inline]
fn recv_with(fd: BorrowedFd<'_>, buffer: &mut [u8], flags: libc::c_int) -> io::Result<usize> {
    let (to, length) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the kernel writes at most `length` bytes to `buffer`, which nobody else sees during the call.
    retry(|| transferred(unsafe { libc::recv(fd.as_raw_fd(), to, length, flags) }))
}

/// As [`recv`], to several buffers, each filled before the next.
///
/// # Errors
///
/// As [`recv`].
pub fn recv_vectored(fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    // SAFETY: a `msghdr` is integers and pointers, for which zero is a value: no room for a name or for control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers.as_mut_ptr().cast();
    message.msg_iovlen = buffers.len().min(MAX_BUFFERS) as _;
    retry(|| {
        // SAFETY: an `IoSliceMut` has the layout of an `iovec`, and `msg_iov` points to `msg_iovlen` of them; the kernel
        // writes to the buffers that they name, which nobody else sees during the call.
        transferred(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })
    })
}

/// Gives the kernel the front of `buffer`, or as much of it as there is room for.
///
/// # Errors
///
/// The kernel's, from `send(2)`: `EAGAIN` when there is no room, `EPIPE` or `ECONNRESET` when the peer has gone.
#[inline]
pub fn send(fd: BorrowedFd<'_>, buffer: &[u8]) -> io::Result<usize> {
    let (from, length) = (buffer.as_ptr().cast(), buffer.len());
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the kernel reads at most `length` bytes from `buffer`.
    retry(|| transferred(unsafe { libc::send(fd.as_raw_fd(), from, length, flags) }))
}

/// As [`send`], from several buffers in turn, as if they were one.
///
/// # Errors
///
/// As [`send`].
pub fn send_vectored(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: a `msghdr` is integers and pointers, for which zero is a value: no name, no control data, no flags.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers.as_ptr().cast_mut().cast();
    message.msg_iovlen = buffers.len().min(MAX_BUFFERS) as _;
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: an `IoSlice` has the layout of an `iovec`, and `msg_iov` points to `msg_iovlen` of them; sending only
    // reads them, and the buffers that they name.
    retry(|| transferred(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) }))
}

/// Ends reading, writing or both, for every duplicate of the descriptor. What was sent before still arrives, and
/// then the end of the stream.
///
/// # Errors
///
/// The kernel's, from `shutdown(2)`: `ENOTCONN` when there is no connection, or no longer.
pub fn shutdown(fd: BorrowedFd<'_>, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => libc::SHUT_RD,
        Shutdown::Write => libc::SHUT_WR,
        Shutdown::Both => libc::SHUT_RDWR,
    };
    // SAFETY: the call takes no pointers.
    check(unsafe { libc::shutdown(fd.as_raw_fd(), how) })?;
    Ok(())
}

/// The socket's own address.
///
/// # Errors
///
/// The kernel's, from `getsockname(2)`.
pub fn local_addr<A: Address>(fd: BorrowedFd<'_>) -> io::Result<A> {
    let ((), address) = with_room(|to, length| {
        // SAFETY: `to` points to as many bytes as `length` says, and both live through the call.
        check(unsafe { libc::getsockname(fd.as_raw_fd(), to, length) }).map(drop)
    })?;
    A::from_raw(&address)
}

/// The address that the socket is connected to.
///
/// # Errors
///
/// The kernel's, from `getpeername(2)`: `ENOTCONN` when there is no connection, not yet or no longer.
pub fn peer_addr<A: Address>(fd: BorrowedFd<'_>) -> io::Result<A> {
    let ((), address) = with_room(|to, length| {
        // SAFETY: `to` points to as many bytes as `length` says, and both live through the call.
        check(unsafe { libc::getpeername(fd.as_raw_fd(), to, length) }).map(drop)
    })?;
    A::from_raw(&address)
}

/// Makes a call that writes an address, until no signal interrupts it: gives it room, and the room's length, which it
/// replaces by the address's.
pub(super) fn with_room<R>(
    mut call: impl FnMut(*mut libc::sockaddr, *mut libc::socklen_t) -> io::Result<R>,
) -> io::Result<(R, RawAddress)> {
    let mut address = RawAddress::room();
    let mut length = address.length();
    let result = retry(|| call(address.as_mut_ptr(), &raw mut length))?;
    address.written(length);
    Ok((result, address))
}

/// Reads `SO_ERROR`: what has befallen the socket since this was last asked. To ask clears it.
///
/// # Errors
///
/// The kernel's, from `getsockopt(2)`; the socket's own error is the value.
pub fn take_error(fd: BorrowedFd<'_>) -> io::Result<Option<io::Error>> {
    let code = options::get::<libc::c_int>(fd, libc::SOL_SOCKET, libc::SO_ERROR)?;
    Ok((code != 0).then(|| io::Error::from_raw_os_error(code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn pair() -> (OwnedFd, OwnedFd) {
        unix_pair(Kind::Stream).expect("socketpair")
    }

    /// Pitfall: a descriptor without CLOEXEC reaches children (tokio#3809).
    #[test]
    fn a_socket_is_non_blocking_and_closed_on_exec() {
        let address: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let listener = tcp_for(address).expect("socket");
        bind(listener.as_fd(), &address).expect("bind");
        listen(listener.as_fd(), 1).expect("listen");
        let listening: SocketAddr = local_addr(listener.as_fd()).expect("getsockname");
        let client = std::net::TcpStream::connect(listening).expect("connect");
        let (accepted, peer) = accept::<SocketAddr>(listener.as_fd()).expect("accept");
        assert_eq!(peer, client.local_addr().expect("getsockname"));
        let mut fds = vec![listener, accepted, udp_for(address).expect("socket")];
        for kind in [Kind::Stream, Kind::Datagram] {
            fds.push(unix(kind).expect("socket"));
            fds.extend(<[OwnedFd; 2]>::from(unix_pair(kind).expect("socketpair")));
        }
        for fd in fds {
            // SAFETY: neither command takes a further argument, and `fd` is open.
            let (descriptor, status) = unsafe {
                (
                    libc::fcntl(fd.as_raw_fd(), libc::F_GETFD),
                    libc::fcntl(fd.as_raw_fd(), libc::F_GETFL),
                )
            };
            assert_eq!(descriptor & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
            assert_eq!(status & libc::O_NONBLOCK, libc::O_NONBLOCK);
        }
    }

    #[test]
    fn more_buffers_than_the_kernel_takes_are_no_error() {
        let (ours, theirs) = pair();
        let sent = send_vectored(ours.as_fd(), &[IoSlice::new(b"!"); MAX_BUFFERS + 7]);
        assert_eq!(sent.expect("sendmsg"), MAX_BUFFERS);
        let mut bytes = [0; MAX_BUFFERS + 7];
        let mut buffers: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
        let received = recv_vectored(theirs.as_fd(), &mut buffers);
        assert_eq!(received.expect("recvmsg"), MAX_BUFFERS);
        assert_eq!(bytes[..MAX_BUFFERS], [b'!'; MAX_BUFFERS]);
    }

    #[test]
    fn peek_leaves_what_it_copies() {
        let (ours, theirs) = pair();
        send(ours.as_fd(), b"twice").expect("send");
        let mut buffer = [0; 16];
        assert_eq!(peek(theirs.as_fd(), &mut buffer).expect("peek"), 5);
        assert_eq!(recv(theirs.as_fd(), &mut buffer).expect("recv"), 5);
        assert_eq!(&buffer[..5], b"twice");
    }
}
