//! What leaf futures use: [`AsyncFd`], any descriptor, awaited.
//!
//! - [`wait`]: the loop of try, clear, park that each of them runs; [`owned_wait`]: the same for what is no future, and borrows nothing.
//! - [`operation`], [`interest_kind`]: which way a wait goes, and by what name.
//! - [`registration`]: the lazy way of a descriptor into a reactor.
//! - [`nonblocking`]: which open files are to be put back into blocking mode.

mod interest_kind;
mod nonblocking;
mod operation;
mod owned_wait;
mod registration;
mod wait;

pub use self::interest_kind::{InterestKind, Reading, Writing};
pub use self::operation::Operation;
pub use self::owned_wait::OwnedWait;
pub use self::registration::missing_runtime;
pub use self::wait::Wait;

use self::registration::{Registration, Seen};
use crate::reactor::Source;
use crate::source::{Interest, WaitKey};
use crate::sys::fork::Process;
use std::future::Future;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A descriptor that can be awaited: a pipe, an inotify or perf descriptor, a device, a socket of a kind that
/// Waterwheel has no type for.
///
/// It registers with the current reactor at the first call that would block, edge-triggered and for both
/// directions, and takes itself out before the descriptor is closed. Any number of tasks may wait for either direction at the same
/// time. If the runtime it is registered with ends, it registers with the next one it is polled in.
///
/// What epoll cannot watch (a regular file, a directory, `/dev/null`) gives `EPERM` when it is first waited for, and a
/// descriptor that two of these hold gives `EEXIST` in the second: hold a duplicate of it instead.
///
/// The descriptor that `T` refers to must stay the same while it is in here.
///
/// # Non-blocking mode
///
/// [`new`](Self::new) puts the descriptor into non-blocking mode. The mode belongs to the *open file*, which others may have too: the
/// standard input of a program that was started in a terminal is the shell's as well, and often one open file with its standard output.
/// So when this is dropped, or taken [apart](Self::into_inner), the open file goes back to blocking mode, if it was `new` that has
/// changed it; of several that hold one open file, with the last. A process that ends without dropping it (by a signal,
/// [`std::process::exit`], or a panic that aborts) leaves the open file in non-blocking mode. Meanwhile whatever else reads or writes the
/// open file must expect `WouldBlock`: `println!` does not. A child of `fork` does not change the mode back.
///
/// [`from_nonblocking`](Self::from_nonblocking) never changes the mode.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use waterwheel::reactor::{AsyncFd, Interest};
///
/// waterwheel::block_on(async {
///     let (reader, mut writer) = std::io::pipe()?;
///     let reader = AsyncFd::new(reader)?;
///     waterwheel::spawn(async move { writer.write_all(b"turn") });
///     let mut buffer = [0; 16];
///     let read = reader.async_io(Interest::Read, |mut pipe| pipe.read(&mut buffer)).await?;
///     assert_eq!(&buffer[..read], b"turn");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct AsyncFd<T: AsFd> {
    /// Before `inner`, so that it is dropped before the descriptor is closed.
    registration: Registration,
    /// The process that has put the open file into non-blocking mode, if it is to be put back.
    restores: Option<Process>,
    inner: T,
}

impl<T: AsFd> AsyncFd<T> {
    /// Takes a descriptor, and puts it in non-blocking mode, until this is dropped: see [above](Self#non-blocking-mode).
    ///
    /// # Errors
    ///
    /// The kernel's, from `fcntl(2)` and `fstat(2)`.
    pub fn new(inner: T) -> io::Result<Self> {
        let restores = nonblocking::enter(inner.as_fd())?;
        let mut taken = Self::from_nonblocking(inner);
        taken.restores = restores;
        Ok(taken)
    }

    /// Takes a descriptor that is in non-blocking mode already. One that is not blocks its worker, and so does one that another
    /// holder of the same open file puts back into blocking mode: the mode is not of the descriptor alone.
    pub const fn from_nonblocking(inner: T) -> Self {
        Self {
            registration: Registration::new(),
            restores: None,
            inner,
        }
    }

    /// The descriptor's owner.
    #[inline]
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Takes the descriptor out of the reactor, and returns its owner. The descriptor is in the mode in which [`new`](Self::new)
    /// found it, unless another `AsyncFd` holds the same open file; from [`from_nonblocking`](Self::from_nonblocking) it stays in
    /// non-blocking mode.
    pub fn into_inner(self) -> T {
        self.restore();
        let this = ManuallyDrop::new(self);
        // SAFETY: neither field is used again, and `this` is not dropped.
        let (registration, inner) =
            unsafe { (ptr::read(&this.registration), ptr::read(&this.inner)) };
        drop(registration);
        inner
    }

    /// Puts the open file back into blocking mode, if that is to be done.
    fn restore(&self) {
        if let Some(process) = self.restores {
            nonblocking::leave(self.inner.as_fd(), process);
        }
    }

    /// Waits until the kernel reports something to read, or the end, or an error.
    ///
    /// Readiness is a hint and may be stale: read by way of [`try_io`](Self::try_io), and wait again if that says
    /// `WouldBlock`. Until a `WouldBlock` has been met so, this is ready each time that it is called.
    ///
    /// # Errors
    ///
    /// The kernel's, from `epoll_ctl(2)`, if the descriptor cannot be registered.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the readiness stays.
    pub fn readable(&self) -> Readable<'_, T> {
        let wait = Wait::new(self);
        Readable { wait }
    }

    /// Waits until the kernel reports that it can be written to, or that the peer has closed, or an error. As
    /// [`readable`](Self::readable) in all else.
    pub fn writable(&self) -> Writable<'_, T> {
        let wait = Wait::new(self);
        Writable { wait }
    }

    /// Runs `operation` if the descriptor is thought to be ready in `direction`, or nobody has asked the kernel yet whether it is, and does
    /// not wait.
    ///
    /// If it says `WouldBlock`, the readiness is cleared, so that [`readable`](Self::readable) or
    /// [`writable`](Self::writable) waits for the next event.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the descriptor is not ready; what `operation` gives.
    pub fn try_io<R>(
        &self,
        direction: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let seen = self.see();
        if !seen.is_ready(direction) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = operation(&self.inner);
        if let Err(error) = &result {
            seen.failed(direction, error);
        }
        result
    }

    /// Runs `operation`, a non-blocking call, until it gives something else than `WouldBlock`, waiting in between.
    ///
    /// # Errors
    ///
    /// What `operation` gives; the kernel's, from `epoll_ctl(2)`, if the descriptor cannot be registered.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// `operation` runs only inside a poll, so dropping the future never interrupts it: when it has succeeded, the
    /// future is ready.
    pub fn async_io<R, F>(&self, direction: Interest, operation: F) -> AsyncIo<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        AsyncIo {
            wait: match direction {
                Interest::Read => EitherWay::Reading(Wait::new(self)),
                Interest::Write => EitherWay::Writing(Wait::new(self)),
            },
            operation,
        }
    }

    /// Tells those who wait that `direction` has been shut down, so that they make their calls again: call it after
    /// `shutdown(2)`, whose own effect it does not have.
    ///
    /// Epoll does not tell of every shutdown. A full Unix socket whose writing is shut down has no event, so that who waits
    /// for room would wait on, though the call would give `EPIPE` now. The sockets of `waterwheel::net` call this
    /// themselves.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Write};
    /// use std::net::Shutdown;
    /// use std::os::unix::net::UnixStream;
    /// use waterwheel::reactor::{AsyncFd, Interest};
    ///
    /// waterwheel::block_on(async {
    ///     let (ours, _theirs) = UnixStream::pair()?;
    ///     let ours = std::sync::Arc::new(AsyncFd::new(ours)?);
    ///     while ours.get_ref().write(&[0; 4096]).is_ok() {}
    ///     let waits = std::sync::Arc::clone(&ours);
    ///     let waits = waterwheel::spawn(async move {
    ///         waits.async_io(Interest::Write, |mut stream| stream.write(b"more")).await
    ///     });
    ///     waterwheel::yield_now().await;
    ///     ours.get_ref().shutdown(Shutdown::Write)?;
    ///     ours.mark_closed(Interest::Write);
    ///     let error = waits.await?.unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn mark_closed(&self, direction: Interest) {
        self.registration.mark_closed(direction);
    }

    /// Whether the kernel has told that `direction` has ended, or [`mark_closed`](Self::mark_closed) has: for reading, that
    /// nothing will come behind what is there.
    ///
    /// It asks nobody. Before the descriptor has first been waited for, the kernel has told nothing; and a `WouldBlock`
    /// takes back what was told.
    #[must_use]
    pub fn is_closed(&self, direction: Interest) -> bool {
        self.see().is_closed(direction)
    }

    #[inline]
    pub(crate) fn see(&self) -> Seen<'_> {
        self.registration.see()
    }

    #[inline]
    pub(crate) fn would_block<W: InterestKind>(
        &self,
        seen: Seen<'_>,
        call: Operation<W>,
    ) -> io::Result<()> {
        self.registration
            .would_block(self.inner.as_fd(), seen, W::INTEREST, call.name)
    }

    pub(crate) fn source(&self) -> Option<&Arc<Source>> {
        self.registration.source()
    }

    pub(crate) fn forget_waker(&self, key: WaitKey) {
        if let Some(source) = self.source() {
            source.forget_waker(key);
        }
    }
}

impl<T: AsFd> Drop for AsyncFd<T> {
    fn drop(&mut self) {
        self.restore();
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// The future of [`AsyncFd::readable`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Readable<'a, T: AsFd> {
    wait: Wait<'a, T, Reading>,
}

/// The future of [`AsyncFd::writable`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Writable<'a, T: AsFd> {
    wait: Wait<'a, T, Writing>,
}

impl<T: AsFd> Future for Readable<'_, T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const CALL: Operation<Reading> = Operation::new("AsyncFd::readable");
        self.wait.poll_ready(cx, CALL)
    }
}

impl<T: AsFd> Future for Writable<'_, T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const CALL: Operation<Writing> = Operation::new("AsyncFd::writable");
        self.wait.poll_ready(cx, CALL)
    }
}

/// A wait whose direction is told at run time.
#[derive(Debug)]
enum EitherWay<'a, T: AsFd> {
    Reading(Wait<'a, T, Reading>),
    Writing(Wait<'a, T, Writing>),
}

/// The future of [`AsyncFd::async_io`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct AsyncIo<'a, T: AsFd, F> {
    wait: EitherWay<'a, T>,
    operation: F,
}

/// Nothing in it is pinned: the operation is called through `&mut`.
impl<T: AsFd, F> Unpin for AsyncIo<'_, T, F> {}

impl<T: AsFd, R, F: FnMut(&T) -> io::Result<R>> Future for AsyncIo<'_, T, F> {
    type Output = io::Result<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        const NAME: &str = "AsyncFd::async_io";
        match &mut this.wait {
            EitherWay::Reading(wait) => wait.poll_io(cx, Operation::new(NAME), &mut this.operation),
            EitherWay::Writing(wait) => wait.poll_io(cx, Operation::new(NAME), &mut this.operation),
        }
    }
}
