//! Signals of the operating system, as a stream: [`signal()`], and [`ctrl_c`] for the one that people send.
//!
//! The first listener to a kind of signal sets a handler for it. From then on the signal's default action (for `SIGINT`, ending the
//! process) is disabled, even when nothing listens any more. [`restore`] puts the former action back. A handler that was set before
//! is still called.
//!
//! Any number of listeners, in any number of runtimes, hear of each kind. Signals that come faster than a listener takes them are told
//! once, as the kernel itself does.
//!
//! A child that `fork` makes inherits the handlers. What it receives does not reach the listeners of its parent. A listener that was
//! made in the parent hears nothing in the child; make a new one there.
//!
//! Rests on `sigaction(2)` and `eventfd(2)`: the handler counts and writes, and each listener waits, through its reactor, for a
//! descriptor of its own. All signals are blocked while the handler runs, the handler that was there before included.

use crate::async_fd::AsyncFd;
use crate::async_fd::Operation;
use crate::async_fd::OwnedWait;
use crate::async_fd::Reading;
use crate::sys;
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
        stay: OwnedWait::new(),
        gave_way: GaveWay::NO,
    })
}

/// Waits until somebody presses ctrl-c, or sends `SIGINT` in another way. The first call listens from then on, not from its first poll
/// on. A later call also tells of a ctrl-c that came since the last one was told, so a loop may call it anew in each round.
///
/// All futures that wait are told of a ctrl-c. A task that calls this anew in each round, beside another task that does so too, may find
/// that the other one was told while it waited for something else: give each such task a [`Signal`] instead, by [`signal()`].
///
/// # Twice within a second ends the process
///
/// After the first call, ctrl-c does not end the process any more. A user who presses it in vain presses it again: when a `SIGINT` comes
/// within a second after another that no listener has been told of, the process ends by the signal's default action. That helps when the
/// program has stopped listening, or is stuck. It holds only if `SIGINT` would have ended the process before the first call, and not for the
/// first process of a container, which the kernel does not end so. [`end_at_second_ctrl_c`] turns it off. [`restore`] gives ctrl-c its
/// default action back altogether.
///
/// # Errors
///
/// The future gives the errors of [`signal()`] and of [`Signal::recv`].
///
/// # Cancel safety
///
/// Dropping the future loses nothing: the next call tells of a ctrl-c that came meanwhile.
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
    let signal = signal(SignalKind::interrupt()).map(|mut signal| {
        signal.seen = sys::signal::await_ctrl_c();
        signal
    });
    CtrlC {
        signal: signal.map_err(Some),
        gave_way: GaveWay::NO,
    }
}

/// Whether a second `SIGINT` within a second ends the process, when no listener has been told of the first: see [`ctrl_c`]. It
/// does, unless this is called with `false`.
///
/// It is a setting of the whole process, for a program that brings its own way to be stopped by force.
///
/// # Examples
///
/// ```
/// waterwheel::signal::end_at_second_ctrl_c(false);
/// ```
pub fn end_at_second_ctrl_c(ends: bool) {
    sys::signal::end_at_second_ctrl_c(ends);
}

/// Puts back the action that a signal had before the first listener: the default action, mostly.
///
/// Listeners that are there hear nothing from then on. The next call of [`signal()`] or [`ctrl_c`] sets the handler again. For a kind
/// of signal that nothing has listened to, this does nothing.
///
/// # Errors
///
/// `ResourceBusy` if other code has set a handler after Waterwheel did, which is left as it is; the kernel's, from `sigaction(2)`.
///
/// # Examples
///
/// The first ctrl-c ends the server in good order, and the second one ends the process:
///
/// ```no_run
/// use waterwheel::signal::{SignalKind, ctrl_c, restore};
///
/// # async fn finish() {}
/// waterwheel::block_on(async {
///     ctrl_c().await?;
///     restore(SignalKind::interrupt())?;
///     finish().await;
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn restore(kind: SignalKind) -> io::Result<()> {
    sys::signal::restore(kind.0)
}

/// A listener to one kind of signal; made by [`signal()`].
///
/// It is a [`Stream`](https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html) that never ends.
pub struct Signal {
    kind: SignalKind,
    /// How many have come that it knows of.
    seen: u64,
    fd: AsyncFd<OwnedFd>,
    stay: OwnedWait<Reading>,
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
        const CALL: Operation<Reading> = Operation::new("Signal::recv");
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
            sys::signal::take(kind.0, count);
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
