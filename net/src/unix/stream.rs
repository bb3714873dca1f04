//! [`UnixStream`]: a connection on this machine.

use super::Credentials;
use super::connect;
use crate::options::option;
use crate::socket::{Ends, Readable, Writable, conversions, from_std, own_calls, shutdown};
use crate::stream::sealed::{FromIo, Io};
use crate::stream::{
    Calls, Peek, Read, ReadExact, ReadVectored, StreamSocket, Write, WriteAll, WriteVectored,
    calls_of, transfer,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use waterwheel_poll_context::budget;
use waterwheel_reactor::AsyncFd;
use waterwheel_reactor::sys::socket::Kind;
use waterwheel_reactor::sys::{credentials, options, socket};

/// A connection between processes of this machine.
///
/// It is used as a [`TcpStream`](crate::TcpStream) is, by the same methods and the same futures, and what is said there
/// holds here: of errors, of panics, and of cancelling. A peer that closes with something unread causes
/// `ConnectionReset` here too. Descriptors that a peer sends along with its bytes (`SCM_RIGHTS`) are not taken, and the
/// kernel closes them.
///
/// # Examples
///
/// ```
/// use waterwheel::net::{UnixListener, UnixStream};
///
/// # let folder = std::env::temp_dir().join(format!("waterwheel-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("greeter");
/// waterwheel::block_on(async {
///     let listener = UnixListener::bind(&path)?;
///     let client = UnixStream::connect(&path).await?;
///     let (server, _) = listener.accept().await?;
///
///     client.write_all(b"water").await?;
///     let mut heard = [0; 5];
///     server.read_exact(&mut heard).await?;
///     assert_eq!(&heard, b"water");
///     assert_eq!(server.peer_cred()?.pid(), Some(std::process::id() as i32));
///     std::io::Result::Ok(())
/// })?;
/// std::fs::remove_file(&path)?;
/// # std::fs::remove_dir(&folder)?;
/// # std::io::Result::Ok(())
/// ```
pub struct UnixStream {
    pub(super) io: AsyncFd<OwnedFd>,
}

impl UnixStream {
    /// Connects to the listener at `path`.
    ///
    /// While as many wait to be accepted as the listener allows, it asks again after a while, of 1 to 64 ms: the kernel
    /// tells nobody when there is room.
    ///
    /// # Errors
    ///
    /// The kernel's, from `socket(2)` and `connect(2)`: `NotFound` if there is no such path, `ConnectionRefused` if
    /// nobody listens there any more, `PermissionDenied` if it may not be written to. `InvalidInput` if the path has
    /// more than 107 bytes, or a NUL.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket: the listener does not see it, as it has not been connected.
    ///
    /// # Examples
    ///
    /// See [`UnixStream`].
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        budget::consume().await;
        let address = SocketAddr::from_pathname(path)?;
        connect::stream("UnixStream::connect", &address).await
    }

    /// As [`connect`](Self::connect), to an address: of a path, or of an abstract name, which is in no file system.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    /// use waterwheel::net::{UnixListener, UnixStream};
    ///
    /// let name = format!("waterwheel-doc-{}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(name)?;
    /// waterwheel::block_on(async {
    ///     let listener = UnixListener::bind_addr(&address)?;
    ///     let client = UnixStream::connect_addr(&address).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     # drop((client, server));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        budget::consume().await;
        connect::stream("UnixStream::connect_addr", address).await
    }

    /// Makes two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// The kernel's, from `socketpair(2)`: `EMFILE` or `ENFILE` when descriptors have run out.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::UnixStream;
    ///
    /// waterwheel::block_on(async {
    ///     let (ours, theirs) = UnixStream::pair()?;
    ///     let child = waterwheel::spawn(async move { theirs.write_all(b"done").await });
    ///     let mut word = [0; 4];
    ///     ours.read_exact(&mut word).await?;
    ///     assert_eq!(&word, b"done");
    ///     child.await.expect("no panic")
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn pair() -> io::Result<(Self, Self)> {
        let pair: [OwnedFd; 2] = socket::unix_pair(Kind::Stream)?.into();
        let streams = pair.map(|fd| Self {
            io: AsyncFd::from_nonblocking(fd),
        });
        Ok(streams.into())
    }

    /// Takes a stream of the standard library, and puts it in non-blocking mode.
    ///
    /// # Errors
    ///
    /// The kernel's, from `fcntl(2)`.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        let io = from_std(stream)?;
        Ok(Self { io })
    }

    /// Gives the stream to the standard library, and takes it out of the reactor.
    ///
    /// It stays in non-blocking mode; `set_nonblocking(false)` ends that.
    #[must_use]
    pub fn into_std(self) -> std::os::unix::net::UnixStream {
        self.io.into_inner().into()
    }

    /// As [`TcpStream::read`](crate::TcpStream::read).
    #[inline]
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a, Self> {
        Read::new(self, buffer)
    }

    /// As [`TcpStream::read_vectored`](crate::TcpStream::read_vectored).
    pub fn read_vectored<'a, 'b>(
        &'a self,
        buffers: &'a mut [IoSliceMut<'b>],
    ) -> ReadVectored<'a, 'b, Self> {
        ReadVectored::new(self, buffers)
    }

    /// As [`TcpStream::read_exact`](crate::TcpStream::read_exact).
    #[inline]
    pub fn read_exact<'a>(&'a self, buffer: &'a mut [u8]) -> ReadExact<'a, Self> {
        ReadExact::new(self, buffer)
    }

    /// As [`TcpStream::peek`](crate::TcpStream::peek).
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a, Self> {
        Peek::new(self, buffer)
    }

    /// As [`TcpStream::readable`](crate::TcpStream::readable).
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(&self.io, Self::CALLS.readable)
    }

    /// As [`TcpStream::try_read`](crate::TcpStream::try_read).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::try_recv(&self.io, buffer)
    }

    /// As [`TcpStream::try_read_vectored`](crate::TcpStream::try_read_vectored).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        transfer::try_recv_vectored(&self.io, buffers)
    }

    /// As [`TcpStream::write`](crate::TcpStream::write).
    #[inline]
    pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a, Self> {
        Write::new(self, buffer)
    }

    /// As [`TcpStream::write_vectored`](crate::TcpStream::write_vectored).
    pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a, Self> {
        WriteVectored::new(self, buffers)
    }

    /// As [`TcpStream::write_all`](crate::TcpStream::write_all).
    #[inline]
    pub fn write_all<'a>(&'a self, buffer: &'a [u8]) -> WriteAll<'a, Self> {
        WriteAll::new(self, buffer)
    }

    /// As [`TcpStream::writable`](crate::TcpStream::writable).
    pub fn writable(&self) -> Writable<'_> {
        Writable::new(&self.io, Self::CALLS.writable)
    }

    /// As [`TcpStream::try_write`](crate::TcpStream::try_write).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        transfer::try_send(&self.io, buffer)
    }

    /// As [`TcpStream::try_write_vectored`](crate::TcpStream::try_write_vectored).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        transfer::try_send_vectored(&self.io, buffers)
    }

    /// As [`TcpStream::shutdown`](crate::TcpStream::shutdown).
    ///
    /// The kernel does not tell of every end of a Unix stream. Who waits for room through *another* descriptor of it, or at
    /// the peer while reading ends here, goes on waiting until there is room or the other end is closed.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        shutdown(&self.io, how)
    }

    /// The address of this end: mostly none, of the end that connected.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_addr(self.as_fd())
    }

    /// The address of the other end: mostly none, if that connected.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getpeername(2)`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket::peer_addr(self.as_fd())
    }

    /// Who is at the other end (`SO_PEERCRED`): the process, user and group of the one who connected or listened, at the
    /// time when that was done.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockopt(2)`.
    pub fn peer_cred(&self) -> io::Result<Credentials> {
        credentials::peer(self.as_fd())
    }

    option!(buffer_sizes);
    option!(take_error);
}

own_calls! {
    UnixStream, "UnixStream::async_io", Ends::BY_ITSELF,
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use std::os::fd::AsFd;
    /// use waterwheel::net::UnixStream;
    /// use waterwheel::reactor::Interest;
    ///
    /// waterwheel::block_on(async {
    ///     let (ours, theirs) = UnixStream::pair()?;
    ///     theirs.write_all(b"water").await?;
    ///     let mut reader = std::os::unix::net::UnixStream::from(ours.as_fd().try_clone_to_owned()?);
    ///     let mut buffer = [0; 16];
    ///     assert_eq!(ours.async_io(Interest::Read, || reader.read(&mut buffer)).await?, 5);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
}

impl Io for UnixStream {
    const CALLS: Calls = calls_of!("UnixStream");
    /// A read stops behind bytes that a descriptor was sent along with (`SCM_RIGHTS`), whatever follows. The peer may
    /// send them, and so cause a wait for what is there already.
    const SHORT_READ_DRAINS: bool = false;

    #[inline]
    fn io(&self) -> &AsyncFd<OwnedFd> {
        &self.io
    }
}

impl FromIo for UnixStream {
    fn from_io(io: AsyncFd<OwnedFd>) -> Self {
        Self { io }
    }
}

impl StreamSocket for UnixStream {}

conversions!(UnixStream, std::os::unix::net::UnixStream, "local": local_addr, "peer": peer_addr);
