//! [`TcpStream`]: a connection.

use crate::options::option;
use crate::socket::{conversions, from_std, shutdown};
use crate::stream::sealed::{FromIo, Io};
use crate::stream::{Calls, StreamSocket, calls_of};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use waterwheel_reactor::AsyncFd;
use waterwheel_reactor::sys::{options, socket};

/// A TCP connection.
///
/// Methods take `&self`, so that one task may read while another writes, through an `Arc`, or by
/// [halves](Self::into_split). Dropping the stream closes the connection.
///
/// A stream registers with the reactor of the runtime that it is first waited for in. If that runtime ends, it registers
/// with the next one it is polled in.
///
/// # Examples
///
/// An echo, and a client that says so:
///
/// ```
/// use waterwheel::net::{TcpListener, TcpStream};
///
/// async fn echo(stream: TcpStream) -> std::io::Result<()> {
///     let mut buffer = [0; 4096];
///     loop {
///         match stream.read(&mut buffer).await? {
///             0 => return Ok(()),
///             count => stream.write_all(&buffer[..count]).await?,
///         }
///     }
/// }
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///     waterwheel::spawn(echo(server));
///
///     client.write_all(b"water").await?;
///     let mut answer = [0; 5];
///     client.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"water");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct TcpStream {
    pub(super) io: AsyncFd<OwnedFd>,
}

impl TcpStream {
    /// Takes a stream of the standard library, and puts it in non-blocking mode.
    ///
    /// # Errors
    ///
    /// The kernel's, from `fcntl(2)`.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        let io = from_std(stream)?;
        Ok(Self { io })
    }

    /// Gives the stream to the standard library, and takes it out of the reactor.
    ///
    /// It stays in non-blocking mode; `set_nonblocking(false)` ends that.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// let mut client = waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     server.write_all(b"goodbye").await?;
    ///     std::io::Result::Ok(client.into_std())
    /// })?;
    /// client.set_nonblocking(false)?;
    /// let mut said = String::new();
    /// client.read_to_string(&mut said)?;
    /// assert_eq!(said, "goodbye");
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn into_std(self) -> std::net::TcpStream {
        self.io.into_inner().into()
    }

    /// Ends reading, writing or both, for all who use this connection, and wakes those of them that wait: a read gives the
    /// end, a write fails with `BrokenPipe`.
    ///
    /// `Shutdown::Write` sends the end after what was written: the peer reads 0 bytes once it has read the rest. It
    /// does not wait, for the kernel has all that a completed write gave it.
    ///
    /// # Errors
    ///
    /// The kernel's, from `shutdown(2)`: `NotConnected` if the connection has ended already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::Shutdown;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.shutdown(Shutdown::Write)?;
    ///     assert_eq!(server.read(&mut [0; 16]).await?, 0);
    ///     server.write_all(b"still").await?;
    ///     assert_eq!(client.read(&mut [0; 16]).await?, 5);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        shutdown(&self.io, how)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_addr(self.as_fd())
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getpeername(2)`: `NotConnected` if the connection has ended.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket::peer_addr(self.as_fd())
    }

    option!(nodelay);
    option!(quickack);
    option!(keepalive);
    option!(linger);
    option!(user_timeout);
    option!(buffer_sizes);
    option!(ttl);
    option!(tos);
    option!(take_error);
}

impl Io for TcpStream {
    const CALLS: Calls = calls_of!("TcpStream");
    const SHORT_READ_DRAINS: bool = true;

    #[inline]
    fn io(&self) -> &AsyncFd<OwnedFd> {
        &self.io
    }
}

impl FromIo for TcpStream {
    fn from_io(io: AsyncFd<OwnedFd>) -> Self {
        Self { io }
    }
}

impl StreamSocket for TcpStream {}

conversions!(TcpStream, std::net::TcpStream, "local": local_addr, "peer": peer_addr);
