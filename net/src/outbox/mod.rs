//! [`Outbox`]: queued, owned messages for one stream, from any thread.
//!
//! | module | what is there |
//! |---|---|
//! | here | [`Outbox`] |
//! | `core` | what all share: the right to write, the invariants, the lock order |
//! | `flush` | writing, at once and by the outbox's waker; giving up |
//! | `queue` | messages in order, and how far the first has gone: pure data |
//! | `message` | [`Message`]: owned bytes |
//! | `sent` | [`Sent`]: the completion of a message |
//! | `ready`, `watermarks` | [`Ready`] and [`Watermarks`]: back-pressure |
//! | `close` | [`Close`] and [`CloseReport`] |
//! | `failure` | one error for many messages |
//!
//! ```text
//! send ──queue empty──► send(2) ──all of it──► Sent, complete
//!   │                      └──less──┐
//!   └──queue not empty──► queue ◄───┘      the reactor's turn: writable
//!                           │                   │
//!                           └─── sendmsg(2) ◄── the outbox's waker ──► wakes the tasks that await a Sent
//! ```

mod close;
mod core;
mod failure;
mod flush;
mod message;
mod queue;
mod ready;
mod sent;
mod watermarks;

pub use close::{Close, CloseReport};
pub use message::Message;
pub use ready::Ready;
pub use sent::Sent;
pub use watermarks::Watermarks;

use self::core::Core;
use self::failure::Failure;
use crate::stream::StreamSocket;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_reactor::sys::fork::Process;

/// Sends messages through a stream, from any thread, each wholly and in order, and tells of each when it has gone: the
/// *write complete* of event libraries, for many senders.
///
/// [`send`](Self::send) takes a message, writes it at once if nothing is queued, and else queues it. It never waits and
/// never fails; the [`Sent`] that it returns resolves when the last byte of *that message* is in the kernel. What is
/// queued goes when the socket has room, several messages with one system call, by a waker of the outbox's own: no task
/// is needed, and a worker that is stuck does not keep it from going.
///
/// Completion never runs inside the call that wrote: it wakes the task that awaits.
///
/// Nothing is refused for being too much. [`ready`](Self::ready) and [`is_over`](Self::is_over) tell senders when to
/// pause, by [`Watermarks`]; [`queued_bytes`](Self::queued_bytes) is what to watch.
///
/// # Failure
///
/// When a write fails, the outbox fails: no further message goes, for the peer would see it after a gap. Every message
/// that has not gone gets an error of that kind, and so does each that is sent later.
///
/// # The end
///
/// [`close`](Self::close) sends what is queued, then the end of the stream. Dropped, an outbox gives up what is queued:
/// each [`Sent`] gets `ConnectionAborted`. It keeps nothing of the stream then.
///
/// # Runtimes
///
/// It registers the stream with the reactor of the thread that it was made on, or, if that has ended or there was none,
/// with that of the thread that finds the socket full. If no runtime is left to wait in, what is queued fails.
///
/// # Other writers
///
/// Bytes that others write to the same stream come between those of the outbox, also within a message. Reading is not
/// concerned: read from [`get_ref`](Self::get_ref), or from an `Arc` of the stream.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
/// use waterwheel::net::{Outbox, TcpListener, TcpStream};
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///
///     let outbox = Arc::new(Outbox::new(server));
///     let theirs = Arc::clone(&outbox);
///     std::thread::spawn(move || drop(theirs.send("from a thread, "))).join().unwrap();
///     outbox.send(b"from a task".to_vec()).await?;
///
///     let report = outbox.close(Duration::from_secs(5)).await;
///     assert!(report.is_drained());
///     let mut received = [0; 26];
///     client.read_exact(&mut received).await?;
///     assert_eq!(&received, b"from a thread, from a task");
///     assert_eq!(client.read(&mut received).await?, 0, "the end");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct Outbox<S: StreamSocket> {
    core: Arc<Core<S>>,
    /// The process that it is of. In a child of `fork`, what it has queued is for the parent to send.
    process: Process,
}

impl<S: StreamSocket> Outbox<S> {
    /// An outbox for `stream`, which may be an `Arc` that others have, too, with the default [`Watermarks`].
    #[must_use]
    pub fn new(stream: S) -> Self {
        Self::with_watermarks(stream, Watermarks::default())
    }

    /// An outbox with watermarks of one's own.
    ///
    /// # Panics
    ///
    /// If `low` is above `high`.
    ///
    /// # Examples
    ///
    /// See [`ready`](Self::ready).
    #[must_use]
    pub fn with_watermarks(stream: S, watermarks: Watermarks) -> Self {
        let Watermarks { low, high } = watermarks;
        assert!(
            low <= high,
            "an outbox was given a low watermark of {low} bytes, above its high watermark of {high}; \
             it would be over for ever: let `low` be at most `high`"
        );
        Self {
            core: Core::new(stream, watermarks),
            process: Process::current(),
        }
    }

    /// Sends a message: writes it at once if nothing is queued (`send(2)`), or as much of it as there is room for, and
    /// queues what does not go.
    ///
    /// It does not wait, and may be called on any thread, in a runtime or not. What goes wrong is told by the [`Sent`].
    /// Drop that to let the message go by itself.
    ///
    /// # Errors
    ///
    /// Those of the [`Sent`]: the kernel's, from `send(2)` (`BrokenPipe` or `ConnectionReset` when the peer has gone);
    /// `BrokenPipe` if the outbox was closed; `ConnectionAborted` if it was dropped; `TimedOut` if the limit of
    /// [`close`](Self::close) has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{Outbox, TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     let outbox = Outbox::new(server);
    ///
    ///     let head = outbox.send("head ");
    ///     let large = outbox.send(vec![7; 32 << 20]);
    ///     head.await?;
    ///     assert!(!large.is_settled(), "nobody reads");
    ///     assert!(large.written() > 0, "but some of it has gone");
    ///     assert_eq!(outbox.queued_bytes(), (32 << 20) - large.written());
    ///     drop(client);
    ///     assert!(large.await.is_err());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn send(&self, message: impl Into<Message>) -> Sent {
        self.core.send(message.into())
    }

    /// Waits until the outbox is not over its watermarks.
    ///
    /// It promises nothing: another sender may be faster. But when each of *n* senders asks before each message, no more
    /// than the high watermark and *n* messages are ever queued.
    ///
    /// # Errors
    ///
    /// What a message sent now would fail with, if the outbox has failed or was closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::net::{Outbox, TcpListener, TcpStream, Watermarks};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     let reader = waterwheel::spawn(async move {
    ///         let (mut buffer, mut count) = (vec![0; 64 << 10], 0);
    ///         loop {
    ///             match client.read(&mut buffer).await? {
    ///                 0 => return std::io::Result::Ok(count),
    ///                 more => count += more,
    ///             }
    ///         }
    ///     });
    ///
    ///     let outbox = Outbox::with_watermarks(server, Watermarks { low: 64 << 10, high: 128 << 10 });
    ///     for _ in 0..1000 {
    ///         outbox.ready().await?;
    ///         drop(outbox.send(vec![0; 10_000]));
    ///         assert!(outbox.queued_bytes() <= (128 << 10) + 10_000);
    ///     }
    ///     outbox.close(Duration::from_secs(60)).await;
    ///     assert_eq!(reader.await??, 10_000_000);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn ready(&self) -> Ready<'_, S> {
        Ready::new(&self.core)
    }

    /// Whether too much is queued: it became more than the high watermark, and is not yet down to the low one.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.core.is_over()
    }

    /// How many bytes have been sent and are not in the kernel yet.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.core.queued()
    }

    /// The watermarks that it was made with.
    #[must_use]
    pub fn watermarks(&self) -> Watermarks {
        self.core.watermarks
    }

    /// The stream: to read from it, above all.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.core.stream
    }

    /// Takes no more messages, sends those that are queued, then the end of the stream (`shutdown(2)`), and tells what
    /// was left.
    ///
    /// From this call on, a message that is sent fails with `BrokenPipe`. If not all have gone `within` that time, those that have not fail
    /// with `TimedOut`, and the end is sent after what has gone, which may be in the midst of a message: the report tells.
    ///
    /// The time counts from the call, not from the first poll, by the runtime's clock: paused time pauses it. [`Duration::MAX`] waits for as
    /// long as the peer takes.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the outbox closed to new messages, without a limit: what is queued still goes, and
    /// no end is sent. Another call takes up where it was.
    ///
    /// # Examples
    ///
    /// A peer that does not read:
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use waterwheel::net::{Outbox, TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     let outbox = Outbox::new(server);
    ///
    ///     let large = outbox.send(vec![7; 32 << 20]);
    ///     let report = outbox.close(Duration::from_millis(10)).await;
    ///     assert_eq!(report.left_messages, 1);
    ///     assert_eq!(report.left_bytes, (32 << 20) - large.written());
    ///     assert_eq!(large.await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    ///     # drop(client);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn close(&self, within: Duration) -> Close<'_, S> {
        self.core.close();
        Close::new(&self.core, within)
    }
}

impl<S: StreamSocket> Drop for Outbox<S> {
    fn drop(&mut self) {
        if !self.process.is_current() {
            return;
        }
        let reason = "the outbox was dropped";
        self.core
            .fail_from_outside(Failure::new(io::ErrorKind::ConnectionAborted, reason));
    }
}

impl<S: StreamSocket> fmt::Debug for Outbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("stream", self.get_ref())
            .field("queued_bytes", &self.queued_bytes())
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}
