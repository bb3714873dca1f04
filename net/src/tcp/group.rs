//! Several listeners at one address.

use super::TcpListener;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use waterwheel_reactor::AsyncFd;
use waterwheel_reactor::sys::{options, socket};

impl TcpListener {
    /// Listens at `address` with `count` sockets, among which the kernel deals connections out (`SO_REUSEPORT`).
    ///
    /// Given to [`serve`](crate::serve()), each has a task that accepts from it, so that several workers accept at the
    /// same time. As many as the runtime has workers is a good number: `Handle::current().metrics().workers.len()`. To
    /// which worker a listener comes is left to the runtime.
    ///
    /// Port 0 stands for any that is free, the same for all. A connection stays with the listener that it was dealt to:
    /// when one is dropped, those that wait at it are reset.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a socket that is not of such a group listens there; what else `socket(2)`, `setsockopt(2)`, `bind(2)` and
    /// `listen(2)` report.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::net::{ServeOptions, TcpListener, TcpStream, serve};
    ///
    /// let runtime = waterwheel::Runtime::builder().worker_threads(2).build()?;
    /// runtime.block_on(async {
    ///     let listeners = TcpListener::bind_reuseport("127.0.0.1:0".parse().unwrap(), 2)?;
    ///     let address = listeners[0].local_addr()?;
    ///     let server = serve(listeners, ServeOptions::new(), |stream: TcpStream, _| async move {
    ///         stream.write_all(b"hello").await
    ///     });
    ///     for _ in 0..8 {
    ///         let client = TcpStream::connect(address).await?;
    ///         client.read_exact(&mut [0; 5]).await?;
    ///     }
    ///     let report = server.until(async {}, Duration::from_secs(5)).await;
    ///     assert_eq!(report.finished, 8);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn bind_reuseport(address: SocketAddr, count: usize) -> io::Result<Vec<Self>> {
        let mut address = address;
        // Not with room for `count`: descriptors run out long before memory does, and that is an error.
        let mut group = Vec::new();
        for _ in 0..count {
            let socket = socket::tcp_for(address)?;
            options::REUSE_ADDRESS.set(socket.as_fd(), true)?;
            options::REUSE_PORT.set(socket.as_fd(), true)?;
            socket::bind(socket.as_fd(), &address)?;
            address = socket::local_addr(socket.as_fd())?;
            group.push(socket);
        }
        // Only now, so that no connection comes to a group that fails.
        let listen = |socket: std::os::fd::OwnedFd| {
            socket::listen(socket.as_fd(), Self::BACKLOG)?;
            let io = AsyncFd::from_nonblocking(socket);
            Ok(Self { io })
        };
        group.into_iter().map(listen).collect()
    }
}
