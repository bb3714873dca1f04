//! `recvmmsg(2)`, `sendmmsg(2)`: several datagrams a call.
//!
//! Neither blocks, whatever the socket's mode is (`MSG_DONTWAIT`; see [`socket`](super::socket)).

use super::address::sealed::Form;
use super::address::{Address, RawAddress};
use super::socket::MAX_BUFFERS;
use super::{check, retry};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// The most datagrams that one call takes (`UIO_MAXIOV`).
pub const MAX_DATAGRAMS: usize = MAX_BUFFERS;

/// What the two calls need for each datagram, kept so that it need not be allocated for each call.
///
/// **Invariant.** The pointers in it are made by the call that the kernel then reads them in, and mean nothing after.
#[derive(Default)]
pub struct Headers {
    headers: Vec<libc::mmsghdr>,
    parts: Vec<libc::iovec>,
    addresses: Vec<RawAddress>,
}

// SAFETY: what keeps the vectors from being `Send` and `Sync` are pointers that nobody follows between calls.
unsafe impl Send for Headers {}
// SAFETY: as above.
unsafe impl Sync for Headers {}

/// A datagram that has been received.
#[derive(Clone, Copy, Debug)]
pub struct Received<A> {
    /// Its length in its part of the buffer.
    pub length: usize,
    /// Who sent it.
    pub from: A,
    /// Whether it was longer than that.
    pub truncated: bool,
}

impl Headers {
    /// Headers for no datagram yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a datagram: where it is or is to be, and its address, or the room for that, if it has one.
    ///
    /// The pointers to parts and addresses are put in by [`link`](Self::link), as these may move until the last is there.
    fn add(&mut self, base: *mut u8, length: usize, address: Option<RawAddress>) {
        self.parts.push(libc::iovec {
            iov_base: base.cast(),
            iov_len: length,
        });
        self.addresses
            .push(address.unwrap_or_else(RawAddress::room));
        // SAFETY: an `mmsghdr` is integers and pointers, for which zero is a value.
        let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        header.msg_hdr.msg_namelen = address.map_or(0, |address| address.length());
        header.msg_hdr.msg_iovlen = 1;
        self.headers.push(header);
    }

    /// Makes each header point to its part, and to its address if that has a length.
    fn link(&mut self) {
        let parts = self.parts.iter_mut().zip(&mut self.addresses);
        for (header, (part, address)) in self.headers.iter_mut().zip(parts) {
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_name = match header.msg_hdr.msg_namelen {
                0 => ptr::null_mut(),
                _ => address.as_mut_ptr().cast(),
            };
        }
    }

    fn clear(&mut self) {
        self.headers.clear();
        self.parts.clear();
        self.addresses.clear();
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut headers = f.debug_struct("Headers");
        headers.field("count", &self.headers.len()).finish()
    }
}

/// Receives datagrams to `buffer`, each to its own part of `each` bytes, and notes of each in `received` what it is. At
/// most [`MAX_DATAGRAMS`].
///
/// # Errors
///
/// The kernel's, from `recvmmsg(2)`: `EAGAIN` when there is none; else as
/// [`recv_from`](super::datagram::recv_from).
///
/// # Panics
///
/// If `each` is 0.
pub fn recv<A: Address>(
    fd: BorrowedFd<'_>,
    headers: &mut Headers,
    buffer: &mut [u8],
    each: usize,
    received: &mut Vec<Received<A>>,
) -> io::Result<()> {
    received.clear();
    headers.clear();
    for part in buffer.chunks_exact_mut(each).take(MAX_DATAGRAMS) {
        headers.add(part.as_mut_ptr(), part.len(), Some(RawAddress::room()));
    }
    headers.link();
    let (to, wanted) = (headers.headers.as_mut_ptr(), headers.headers.len());
    let flags = libc::MSG_DONTWAIT;
    let count = retry(|| {
        // SAFETY: `to` points to `wanted` headers. Each names a part of `buffer`, as long as it says, and room for an
        // address, as long as it says; all live through the call, and nobody else sees them meanwhile.
        check(unsafe { libc::recvmmsg(fd.as_raw_fd(), to, wanted as _, flags, ptr::null_mut()) })
    })?;
    let filled = headers.headers.iter().zip(&mut headers.addresses);
    for (header, address) in filled.take(count.unsigned_abs() as usize) {
        address.written(header.msg_hdr.msg_namelen);
        received.push(Received {
            length: header.msg_len as usize,
            from: A::from_raw(address)?,
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        });
    }
    Ok(())
}

/// Sends `datagrams`, each to its address, or where the socket is connected, and tells how many of them, from the first
/// on, it has sent. At most [`MAX_DATAGRAMS`].
///
/// # Errors
///
/// The kernel's, from `sendmmsg(2)`, of the first datagram: as [`send_to`](super::datagram::send_to). If it has sent any,
/// the error of the next is told when that is the first.
pub fn send<'a, A: Address + 'a>(
    fd: BorrowedFd<'_>,
    headers: &mut Headers,
    datagrams: impl Iterator<Item = (&'a [u8], Option<&'a A>)>,
) -> io::Result<usize> {
    headers.clear();
    for (bytes, to) in datagrams.take(MAX_DATAGRAMS) {
        let from = bytes.as_ptr().cast_mut();
        headers.add(from, bytes.len(), to.map(Form::to_raw));
    }
    headers.link();
    let (from, wanted) = (headers.headers.as_mut_ptr(), headers.headers.len());
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    let count = retry(|| {
        // SAFETY: `from` points to `wanted` headers. Each names bytes, which `datagrams` has lent, and an address or
        // none, each as long as it says; the kernel only reads them, and all live through the call.
        check(unsafe { libc::sendmmsg(fd.as_raw_fd(), from, wanted as _, flags) })
    })?;
    Ok(count.unsigned_abs() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket;
    use std::net::SocketAddr;
    use std::os::fd::{AsFd, OwnedFd};

    fn bound() -> io::Result<(OwnedFd, SocketAddr)> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let fd = socket::udp_for(any)?;
        socket::bind(fd.as_fd(), &any)?;
        let address = socket::local_addr(fd.as_fd())?;
        Ok((fd, address))
    }

    #[test]
    fn datagrams_go_together_and_come_together() -> io::Result<()> {
        let ((ours, to), (theirs, from)) = (bound()?, bound()?);
        let mut headers = Headers::new();
        let words: [&[u8]; 4] = [b"one", b"", b"three", b"is too long"];
        let datagrams = words.iter().map(|&word| (word, Some(&to)));
        assert_eq!(send(theirs.as_fd(), &mut headers, datagrams)?, 4);

        let mut buffer = [0; 5 * 8];
        let mut received: Vec<Received<SocketAddr>> = Vec::new();
        recv(ours.as_fd(), &mut headers, &mut buffer, 8, &mut received)?;
        assert_eq!(received.len(), 4);
        for ((part, datagram), word) in buffer.chunks(8).zip(&received).zip(words) {
            assert_eq!(datagram.from, from);
            assert_eq!(datagram.length, word.len().min(8));
            assert_eq!(part[..datagram.length], word[..datagram.length]);
            assert_eq!(datagram.truncated, word.len() > 8);
        }
        let nothing = recv(ours.as_fd(), &mut headers, &mut buffer, 8, &mut received);
        let error = nothing.expect_err("no more");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(received.is_empty());
        Ok(())
    }

    #[test]
    fn without_an_address_they_go_where_the_socket_is_connected() -> io::Result<()> {
        let ((ours, to), (theirs, _)) = (bound()?, bound()?);
        let mut headers = Headers::new();
        let datagrams = || [(&b"!"[..], None::<&SocketAddr>); 2].into_iter();
        let error = send(theirs.as_fd(), &mut headers, datagrams()).expect_err("to whom?");
        assert_eq!(error.raw_os_error(), Some(libc::EDESTADDRREQ));
        socket::connect(theirs.as_fd(), &to)?;
        assert_eq!(send(theirs.as_fd(), &mut headers, datagrams())?, 2);
        let mut received: Vec<Received<SocketAddr>> = Vec::new();
        recv(ours.as_fd(), &mut headers, &mut [0; 2], 1, &mut received)?;
        assert_eq!(received.len(), 2);
        Ok(())
    }

    #[test]
    fn more_than_the_kernel_takes_are_no_error() -> io::Result<()> {
        let ((_ours, to), (theirs, _)) = (bound()?, bound()?);
        let mut headers = Headers::new();
        let datagrams = std::iter::repeat_n((&b""[..], Some(&to)), MAX_DATAGRAMS + 7);
        assert_eq!(
            send(theirs.as_fd(), &mut headers, datagrams)?,
            MAX_DATAGRAMS
        );
        Ok(())
    }
}
