//! [`StreamSocket`]: what all connected sockets that carry a stream of bytes have in common.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::{AsyncFd, Operation, Reading, Writing};

/// A connected socket that carries a stream of bytes in both directions: a [`TcpStream`](crate::TcpStream) or a [`UnixStream`](crate::UnixStream).
///
/// What is built on streams, and does not care which, takes any `StreamSocket`. It cannot be implemented elsewhere.
pub trait StreamSocket: sealed::Io + AsFd + fmt::Debug + Send + Sync + Unpin + 'static {}

pub(crate) mod sealed {
    use super::{AsyncFd, Calls, OwnedFd};

    /// Where the descriptor is. Nobody outside this crate can name it.
    pub trait Io {
        /// What the futures of its methods say when there is no runtime.
        const CALLS: Calls;

        /// Whether a read of less than was asked for says that nothing more is there for now.
        const SHORT_READ_DRAINS: bool;

        /// The descriptor, as it is awaited.
        fn io(&self) -> &AsyncFd<OwnedFd>;
    }

    /// What owns its descriptor, and no more than that.
    pub trait FromIo {
        /// The stream of a connected descriptor.
        fn from_io(io: AsyncFd<OwnedFd>) -> Self;
    }
}

/// The calls of a stream, by the names that its user writes. As they are constants of a type, no future stores one.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    pub(crate) read: Operation<Reading>,
    pub(crate) read_vectored: Operation<Reading>,
    pub(crate) read_exact: Operation<Reading>,
    pub(crate) peek: Operation<Reading>,
    pub(crate) readable: Operation<Reading>,
    pub(crate) write: Operation<Writing>,
    pub(crate) write_vectored: Operation<Writing>,
    pub(crate) write_all: Operation<Writing>,
    pub(crate) writable: Operation<Writing>,
    /// In either direction.
    pub(crate) async_io: &'static str,
}

/// The [`Calls`] of a type of stream, by its name.
macro_rules! calls_of {
    ($socket:literal) => {
        $crate::stream::Calls {
            read: waterwheel_reactor::Operation::new(concat!($socket, "::read")),
            read_vectored: waterwheel_reactor::Operation::new(concat!($socket, "::read_vectored")),
            read_exact: waterwheel_reactor::Operation::new(concat!($socket, "::read_exact")),
            peek: waterwheel_reactor::Operation::new(concat!($socket, "::peek")),
            readable: waterwheel_reactor::Operation::new(concat!($socket, "::readable")),
            write: waterwheel_reactor::Operation::new(concat!($socket, "::write")),
            write_vectored: waterwheel_reactor::Operation::new(concat!(
                $socket,
                "::write_vectored"
            )),
            write_all: waterwheel_reactor::Operation::new(concat!($socket, "::write_all")),
            writable: waterwheel_reactor::Operation::new(concat!($socket, "::writable")),
            async_io: concat!($socket, "::async_io"),
        }
    };
}

pub(crate) use calls_of;
