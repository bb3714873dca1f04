//! [`ServeOptions`]: how a server is to serve.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How [`serve`](crate::serve()) serves, for peers with addresses of type `A`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waterwheel::net::ServeOptions;
///
/// let options: ServeOptions = ServeOptions::new()
///     .max_connections(10_000)
///     .refuse_after(Duration::from_secs(1))
///     .on_error(|peer, error| match peer {
///         Some(peer) => eprintln!("{peer}: {error}"),
///         None => eprintln!("cannot accept: {error}"),
///     });
/// ```
pub struct ServeOptions<A = SocketAddr> {
    pub(super) max_connections: usize,
    pub(super) refuse_after: Duration,
    pub(super) listener_per_worker: bool,
    pub(super) on_error: Option<OnError<A>>,
}

pub(super) type OnError<A> = Box<dyn Fn(Option<&A>, &io::Error) + Send + Sync>;

impl<A> ServeOptions<A> {
    /// Any number of connections; errors are not told; see [`refuse_after`](Self::refuse_after) for that.
    #[must_use]
    pub fn new() -> Self {
        Self {
            max_connections: usize::MAX,
            refuse_after: Duration::from_secs(5),
            listener_per_worker: false,
            on_error: None,
        }
    }

    /// At most so many connections at a time. Further ones wait in the listener's backlog, until one ends.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> Self {
        assert!(
            most > 0,
            "`max_connections(0)` would serve nobody: let it be at least 1"
        );
        self.max_connections = most;
        self
    }

    /// When descriptors have run out, connections wait in the backlog until some are free; when they have been out for so
    /// long by the runtime's clock, 5 seconds if not told, those who wait are accepted and closed, so that they know. `Duration::MAX`: never.
    #[must_use]
    pub fn refuse_after(mut self, patience: Duration) -> Self {
        self.refuse_after = patience;
        self
    }

    /// Accepts from each listener on a worker of its own, in turn if there are more listeners than workers: for a
    /// [group](crate::TcpListener::bind_reuseport) of as many listeners as the runtime has [workers](waterwheel_executor::Handle::workers).
    ///
    /// A connection's task begins where it was accepted. Other workers take it over only if that one is busy and they are not. The
    /// listener of the first worker is accepted from by any worker that has time; see [`spawn_on_worker`](waterwheel_executor::Handle::spawn_on_worker).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::net::{ServeOptions, TcpListener, TcpStream, copy, serve};
    /// use waterwheel::{Handle, Runtime};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// Runtime::builder().worker_threads(2).build()?.block_on(async {
    ///     let address = "127.0.0.1:0".parse().expect("an address");
    ///     let listeners = TcpListener::bind_reuseport(address, Handle::current().workers())?;
    ///     let address = listeners[0].local_addr()?;
    ///     let options = ServeOptions::new().listener_per_worker();
    ///     let echo = serve(listeners, options, |stream: TcpStream, _peer| async move {
    ///         copy(&stream, &stream).await.map(drop)
    ///     });
    ///     for _ in 0..10 {
    ///         let client = TcpStream::connect(address).await?;
    ///         client.write_all(b"water").await?;
    ///         client.read_exact(&mut [0; 5]).await?;
    ///     }
    ///     let report = echo.until(async {}, Duration::from_secs(10)).await;
    ///     assert_eq!(report.accepted, 10);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn listener_per_worker(mut self) -> Self {
        self.listener_per_worker = true;
        self
    }

    /// Told of each error: of the connection with a peer, when its handler has returned one or has panicked; or of the
    /// listener. No error ends the server.
    ///
    /// It is called on the worker where the error was met, and should not block. A panic of the hook ends neither the server nor the
    /// connection: the process's panic hook tells of it, and nothing else does. When the same error of a listener
    /// comes again and again, as when descriptors have run out, it is called once.
    #[must_use]
    pub fn on_error(
        mut self,
        hook: impl Fn(Option<&A>, &io::Error) + Send + Sync + 'static,
    ) -> Self {
        self.on_error = Some(Box::new(hook));
        self
    }
}

impl<A> Default for ServeOptions<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> fmt::Debug for ServeOptions<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("max_connections", &self.max_connections)
            .field("refuse_after", &self.refuse_after)
            .finish_non_exhaustive()
    }
}
