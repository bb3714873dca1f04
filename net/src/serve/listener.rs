//! [`Listeners`]: what a server accepts from.

use crate::stream::ListenerSocket;
use crate::stream::sealed::FromIo;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::AsyncFd;
use waterwheel_reactor::sys::socket;

/// One listener, or a `Vec` of them. It cannot be implemented elsewhere.
pub trait Listeners: sealed::Sealed {
    /// Of which kind they are.
    type Listener: ListenerSocket;

    /// All of them.
    fn into_listeners(self) -> Vec<Self::Listener>;
}

mod sealed {
    use crate::stream::ListenerSocket;

    pub trait Sealed {}

    impl<L: ListenerSocket> Sealed for L {}
    impl<L: ListenerSocket> Sealed for Vec<L> {}
}

impl<L: ListenerSocket> Listeners for L {
    type Listener = L;

    fn into_listeners(self) -> Vec<L> {
        vec![self]
    }
}

impl<L: ListenerSocket> Listeners for Vec<L> {
    type Listener = L;

    fn into_listeners(self) -> Vec<L> {
        self
    }
}

/// One connection, without waiting.
pub(super) fn accept_now<L: ListenerSocket>(fd: &OwnedFd) -> io::Result<(L::Stream, L::Address)> {
    let (fd, peer) = socket::accept(fd.as_fd())?;
    Ok((L::Stream::from_io(AsyncFd::from_nonblocking(fd)), peer))
}
