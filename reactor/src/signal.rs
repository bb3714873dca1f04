//! Signals of the operating system, as a stream: [`signal()`], and [`ctrl_c`] for the one that people send.
//!
//! The first who listens to a kind of signal sets a handler for it, which stays as long as the process lives: what the signal did by
//! default, such as to end the process, it does not do any more, also when nobody listens. A handler that was there
//! before is still called.
//!
//! Any number of listeners, in any number of runtimes, hear of each kind. Signals that come faster than a listener takes them are told
//! once, as the kernel itself does.
//!
//! Rests on `sigaction(2)` and `eventfd(2)`: the handler counts and writes, and each listener waits, through its reactor, for a
//! descriptor of its own.

use crate::async_fd::AsyncFd;
use crate::call::Call;
use crate::stay::Stay;
use crate::sys;
use crate::way::Reading;
use futures_core::Stream;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_poll_context::budget::{self, GaveWay};

/// A kind of signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(libc::c_int);

impl SignalKind {
    /// The signal of that number. Whether one can listen to it, [`signal()`] tells.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// `SIGINT`: somebody has pressed ctrl-c.
    #[must_use]
    pub const fn interrupt() -> Self {
        Self(libc::SIGINT)
    }

    /// `SIGTERM`: the process is to end, in good order.
    #[must_use]
    pub const fn terminate() -> Self {
        Self(libc::SIGTERM)
    }

    /// `SIGQUIT`: somebody has pressed ctrl-\\.
    #[must_use]
    pub const fn quit() -> Self {
        Self(libc::SIGQUIT)
    }

    /// `SIGHUP`: the terminal is gone; to a server, that it is to read its configuration again.
    #[must_use]
    pub const fn hangup() -> Self {
        Self(libc::SIGHUP)
    }

    /// `SIGUSR1`.
    #[must_use]
    pub const fn user_defined1() -> Self {
        Self(libc::SIGUSR1)
    }

    /// `SIGUSR2`.
    #[must_use]
    pub const fn user_defined2() -> Self {
        Self(libc::SIGUSR2)
    }

    /// `SIGCHLD`: a child has stopped or ended.
    #[must_use]
    pub const fn child() -> Self {
        Self(libc::SIGCHLD)
    }

    /// `SIGALRM`.
    #[must_use]
    pub const fn alarm() -> Self {
        Self(libc::SIGALRM)
    }

    /// `SIGPIPE`: something was written that nobody will read.
    #[must_use]
    pub const fn pipe() -> Self {
        Self(libc::SIGPIPE)
    }

    /// `SIGWINCH`: the terminal has another size.
    #[must_use]
    pub const fn window_change() -> Self {
        Self(libc::SIGWINCH)
    }
}

/// Listens to a kind of signal, from now on. The handler is set before this returns.
///
/// # Errors
///
/// `InvalidInput` for a number that is no signal's, and for those that nobody can handle: `SIGKILL` and `SIGSTOP`; and `SIGSEGV`, `SIGBUS`,
/// `SIGFPE` and `SIGILL`, of which a thread does not come back. The kernel's, if there are not enough descriptors: one for
/// each kind, and one for each listener.
///
/// # Examples
///
/// ```
/// use waterwheel::signal::{SignalKind, signal};
///
/// waterwheel::block_on(async {
///     let mut hangups = signal(SignalKind::hangup())?;
/// #   let kill = std::process::Command::new("kill").args(["-HUP", &std::process::id().to_string()]).status()?;
/// #   assert!(kill.success());
///     hangups.recv().await?;
///     println!("somebody wants the configuration to be read again");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let fd = sys::signal::listen(kind.0)?;
    Ok(Signal {
        kind,
        seen: sys::signal::count(kind.0),
        fd: AsyncFd::from_nonblocking(fd),
        stay: Stay::new(),
        gave_way: GaveWay::NO,
    })
}

/// Waits until somebody presses ctrl-c, or sends `SIGINT` in another way. It listens from this call on, not from its first poll on.
///
/// After the first of these calls, ctrl-c does not end the process any more.
///
/// # Errors
///
/// The future gives the errors of [`signal()`] and of [`Signal::recv`].
///
/// # Cancel safety
///
/// Dropping the future loses a ctrl-c that came while it was there and that it has not told.
///
/// # Examples
///
/// ```no_run
/// # use waterwheel::net::TcpListener;
/// # async fn serve(listener: TcpListener) {}
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:7000").await?;
///     waterwheel::spawn(serve(listener));
///     waterwheel::signal::ctrl_c().await?;
///     println!("going down");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn ctrl_c() -> CtrlC {
    CtrlC {
        signal: signal(SignalKind::interrupt()).map_err(Some),
        gave_way: GaveWay::NO,
    }
}

/// A listener to one kind of signal; made by [`signal()`].
///
/// It is a [`Stream`] that never ends.
pub struct Signal {
    kind: SignalKind,
    /// How many have come that it knows of.
    seen: u64,
    fd: AsyncFd<OwnedFd>,
    stay: Stay<Reading>,
    gave_way: GaveWay,
}

impl Signal {
    /// Waits for the next signal of its kind, or tells of those that have come since it last did, as one.
    ///
    /// # Errors
    ///
    /// The kernel's, from `epoll_ctl(2)`, if the descriptor cannot be registered; that there is no runtime, if it has to wait and is
    /// polled outside of all.
    ///
    /// # Cancel safety
    ///
    /// No signal is lost: the next call tells of it.
    pub fn recv(&mut self) -> Recv<'_> {
        Recv { signal: self }
    }

    /// As [`recv`](Self::recv), for futures written by hand.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        const CALL: Call<Reading> = Call::new("Signal::recv");
        let Self {
            kind,
            seen,
            fd,
            stay,
            gave_way,
        } = self;
        ready!(budget::poll_left(cx, gave_way));
        // The descriptor is never read: readiness only says that it is time to look at the count.
        let look = |_: &OwnedFd| {
            let count = sys::signal::count(kind.0);
            if count == *seen {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            *seen = count;
            Ok(1)
        };
        let told = ready!(stay.poll_transfer(fd, CALL, 1, look, || cx.waker().clone()));
        budget::spend();
        Poll::Ready(told.map(drop))
    }

    /// What it listens to.
    #[must_use]
    pub fn kind(&self) -> SignalKind {
        self.kind
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        self.stay.leave(&self.fd);
    }
}

impl Stream for Signal {
    type Item = io::Result<()>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Some)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The future of [`Signal::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a> {
    signal: &'a mut Signal,
}

impl Future for Recv<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.signal.poll_recv(cx)
    }
}

/// The future of [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CtrlC {
    /// An error is given once.
    signal: Result<Signal, Option<io::Error>>,
    gave_way: GaveWay,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { signal, gave_way } = &mut *self;
        match signal {
            Ok(signal) => signal.poll_recv(cx),
            Err(error) => {
                ready!(budget::poll_spend(cx, gave_way));
                Poll::Ready(Err(error.take().unwrap_or_else(|| {
                    io::Error::other("`ctrl_c` was polled again after it had given its error")
                })))
            }
        }
    }
}
