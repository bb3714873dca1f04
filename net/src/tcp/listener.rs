//! [`TcpListener`]: where peers connect to.

use super::TcpStream;
use crate::address::{ToSocketAddrs, addresses};
use crate::options::option;
use crate::socket::{Ends, Readable, conversions, from_std, own_calls};
use crate::stream::{Accept, Incoming, Listen, ListenerSocket};
use std::future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::sys::{options, socket};
use waterwheel_reactor::{AsyncFd, Operation, Reading};

/// A TCP socket that listens for connections.
///
/// It stops listening when it is dropped; connections that wait to be accepted are then reset. Any number of tasks may
/// [`accept`](Self::accept) at the same time.
///
/// If the listener is shared with another process, or held twice in this one, no holder may put it into blocking mode
/// (`set_nonblocking(false)`): the mode is of the open file, and `accept4(2)`, unlike sends and receives, has no flag
/// against it, so that an accept of which another holder takes the connection would block its worker.
///
/// # Examples
///
/// ```
/// use waterwheel::net::{TcpListener, TcpStream};
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     waterwheel::spawn(async move {
///         let stream = TcpStream::connect(address).await?;
///         stream.write_all(b"hello").await
///     });
///
///     let (stream, peer) = listener.accept().await?;
///     let mut greeting = [0; 5];
///     stream.read_exact(&mut greeting).await?;
///     println!("{peer} says {greeting:?}");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct TcpListener {
    pub(super) io: AsyncFd<OwnedFd>,
}

impl TcpListener {
    /// As long a queue of connections as muduo, nginx and the kernel's default (`net.core.somaxconn`) agree upon.
    pub(super) const BACKLOG: i32 = 4096;

    /// Listens at the first of the addresses in `addr` that can be had.
    ///
    /// Port 0 stands for any that is free; [`local_addr`](Self::local_addr) tells which. `SO_REUSEADDR` is set, so
    /// that a server can be started again while connections of the former one linger.
    ///
    /// A host name is looked up as by [`lookup_host`](crate::lookup_host).
    ///
    /// # Errors
    ///
    /// `AddrInUse` if another socket listens there; what else `socket(2)`, `bind(2)` and `listen(2)` report, of the
    /// last address tried; what resolving reports; `InvalidInput` if there is no address.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind: it ends at the poll that binds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use waterwheel::net::TcpListener;
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    ///     let taken = listener.local_addr()?;
    ///     let error = TcpListener::bind(taken).await.unwrap_err();
    ///     assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    ///     io::Result::Ok(())
    /// })?;
    /// # io::Result::Ok(())
    /// ```
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let listen = |address| future::ready(Self::listen(address));
        addresses::first_of("TcpListener::bind", addr, listen).await
    }

    fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = socket::tcp_for(address)?;
        options::REUSE_ADDRESS.set(listener.as_fd(), true)?;
        socket::bind(listener.as_fd(), &address)?;
        socket::listen(listener.as_fd(), Self::BACKLOG)?;
        Ok(Self {
            io: AsyncFd::from_nonblocking(listener),
        })
    }

    /// Waits for a connection, and gives its stream and the address of its peer.
    ///
    /// A connection that was aborted while it waited to be accepted is passed over.
    ///
    /// # Errors
    ///
    /// The kernel's, from `accept4(2)`. None of them ends the listener: call it again. When descriptors have run out
    /// (`EMFILE`, `ENFILE`), do so only after some have been closed, or after a while, for the connection is still
    /// there and the same error would come at once.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a connection is accepted only inside the poll that gives it.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, peer) = listener.accept().await?;
    ///     assert_eq!(peer, client.local_addr()?);
    ///     assert_eq!(server.local_addr()?, client.peer_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn accept(&self) -> Accept<'_, Self> {
        Accept::new(self)
    }

    /// The connections, one after another, as a
    /// [`Stream`](https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html). It never ends, not even after an
    /// error.
    ///
    /// What holds for [`accept`](Self::accept) holds for each of its items.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let address = listener.local_addr()?;
    ///     let clients = [TcpStream::connect(address).await?, TcpStream::connect(address).await?];
    ///
    ///     let mut incoming = listener.incoming().take(clients.len());
    ///     while let Some(stream) = incoming.next().await {
    ///         println!("a connection from {}", stream?.peer_addr()?);
    ///     }
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::new(self)
    }

    /// Waits until there is a connection to accept, or an error: for what accepts by [`try_io`](Self::try_io). In all else as
    /// [`TcpStream::readable`](crate::TcpStream::readable).
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(&self.io, Operation::new("TcpListener::readable"))
    }

    /// Takes a listener of the standard library, and puts it in non-blocking mode.
    ///
    /// # Errors
    ///
    /// The kernel's, from `fcntl(2)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::TcpListener;
    ///
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let listener = TcpListener::from_std(listener)?;
    /// # drop(listener);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        let io = from_std(listener)?;
        Ok(Self { io })
    }

    /// Gives the listener to the standard library, and takes it out of the reactor.
    ///
    /// It stays in non-blocking mode; `set_nonblocking(false)` ends that.
    #[must_use]
    pub fn into_std(self) -> std::net::TcpListener {
        self.io.into_inner().into()
    }

    /// The address that it listens at, with the port that the kernel has chosen if port 0 was asked for.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_addr(self.as_fd())
    }

    option!(reuse_address);
    option!(reuse_port);
    option!(buffer_sizes);
    option!(ttl);
    option!(read_only_v6);
    option!(take_error);
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
    /// use waterwheel::reactor::Interest;
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let acceptor = std::net::TcpListener::from(listener.as_fd().try_clone_to_owned()?);
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (_stream, peer) = listener.async_io(Interest::Read, || acceptor.accept()).await?;
    ///     assert_eq!(peer, client.local_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
}

impl ListenerSocket for TcpListener {
    type Stream = TcpStream;
    type Address = std::net::SocketAddr;
}

impl Listen for TcpListener {
    const ACCEPT: Operation<Reading> = Operation::new("TcpListener::accept");

    fn io(&self) -> &AsyncFd<OwnedFd> {
        &self.io
    }
}

conversions!(TcpListener, std::net::TcpListener, "local": local_addr);
