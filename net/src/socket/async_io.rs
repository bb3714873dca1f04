//! `try_io` and `async_io` of every socket, and [`AsyncIo`]: system calls that Waterwheel has no method for.

use crate::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::stream::StreamSocket;
use crate::stream::sealed::Io;
use crate::tcp::{TcpListener, TcpStream};
use crate::udp::UdpSocket;
use crate::unix::{UnixDatagram, UnixListener, UnixStream};
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::{AsyncFd, Call, Direction, Reading, Wait, Writing};

impl TcpStream {
    /// Runs `operation`, a system call of the caller's own, if the socket is thought to be ready in `direction`, and does not wait.
    ///
    /// It is for calls that this type has no method for, or for another library that makes them: `recvmsg(2)` with control messages, an
    /// encrypting library. The socket is in non-blocking mode, and the call must be one that moves bytes in `direction`, so that its
    /// `WouldBlock` says that the socket is not ready. Then the readiness is cleared, and [`readable`](Self::readable) or
    /// [`writable`](Self::writable) waits for the next event. A call that is made outside of this clears nothing, and the next `readable`
    /// would be ready at once. So do not give `WouldBlock` back for another reason.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket is not ready: `operation` has not run. Otherwise, what `operation` gives.
    ///
    /// # Examples
    ///
    /// Another type reads from a duplicate of the descriptor:
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::os::fd::AsFd;
    /// use waterwheel::net::{TcpListener, TcpStream};
    /// use waterwheel::reactor::Direction;
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     let mut reader = std::net::TcpStream::from(server.as_fd().try_clone_to_owned()?);
    ///     client.write_all(b"water").await?;
    ///     let mut buffer = [0; 16];
    ///     let count = loop {
    ///         server.readable().await?;
    ///         match server.try_io(Direction::Read, || reader.read(&mut buffer)) {
    ///             Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
    ///             read => break read?,
    ///         }
    ///     };
    ///     assert_eq!(&buffer[..count], b"water");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_io<R>(
        &self,
        direction: Direction,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        try_io(&self.io, direction, operation)
    }

    /// Runs `operation`, a system call of the caller's own, until it gives something else than `WouldBlock`, waiting in between until
    /// the socket is ready in `direction`. In all else as [`try_io`](Self::try_io).
    ///
    /// `operation` is tried at once, and called again from the start. It must not await or poll anything.
    ///
    /// # Errors
    ///
    /// What `operation` gives; the kernel's, from `epoll_ctl(2)`, if the socket cannot be registered.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// `operation` runs only inside a poll, so dropping the future never interrupts it: when it has succeeded, the future is ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::fd::AsFd;
    /// use waterwheel::net::{TcpListener, TcpStream};
    /// use waterwheel::reactor::Direction;
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     let mut writer = std::net::TcpStream::from(client.as_fd().try_clone_to_owned()?);
    ///     let wrote = client.async_io(Direction::Write, || writer.write(b"wheel")).await?;
    ///     let mut buffer = [0; 16];
    ///     assert_eq!(server.read(&mut buffer).await?, wrote);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn async_io<R, F>(&self, direction: Direction, operation: F) -> AsyncIo<'_, F>
    where
        F: FnMut() -> io::Result<R>,
    {
        AsyncIo::new(
            &self.io,
            direction,
            Self::CALLS.async_io,
            Ends::BY_ITSELF,
            operation,
        )
    }
}

/// The two methods of a socket that has the field `io`, with an example.
macro_rules! own_calls {
    ($socket:ident, $name:literal, $ends:expr, $(#[$more:meta])*) => {
        impl $socket {
            /// Runs `operation`, a system call of the caller's own, if the socket is thought to be ready in `direction`, and does not
            /// wait. As [`TcpStream::try_io`], which says what it is for.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if the socket is not ready: `operation` has not run. Otherwise, what `operation` gives.
            pub fn try_io<R>(
                &self,
                direction: Direction,
                operation: impl FnOnce() -> io::Result<R>,
            ) -> io::Result<R> {
                let ends: Ends = $ends;
                try_io(&self.io, direction, || ends.run(&self.io, direction, operation))
            }

            /// Runs `operation`, a system call of the caller's own, until it gives something else than `WouldBlock`, waiting in
            /// between until the socket is ready in `direction`. As [`TcpStream::async_io`], also in its errors, panics and cancel
            /// safety.
            ///
            $(#[$more])*
            pub fn async_io<R, F>(&self, direction: Direction, operation: F) -> AsyncIo<'_, F>
            where
                F: FnMut() -> io::Result<R>,
            {
                AsyncIo::new(&self.io, direction, $name, $ends, operation)
            }
        }
    };
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
    /// use waterwheel::reactor::Direction;
    ///
    /// waterwheel::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let receiver = std::net::UdpSocket::from(socket.as_fd().try_clone_to_owned()?);
    ///     socket.send_to(b"water", socket.local_addr()?).await?;
    ///     let mut buffer = [0; 16];
    ///     let receive = || receiver.recv_from(&mut buffer);
    ///     let (length, from) = socket.async_io(Direction::Read, receive).await?;
    ///     assert_eq!((&buffer[..length], from), (&b"water"[..], socket.local_addr()?));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
}

own_calls! {
    TcpListener, "TcpListener::async_io", Ends::BY_ITSELF,
    /// # Examples
    ///
    /// Connections that are accepted by the standard library:
    ///
    /// ```
    /// use std::os::fd::AsFd;
    /// use waterwheel::net::{TcpListener, TcpStream};
    /// use waterwheel::reactor::Direction;
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let acceptor = std::net::TcpListener::from(listener.as_fd().try_clone_to_owned()?);
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (_stream, peer) = listener.async_io(Direction::Read, || acceptor.accept()).await?;
    ///     assert_eq!(peer, client.local_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
}

own_calls! {
    UnixStream, "UnixStream::async_io", Ends::BY_ITSELF,
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use std::os::fd::AsFd;
    /// use waterwheel::net::UnixStream;
    /// use waterwheel::reactor::Direction;
    ///
    /// waterwheel::block_on(async {
    ///     let (ours, theirs) = UnixStream::pair()?;
    ///     theirs.write_all(b"water").await?;
    ///     let mut reader = std::os::unix::net::UnixStream::from(ours.as_fd().try_clone_to_owned()?);
    ///     let mut buffer = [0; 16];
    ///     assert_eq!(ours.async_io(Direction::Read, || reader.read(&mut buffer)).await?, 5);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
}

own_calls! {
    UnixListener, "UnixListener::async_io", Ends::BY_ITSELF,
    /// # Examples
    ///
    /// See [`TcpListener::async_io`].
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
    /// See [`UdpSocket::async_io`].
}

/// The two methods of a half, which knows its direction.
macro_rules! own_calls_of_half {
    ($half:ty, $direction:ident) => {
        impl<S: StreamSocket> $half {
            /// Runs `operation`, a system call of the caller's own in the direction of this half, if the stream is thought to be
            /// ready for it, and does not wait. As [`TcpStream::try_io`], which says what it is for.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if the stream is not ready: `operation` has not run. Otherwise, what `operation` gives.
            pub fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                try_io(self.as_ref().io(), Direction::$direction, operation)
            }

            /// Runs `operation`, a system call of the caller's own in the direction of this half, until it gives something else
            /// than `WouldBlock`, waiting in between. As [`TcpStream::async_io`], also in its errors, panics and cancel safety.
            pub fn async_io<R, F>(&self, operation: F) -> AsyncIo<'_, F>
            where
                F: FnMut() -> io::Result<R>,
            {
                let io = self.as_ref().io();
                AsyncIo::new(
                    io,
                    Direction::$direction,
                    S::CALLS.async_io,
                    Ends::BY_ITSELF,
                    operation,
                )
            }
        }
    };
}

own_calls_of_half!(ReadHalf<'_, S>, Read);
own_calls_of_half!(OwnedReadHalf<S>, Read);
own_calls_of_half!(WriteHalf<'_, S>, Write);
own_calls_of_half!(OwnedWriteHalf<S>, Write);

/// What a socket says to a call that does not wait, when its receiving has been shut down and nothing is left.
#[derive(Clone, Copy, Debug)]
struct Ends {
    silently: bool,
}

impl Ends {
    /// That it has ended: 0 bytes, or an error.
    const BY_ITSELF: Self = Self { silently: false };
    /// `WouldBlock`, and it tells nothing any more, as datagram sockets do. Believed, that would be waited for ever, here and by all others
    /// who receive (see [`recv_or_end`](crate::stream::transfer::recv_or_end)).
    const SILENTLY: Self = Self { silently: true };

    fn run<R>(
        self,
        io: &AsyncFd<OwnedFd>,
        direction: Direction,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        // Before the call: what has come before the end is received.
        let has_ended = self.silently && direction == Direction::Read && io.is_closed(direction);
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

fn try_io<R>(
    io: &AsyncFd<OwnedFd>,
    direction: Direction,
    operation: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    io.try_io(direction, |_| operation())
}

/// The future of [`TcpStream::async_io`], and of the same method of other sockets.
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
    fn new(
        io: &'a AsyncFd<OwnedFd>,
        direction: Direction,
        name: &'static str,
        ends: Ends,
        operation: F,
    ) -> Self {
        let wait = match direction {
            Direction::Read => EitherWay::Reading(Wait::new(io)),
            Direction::Write => EitherWay::Writing(Wait::new(io)),
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
                wait.poll_io(cx, Call::new(name), |_| {
                    ends.run(io, Direction::Read, &mut *operation)
                })
            }
            EitherWay::Writing(wait) => wait.poll_io(cx, Call::new(name), |_| operation()),
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
