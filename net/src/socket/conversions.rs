//! From the sockets of the standard library to ours, and back; and the traits that every socket implements.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::AsyncFd;
use waterwheel_reactor::sys::fd;

/// Takes a socket of the standard library, and puts it into non-blocking mode. It stays in that mode, also when `into_std` gives it
/// back.
pub(crate) fn from_std(socket: impl Into<OwnedFd>) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = socket.into();
    fd::set_nonblocking(fd.as_fd())?;
    Ok(AsyncFd::from_nonblocking(fd))
}

/// What a socket with the field `io` implements: the conversions from and to its type in the standard library, the traits of
/// descriptors, and `Debug`, which shows those of the addresses that the socket has.
macro_rules! conversions {
    ($socket:ident, $std:ty, $($shown:literal: $address:ident),+) => {
        impl TryFrom<$std> for $socket {
            type Error = std::io::Error;

            /// As [`from_std`](Self::from_std).
            fn try_from(socket: $std) -> std::io::Result<Self> {
                Self::from_std(socket)
            }
        }

        impl From<$socket> for $std {
            #[doc = concat!("As [`into_std`](", stringify!($socket), "::into_std).")]
            fn from(socket: $socket) -> Self {
                socket.into_std()
            }
        }

        impl From<$socket> for std::os::fd::OwnedFd {
            /// Takes the socket out of the reactor.
            fn from(socket: $socket) -> Self {
                socket.io.into_inner()
            }
        }

        impl std::os::fd::AsFd for $socket {
            #[inline]
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.io.as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $socket {
            #[inline]
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl std::fmt::Debug for $socket {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut socket = f.debug_struct(stringify!($socket));
                $(
                    if let Ok(address) = self.$address() {
                        socket.field($shown, &address);
                    }
                )+
                socket.field("fd", &std::os::fd::AsRawFd::as_raw_fd(self)).finish()
            }
        }
    };
}

pub(crate) use conversions;
