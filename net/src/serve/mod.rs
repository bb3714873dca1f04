//! [`serve`]: a listener with a handler, and its end.
//!
//! | module | what is there |
//! |---|---|
//! | here | [`serve`], [`Server`] |
//! | `options` | [`ServeOptions`] |
//! | `acceptor` | what accepts, and outlives every error |
//! | `connection` | the task of a connection |
//! | `register` | the connections there are, and what has become of the others |
//! | `shutdown` | [`ServerShutdown`], [`ServeReport`] |
//! | `listener` | [`Listeners`]: what is accepted from |
//! | `listening` | a listener that one task accepts from, and that a shutdown closes |

mod acceptor;
mod connection;
mod listener;
mod listening;
mod options;
mod register;
mod shutdown;

pub use listener::Listeners;
pub use options::ServeOptions;
pub use shutdown::{ServeReport, ServerShutdown};

use crate::stream::ListenerSocket;
use acceptor::{ClosesWhenDropped, Shared, accept_from};
use listening::Listening;
use register::{Close, Register};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waterwheel_executor::Handle;

/// Accepts connections, and runs `handler` for each, in a task of its own.
///
/// It serves in the background, in the runtime that it is called in, from one listener or a `Vec` of them. The
/// [`Server`] ends it; dropped, that leaves it to serve as long as the runtime lasts.
///
/// No error ends it. Those of connections, which handlers return, and panics in handlers go to
/// [`on_error`](ServeOptions::on_error), whose own panics are caught. A connection that was aborted while it waited is passed over. When descriptors
/// or memory have run out, it pauses, which costs next to nothing, and goes on when there are some again, by itself.
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waterwheel::net::{ServeOptions, TcpListener, TcpStream, copy, serve};
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     let options = ServeOptions::new().max_connections(1000);
///     let echo = serve(listener, options, |stream: TcpStream, _peer| async move {
///         copy(&stream, &stream).await.map(drop)
///     });
///
///     let client = TcpStream::connect(address).await?;
///     client.write_all(b"water").await?;
///     client.read_exact(&mut [0; 5]).await?;
///     drop(client);
///
///     // Until the process is told to end, in a real server.
///     let told = waterwheel::sleep(Duration::from_millis(5));
///     let report = echo.until(told, Duration::from_secs(10)).await;
///     assert_eq!((report.accepted, report.finished), (1, 1));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn serve<S, H, F>(
    listeners: S,
    options: ServeOptions<<S::Listener as ListenerSocket>::Address>,
    handler: H,
) -> Server
where
    S: Listeners,
    H: Fn(<S::Listener as ListenerSocket>::Stream, <S::Listener as ListenerSocket>::Address) -> F
        + Send
        + Sync
        + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let register = Register::new(options.max_connections);
    let shared = Arc::new(Shared {
        options,
        handler,
        register: Arc::clone(&register),
    });
    let runtime = Handle::current();
    for (number, listener) in listeners.into_listeners().into_iter().enumerate() {
        let listening = Arc::new(Listening::new(listener));
        let close: Arc<dyn Close> = Arc::clone(&listening) as _;
        let accepting = register.acceptor_begins(close);
        let closes = ClosesWhenDropped(listening);
        let acceptor = accept_from(closes, Arc::clone(&shared), accepting);
        let acceptor = if shared.options.listener_per_worker {
            runtime.spawn_on_worker(number % runtime.workers(), acceptor)
        } else {
            runtime.spawn(acceptor)
        };
        drop(acceptor);
    }
    Server { register }
}

/// A server that runs: what ends it. See [`serve`].
#[derive(Debug)]
#[must_use = "dropped, it serves as long as the runtime lasts"]
pub struct Server {
    register: Arc<Register>,
}

impl Server {
    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.register.connections()
    }

    /// What has become of the connections so far. Those that there are still are `left`.
    #[must_use]
    pub fn report(&self) -> ServeReport {
        shutdown::report(&self.register)
    }

    /// Stops accepting, lets handlers finish until `deadline`, an instant of the runtime's clock (`timer::now()`), then cancels
    /// those that have not, and tells what has become of all.
    ///
    /// The call itself closes the listeners, on any number of workers: when it returns, before the future is polled, the kernel refuses new
    /// connections and resets those that wait in the backlog, and another socket can be bound to the address. (A duplicate of a listener's
    /// descriptor, made elsewhere, keeps the socket open.) A connection that the server has accepted by then is finished or cancelled by
    /// this shutdown, also if its handler has not been called yet; there is no moment between.
    ///
    /// A cancelled handler is dropped where it waits. One that is stuck in a poll is waited for no longer than one
    /// second.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the server stopped, and its handlers running, without a deadline. Another call takes up
    /// where it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::net::{ServeOptions, TcpListener, TcpStream, serve};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let address = listener.local_addr()?;
    ///     let server = serve(listener, ServeOptions::new(), |stream: TcpStream, _| async move {
    ///         stream.read_exact(&mut [0]).await
    ///     });
    ///     let silent = TcpStream::connect(address).await?;
    ///     while server.connections() == 0 {
    ///         waterwheel::yield_now().await;
    ///     }
    ///     let report = server.shutdown(Instant::now() + Duration::from_millis(10)).await;
    ///     assert_eq!(report.cancelled, 1);
    ///     assert_eq!(silent.read(&mut [0]).await?, 0, "its stream was dropped with its handler");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn shutdown(&self, deadline: Instant) -> ServerShutdown {
        ServerShutdown::new(Arc::clone(&self.register), deadline)
    }

    /// Serves until `trigger` is ready, then [shuts down](Self::shutdown), with a deadline `grace` from then.
    ///
    /// `std::future::pending::<()>()` is a trigger that never is.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the trigger, it leaves the server running; after it, as [`shutdown`](Self::shutdown).
    ///
    /// # Examples
    ///
    /// See [`serve`].
    pub async fn until(self, trigger: impl Future, grace: Duration) -> ServeReport {
        trigger.await;
        let now = waterwheel_timer::now();
        // A grace without end is one of a century.
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let deadline = now.checked_add(grace).unwrap_or(now + century);
        self.shutdown(deadline).await
    }
}
