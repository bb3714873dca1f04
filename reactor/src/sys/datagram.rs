//! `udp(7)`, `unix(7)`: datagrams, one a call, each whole and with its address.
//!
//! What a buffer has no room for, the kernel throws away. A datagram may be empty: 0 bytes are no end.
//!
//! No call here blocks, whatever the socket's mode is (`MSG_DONTWAIT`; see [`socket`](super::socket)).

use super::address::{Address, RawAddress};
use super::socket::with_room;
use super::{retry, transferred};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Moves the next datagram to `buffer`, and tells its length there and who sent it.
///
/// # Errors
///
/// The kernel's, from `recvfrom(2)`: `EAGAIN` when there is none; of a connected UDP socket `ECONNREFUSED` when nobody
/// has received an earlier one that was sent.
pub fn recv_from<A: Address>(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, A)> {
    recv_with(fd, buffer, libc::MSG_DONTWAIT)
}

/// As [`recv_from`], but leaves the datagram where it was, so that the next call gives it again.
///
/// # Errors
///
/// As [`recv_from`].
pub fn peek_from<A: Address>(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, A)> {
    recv_with(fd, buffer, libc::MSG_PEEK | libc::MSG_DONTWAIT)
}

fn recv_with<A: Address>(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    flags: libc::c_int,
) -> io::Result<(usize, A)> {
    let (to, room) = (buffer.as_mut_ptr().cast(), buffer.len());
    let (count, address): (_, RawAddress) = with_room(|address, length| {
        // SAFETY: the kernel writes at most `room` bytes to `buffer`, which nobody else sees during the call;
        // `address` points to as many bytes as `length` says.
        transferred(unsafe { libc::recvfrom(fd.as_raw_fd(), to, room, flags, address, length) })
    })?;
    Ok((count, A::from_raw(&address)?))
}

/// What a `recvfrom` gives that waits while reading is shut down: no bytes, of nobody.
///
/// A call that does not wait says `EAGAIN` then, for ever.
///
/// # Errors
///
/// `InvalidInput` for a family that has no address of nobody.
pub fn end<A: Address>() -> io::Result<(usize, A)> {
    let mut address = RawAddress::room();
    address.written(0);
    Ok((0, A::from_raw(&address)?))
}

/// Sends `buffer` as one datagram to `address`.
///
/// # Errors
///
/// The kernel's, from `sendto(2)`: `EAGAIN` when there is no room, `EMSGSIZE` when it is too long, `ENETUNREACH`; of a
/// Unix socket `ECONNREFUSED` and `ENOENT` when nobody is there.
pub fn send_to<A: Address>(fd: BorrowedFd<'_>, buffer: &[u8], address: &A) -> io::Result<usize> {
    let (from, length) = (buffer.as_ptr().cast(), buffer.len());
    let (flags, address) = (libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT, address.to_raw());
    let (to, to_length) = (address.as_ptr(), address.length());
    retry(|| {
        // SAFETY: the kernel reads at most `length` bytes from `buffer`, and as many of `address` as it says.
        transferred(unsafe { libc::sendto(fd.as_raw_fd(), from, length, flags, to, to_length) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::{self, Kind};
    use std::net::SocketAddr;
    use std::os::fd::AsFd;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr as UnixAddr;

    #[test]
    fn a_datagram_tells_who_sent_it() -> io::Result<()> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (ours, theirs) = (socket::udp_for(any)?, socket::udp_for(any)?);
        socket::bind(ours.as_fd(), &any)?;
        socket::bind(theirs.as_fd(), &any)?;
        let to: SocketAddr = socket::local_addr(ours.as_fd())?;
        let from: SocketAddr = socket::local_addr(theirs.as_fd())?;
        assert_eq!(send_to(theirs.as_fd(), b"who?", &to)?, 4);
        let mut buffer = [0; 8];
        assert_eq!(peek_from(ours.as_fd(), &mut buffer)?, (4, from));
        assert_eq!(recv_from(ours.as_fd(), &mut buffer)?, (4, from));
        assert_eq!(&buffer[..4], b"who?");
        Ok(())
    }

    #[test]
    fn who_has_no_name_sends_without_one() -> io::Result<()> {
        let name = format!("waterwheel-nameless-{}", std::process::id());
        let address = UnixAddr::from_abstract_name(name)?;
        let (ours, theirs) = (socket::unix(Kind::Datagram)?, socket::unix(Kind::Datagram)?);
        socket::bind(ours.as_fd(), &address)?;
        send_to(theirs.as_fd(), b"", &address)?;
        let (count, from): (_, UnixAddr) = recv_from(ours.as_fd(), &mut [0; 8])?;
        assert!(count == 0 && from.is_unnamed());
        Ok(())
    }
}
