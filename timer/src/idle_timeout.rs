//! `IdleTimeout`: a time limit that each sign of life pushes back.
//!
//! The one sleep in it stays filed where it was filed first. A sign of life stores a later deadline and touches no wheel; when
//! the entry fires, once a limit at most, the poll that follows finds the deadline moved, and files anew.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use pin_project_lite::pin_project;

use waterwheel_poll_context::budget::{self, GaveWay};

use crate::{
    clock::far,
    sleep::{Due, Sleep},
    timeout::Elapsed,
    timers::Caller,
    timers::current,
};

/// A time limit on silence: resolves when nothing has [touched](IdleTimeout::touch) it for `limit`.
///
/// It is what a server puts on a connection: one for all the connection's life, where a [`timeout`](crate::timeout())
/// around each read would begin anew. A message costs it a reading of the clock and a stored deadline; the wheel hears of
/// it once a limit at most, however many messages come.
///
/// It is a future, to be raced with others, and [`watch`](IdleTimeout::watch) puts it around one. Like [`Sleep`] it is `Unpin`,
/// and files its timer at its first pending poll.
///
/// # Cancel safety
///
/// It may be polled by `&mut`, in part and again; dropping it cancels the timer.
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{block_on, net::{TcpListener, TcpStream}, time::IdleTimeout};
///
/// async fn echo(stream: TcpStream, limit: Duration) -> std::io::Result<()> {
///     let mut idle = IdleTimeout::new(limit);
///     let mut buffer = [0; 1024];
///     loop {
///         // `?` twice: for silence, and for the read.
///         match idle.watch(stream.read(&mut buffer)).await?? {
///             0 => return Ok(()),
///             count => stream.write_all(&buffer[..count]).await?,
///         }
///     }
/// }
///
/// block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///     client.write_all(b"water").await?;
///     let silent = echo(server, Duration::from_millis(5)).await.unwrap_err();
///     assert_eq!(silent.kind(), std::io::ErrorKind::TimedOut);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[must_use = "an idle timeout does nothing unless it is awaited, polled, or watches a future"]
pub struct IdleTimeout {
    sleep: Sleep,
    limit: Duration,
}

impl IdleTimeout {
    /// Silence of up to `limit` is allowed, from this call on. [`Duration::MAX`] is no limit.
    #[inline]
    pub fn new(limit: Duration) -> Self {
        IdleTimeout {
            sleep: Sleep::after(limit, Caller::IdleTimeout),
            limit,
        }
    }

    /// A sign of life: the limit counts from now. Also after it has passed.
    #[inline]
    pub fn touch(&mut self) {
        let now = current::now();
        let deadline = far::after(now, self.limit);
        if deadline > now {
            self.sleep.push_back(deadline);
        } else {
            self.sleep.reset(deadline);
        }
    }

    /// Waits for a future as long as the limit lasts, and takes its output as a sign of life.
    ///
    /// The limit counts from the last sign of life, not from this call. When both are ready at the same poll, the output wins.
    pub fn watch<F: IntoFuture>(&mut self, future: F) -> Watch<'_, F::IntoFuture> {
        Watch {
            future: future.into_future(),
            idle: self,
        }
    }

    /// When the limit passes, unless there is a sign of life before.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.sleep.deadline()
    }

    /// How long a silence is allowed.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Allows another length of silence, from the next sign of life on.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }
}

impl Future for IdleTimeout {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.sleep).poll(cx)
    }
}

pin_project! {
    /// The future of [`IdleTimeout::watch`].
    ///
    /// # Cancel safety
    ///
    /// That of the inner future; dropping it is no sign of life.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Watch<'a, F> {
        #[pin]
        future: F,
        idle: &'a mut IdleTimeout,
    }
}

impl<F: Future> Future for Watch<'_, F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // As a `Timeout` does: before the inner future is polled, and not after.
        if budget::is_spent() {
            ready!(budget::give_way_for_good(cx, this.idle.sleep.gave_way()));
        }
        if let Poll::Ready(output) = this.future.poll(cx) {
            budget::spend();
            *this.idle.sleep.gave_way() = GaveWay::NO;
            this.idle.touch();
            return Poll::Ready(Ok(output));
        }
        match this.idle.sleep.poll_due(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Due::Waited) => {}
            Poll::Ready(Due::AtOnce) => budget::spend(),
        }
        *this.idle.sleep.gave_way() = GaveWay::NO;
        Poll::Ready(Err(Elapsed::new()))
    }
}
