//! [`copy_bidirectional`]: a relay between two streams.

use super::pump::{Calls, Pump};
use crate::socket::shutdown;
use crate::stream::StreamSocket;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use waterwheel_timer::{Sleep, sleep};

const CALLS: Calls = Calls::new("copy_bidirectional");

/// Relays between `a` and `b`: writes to each what comes from the other, until both have ended, and gives the numbers
/// of bytes from `a` to `b` and from `b` to `a`.
///
/// When one ends its writing, and all of that has been written to the other, the other's is ended too (`shutdown(2)`),
/// so that its peer sees the end; the other direction goes on. It moves bytes as [`copy`](crate::copy()) does, and holds
/// no memory for them while nothing comes.
///
/// A peer that has gone without a word leaves a relay that waits for ever.
/// [`idle_timeout`](CopyBidirectional::idle_timeout) ends it.
///
/// # Errors
///
/// The kernel's, of either stream, and `TimedOut` if a timeout was asked for. Both directions end with the first error;
/// [`copied`](CopyBidirectional::copied) tells how far they came.
///
/// # Panics
///
/// When it must wait, and is polled outside a runtime.
///
/// # Cancel safety
///
/// As [`copy`](crate::copy()), for each direction.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waterwheel::net::{TcpListener, TcpStream, copy_bidirectional};
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (front, _) = listener.accept().await?;
///     let back = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///
///     let relay = waterwheel::spawn(async move {
///         copy_bidirectional(&front, &back).idle_timeout(Duration::from_secs(60)).await
///     });
///     client.write_all(b"question").await?;
///     client.shutdown(std::net::Shutdown::Write)?;
///     let mut buffer = [0; 16];
///     server.read_exact(&mut buffer[..8]).await?;
///     assert_eq!(server.read(&mut buffer).await?, 0, "the end comes through");
///     server.write_all(b"answer").await?;
///     drop(server);
///     assert_eq!(relay.await??, (8, 6));
///     client.read_exact(&mut buffer[..6]).await?;
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn copy_bidirectional<'a, A: StreamSocket, B: StreamSocket>(
    a: &'a A,
    b: &'a B,
) -> CopyBidirectional<'a> {
    CopyBidirectional {
        there: OneWay::new(Pump::new(a, b)),
        back: OneWay::new(Pump::new(b, a)),
        idle: None,
    }
}

/// The future of [`copy_bidirectional`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CopyBidirectional<'a> {
    there: OneWay<'a>,
    back: OneWay<'a>,
    idle: Option<Idle>,
}

#[derive(Debug)]
struct OneWay<'a> {
    pump: Pump<'a>,
    ended: bool,
}

#[derive(Debug)]
struct Idle {
    limit: Duration,
    /// Begins at the first poll.
    sleep: Option<Sleep>,
}

impl CopyBidirectional<'_> {
    /// Ends the relay with `TimedOut` when no byte has gone, and no end, in either direction, for `limit`: also when
    /// only one direction is left.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = Some(Idle { limit, sleep: None });
        self
    }

    /// How many bytes have been written, from the first to the second and from the second to the first, now or when it
    /// failed.
    #[must_use]
    pub fn copied(&self) -> (u64, u64) {
        (self.there.pump.moved(), self.back.pump.moved())
    }
}

impl<'a> OneWay<'a> {
    fn new(pump: Pump<'a>) -> Self {
        Self { pump, ended: false }
    }

    /// Moves what there is, and tells whether anything, the end included, has gone.
    fn poll(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let before = self.pump.moved();
        if let Poll::Ready(moved) = self.pump.poll(cx, CALLS) {
            moved?;
            self.ended = true;
            match shutdown(self.pump.writer(), Shutdown::Write) {
                // It has gone already, and its own direction tells how.
                Err(error) if error.kind() != io::ErrorKind::NotConnected => return Err(error),
                _ => {}
            }
        }
        Ok(self.ended || self.pump.moved() != before)
    }
}

impl Idle {
    /// Whether nothing has happened for too long; something has just now if `busy`.
    fn poll(&mut self, cx: &mut Context<'_>, busy: bool) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| sleep(self.limit));
        if busy && let Some(deadline) = waterwheel_timer::now().checked_add(self.limit) {
            sleep.reset(deadline);
        }
        Pin::new(sleep).poll(cx)
    }
}

impl Future for CopyBidirectional<'_> {
    type Output = io::Result<(u64, u64)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let there = self.there.poll(cx)?;
        let back = self.back.poll(cx)?;
        if self.there.ended && self.back.ended {
            return Poll::Ready(Ok(self.copied()));
        }
        if let Some(idle) = &mut self.idle
            && idle.poll(cx, there || back).is_ready()
        {
            let limit = idle.limit;
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing went either way for {limit:?}"),
            )));
        }
        Poll::Pending
    }
}
