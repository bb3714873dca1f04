//! [`UnixListener`]: where processes of this machine connect to.

use super::UnixStream;
use crate::options::option;
use crate::socket::{Ends, Readable, conversions, from_std, own_calls};
use crate::stream::{Accept, Incoming, Listen, ListenerSocket};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use waterwheel_reactor::sys::socket::{self, Kind};
use waterwheel_reactor::{AsyncFd, Operation, Reading};

/// A Unix socket that listens for connections.
///
/// It stops listening when it is dropped; connections that wait to be accepted are then reset. Any number of tasks may
/// [`accept`](Self::accept) at the same time.
///
/// # The file
///
/// Binding to a path makes a file there, and nothing removes it: not dropping the listener, and not the end of the
/// process. Remove it when you are done, or before you bind, if you know that nobody else listens there.
/// An abstract name leaves nothing behind.
///
/// # Examples
///
/// ```
/// use waterwheel::net::{UnixListener, UnixStream};
///
/// # let folder = std::env::temp_dir().join(format!("waterwheel-doc-listener-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("socket");
/// waterwheel::block_on(async {
///     let listener = UnixListener::bind(&path)?;
///     let address = listener.local_addr()?;
///     assert_eq!(address.as_pathname(), Some(&*path));
///
///     waterwheel::spawn(async move {
///         let stream = UnixStream::connect_addr(&address).await?;
///         stream.write_all(b"hello").await
///     });
///     let (stream, _) = listener.accept().await?;
///     let mut greeting = [0; 5];
///     stream.read_exact(&mut greeting).await?;
///     assert_eq!(&greeting, b"hello");
///     std::io::Result::Ok(())
/// })?;
/// std::fs::remove_file(&path)?;
/// # std::fs::remove_dir(&folder)?;
/// # std::io::Result::Ok(())
/// ```
pub struct UnixListener {
    pub(super) io: AsyncFd<OwnedFd>,
}

impl UnixListener {
    /// As long a queue of connections as the kernel's default allows (`net.core.somaxconn`).
    const BACKLOG: i32 = 4096;

    /// Makes the file `path`, and listens there. See [The file](Self#the-file).
    ///
    /// # Errors
    ///
    /// `AddrInUse` if the file exists, even if nobody listens there; what else `socket(2)`, `bind(2)` and `listen(2)`
    /// report. `InvalidInput` if the path has more than 107 bytes, or a NUL.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Listens at an address: of a path, as [`bind`](Self::bind), or of an abstract name, which is in no file system and
    /// is free again when the listener is dropped. Everybody in this network namespace may connect to an abstract
    /// name, as it has no permissions: see [`peer_cred`](crate::UnixStream::peer_cred).
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// See [`UnixStream::connect_addr`](crate::UnixStream::connect_addr).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        let listener = socket::unix(Kind::Stream)?;
        socket::bind(listener.as_fd(), address)?;
        socket::listen(listener.as_fd(), Self::BACKLOG)?;
        Ok(Self {
            io: AsyncFd::from_nonblocking(listener),
        })
    }

    /// Waits for a connection, and gives its stream and the address of its peer, who has mostly none. In all else as
    /// [`TcpListener::accept`](crate::TcpListener::accept).
    pub fn accept(&self) -> Accept<'_, Self> {
        Accept::new(self)
    }

    /// The connections, as a stream. As [`TcpListener::incoming`](crate::TcpListener::incoming).
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::new(self)
    }

    /// Waits until there is a connection to accept, or an error: for what accepts by [`try_io`](Self::try_io). In all else as
    /// [`TcpStream::readable`](crate::TcpStream::readable).
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(&self.io, Operation::new("UnixListener::readable"))
    }

    /// Takes a listener of the standard library, and puts it in non-blocking mode.
    ///
    /// # Errors
    ///
    /// The kernel's, from `fcntl(2)`.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        let io = from_std(listener)?;
        Ok(Self { io })
    }

    /// Gives the listener to the standard library, and takes it out of the reactor.
    ///
    /// It stays in non-blocking mode; `set_nonblocking(false)` ends that.
    #[must_use]
    pub fn into_std(self) -> std::os::unix::net::UnixListener {
        self.io.into_inner().into()
    }

    /// The address that it listens at.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_addr(self.as_fd())
    }

    option!(take_error);
}

own_calls! {
    UnixListener, "UnixListener::async_io", Ends::BY_ITSELF,
    /// # Examples
    ///
    /// See [`TcpListener::async_io`](crate::TcpListener::async_io).
}

impl ListenerSocket for UnixListener {
    type Stream = UnixStream;
    type Address = std::os::unix::net::SocketAddr;
}

impl Listen for UnixListener {
    const ACCEPT: Operation<Reading> = Operation::new("UnixListener::accept");

    fn io(&self) -> &AsyncFd<OwnedFd> {
        &self.io
    }
}

conversions!(UnixListener, std::os::unix::net::UnixListener, "local": local_addr);
