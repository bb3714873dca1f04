//! `try_io` and `async_io` of every socket, and [`AsyncIo`]: system calls that Waterwheel has no method for.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::{AsyncFd, Interest, Operation, Reading, Wait, Writing};

/// The two methods of a socket that has the field `io`, with an example.
macro_rules! own_calls {
    ($socket:ident, $name:literal, $ends:expr, $(#[$more:meta])*) => {
        impl $socket {
            /// Runs `operation`, a system call of the caller's own, if the socket is thought to be ready in `direction`, and does not
            /// wait. As [`TcpStream::try_io`](crate::TcpStream::try_io), which says what it is for.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if the socket is not ready: `operation` has not run. Otherwise, what `operation` gives.
            pub fn try_io<R>(
                &self,
                direction: waterwheel_reactor::Interest,
                operation: impl FnOnce() -> std::io::Result<R>,
            ) -> std::io::Result<R> {
                let ends: $crate::socket::Ends = $ends;
                $crate::socket::try_io(&self.io, direction, || ends.run(&self.io, direction, operation))
            }

            /// Runs `operation`, a system call of the caller's own, until it gives something else than `WouldBlock`, waiting in
            /// between until the socket is ready in `direction`. As [`TcpStream::async_io`](crate::TcpStream::async_io), also in
            /// its errors, panics and cancel safety.
            ///
            $(#[$more])*
            pub fn async_io<R, F>(&self, direction: waterwheel_reactor::Interest, operation: F) -> $crate::socket::AsyncIo<'_, F>
            where
                F: FnMut() -> std::io::Result<R>,
            {
                $crate::socket::AsyncIo::new(&self.io, direction, $name, $ends, operation)
            }
        }
    };
}

pub(crate) use own_calls;

/// How a kind of socket answers a call that does not block, when receiving has been shut down and nothing is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    silently: bool,
}

impl Ends {
    /// It tells that receiving has ended: by 0 bytes, or by an error.
    pub(crate) const BY_ITSELF: Self = Self { silently: false };
    /// It answers `WouldBlock`, and reports no event any more, as datagram sockets do. A task that believed the answer would wait
    /// for ever, here and in every other call that receives.
    pub(crate) const SILENTLY: Self = Self { silently: true };

    pub(crate) fn run<R>(
        self,
        io: &AsyncFd<OwnedFd>,
        direction: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        // Before the call: what has come before the end is received.
        let has_ended = self.silently && direction == Interest::Read && io.is_closed(direction);
        match operation() {
            Err(error) if has_ended && error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "receiving has been shut down, and no datagram is left",
                ))
            }
            result => result,
        }
    }
}

/// Runs `operation` if the socket is thought to be ready, and does not wait.
pub(crate) fn try_io<R>(
    io: &AsyncFd<OwnedFd>,
    direction: Interest,
    operation: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    io.try_io(direction, |_| operation())
}

/// The future of [`TcpStream::async_io`](crate::TcpStream::async_io), and of the same method of other sockets.
#[must_use = "futures do nothing unless awaited"]
pub struct AsyncIo<'a, F> {
    wait: EitherWay<'a>,
    /// As its user writes it.
    name: &'static str,
    ends: Ends,
    operation: F,
}

/// A wait whose direction is told at run time.
#[derive(Debug)]
enum EitherWay<'a> {
    Reading(Wait<'a, OwnedFd, Reading>),
    Writing(Wait<'a, OwnedFd, Writing>),
}

impl<'a, F> AsyncIo<'a, F> {
    pub(crate) fn new(
        io: &'a AsyncFd<OwnedFd>,
        direction: Interest,
        name: &'static str,
        ends: Ends,
        operation: F,
    ) -> Self {
        let wait = match direction {
            Interest::Read => EitherWay::Reading(Wait::new(io)),
            Interest::Write => EitherWay::Writing(Wait::new(io)),
        };
        Self {
            wait,
            name,
            ends,
            operation,
        }
    }
}

/// Nothing in it is pinned: the operation is called through `&mut`.
impl<F> Unpin for AsyncIo<'_, F> {}

impl<R, F: FnMut() -> io::Result<R>> Future for AsyncIo<'_, F> {
    type Output = io::Result<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            name,
            ends,
            operation,
        } = self.get_mut();
        match wait {
            EitherWay::Reading(wait) => {
                let io = wait.fd();
                wait.poll_io(cx, Operation::new(name), |_| {
                    ends.run(io, Interest::Read, &mut *operation)
                })
            }
            EitherWay::Writing(wait) => wait.poll_io(cx, Operation::new(name), |_| operation()),
        }
    }
}

impl<F> fmt::Debug for AsyncIo<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncIo")
            .field("name", &self.name)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
