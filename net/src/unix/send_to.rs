//! `UnixDatagram::send_to`: one datagram, to an address; and what to do while there is no room, of which nothing tells.

use super::UnixDatagram;
use crate::datagram::try_send_to;
use crate::socket::Writable;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use waterwheel_poll_context::budget;
use waterwheel_reactor::sys::datagram;
use waterwheel_reactor::{Operation, Reactor, missing_runtime};
use waterwheel_timer::{sleep, timeout};

/// How long to leave a receiver alone that has no room, at first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(64);

impl UnixDatagram {
    /// As [`send`](Self::send), to the socket at `path`.
    ///
    /// While the receiver has as many as it may have, it asks again after a while, of 1 to 64 ms: the kernel tells of room
    /// there only a socket that is [connected](Self::connect), which is therefore faster for who sends much.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); `NotFound` if there is no such path, `PermissionDenied`; `InvalidInput` if it has more
    /// than 107 bytes, or a NUL.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_to(&self, buffer: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        budget::consume().await;
        let address = SocketAddr::from_pathname(path)?;
        self.send_until_sent("UnixDatagram::send_to", buffer, &address)
            .await
    }

    /// As [`send_to`](Self::send_to), to an address: of a path, or of an abstract name.
    pub async fn send_to_addr(&self, buffer: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.send_until_sent("UnixDatagram::send_to_addr", buffer, address)
            .await
    }

    async fn send_until_sent(
        &self,
        call: &'static str,
        buffer: &[u8],
        address: &SocketAddr,
    ) -> io::Result<usize> {
        if Reactor::current().is_none() {
            missing_runtime(call);
        }
        let mut pause = None;
        loop {
            // As every leaf future does, so that a receiver who is always ready keeps nobody else from running.
            budget::consume().await;
            // Not by way of `try_io`: that there has been no event says nothing about the receiver.
            match datagram::send_to(self.as_fd(), buffer, address) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            match pause {
                // It may be our own buffer that is full, of which an event tells. If it is the receiver's queue, there is
                // an event too, as the kernel has given back what it had taken of our buffer to try; and so it is
                // waited for but once.
                None => {
                    match self.try_send_to_addr(buffer, address) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        result => return result,
                    }
                    let room = Writable::new(&self.io, Operation::new(call));
                    if let Ok(room) = timeout(FIRST_PAUSE, room).await {
                        room?;
                    }
                    pause = Some(FIRST_PAUSE);
                }
                Some(time) => {
                    sleep(time).await;
                    pause = Some((time * 2).min(LAST_PAUSE));
                }
            }
        }
    }

    /// As [`send_to`](Self::send_to), and does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, here or there; nothing tells when there is room there, and
    /// [`writable`](Self::writable) then is ready for nothing. Else as [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buffer: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.try_send_to_addr(buffer, &SocketAddr::from_pathname(path)?)
    }

    /// As [`try_send_to`](Self::try_send_to), to an address: of a path, or of an abstract name.
    ///
    /// # Errors
    ///
    /// As [`try_send_to`](Self::try_send_to).
    pub fn try_send_to_addr(&self, buffer: &[u8], address: &SocketAddr) -> io::Result<usize> {
        try_send_to(&self.io, buffer, address)
    }
}
