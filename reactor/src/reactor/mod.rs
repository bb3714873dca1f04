//! The [`Reactor`]: one epoll instance, who is registered there, and the turn that dispatches its events.
//!
//! - [`instance`]: its descriptors, which may be made late; how its owner sleeps in two places and misses nothing in either.
//! - [`turn`]: the wait, the dispatch, and what ends a wait.
//! - [`register`]: who comes in, who leaves, and the end of all.
//! - [`current`]: which reactor a thread has entered.
//! - [`wakers`]: waking many.
//! - [`inherited`]: what a child of `fork` does with what its parent has registered.

mod current;
#[cfg(not(loom))]
mod inherited;
mod instance;
mod register;
mod turn;
mod wakers;

pub use self::current::Enter;
pub(crate) use self::wakers::wake_all;

use self::instance::Instance;
use crate::park::{ClockWatch, Doorbell, Parker};
use crate::source;
use crate::sync::{Mutex, OnceLock};
#[cfg(loom)]
use crate::sys::epoll::Epoll;
use crate::sys::fork::Process;
use std::io;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// A source that registers with a [`Reactor`].
pub(crate) type Source = source::Source<Reactor>;

/// An epoll instance with the descriptors registered in it.
///
/// A reactor belongs to the thread that sleeps in [`turn`](Self::turn), but is `Sync`: any thread may register,
/// deregister, [`unpark`](Self::unpark), or take a [`turn_now`](Self::turn_now).
///
/// Descriptors come in by way of [`AsyncFd`](crate::AsyncFd), at the first call that would block, and register with
/// the reactor that the polling thread has [entered](Self::enter).
///
/// A reactor belongs to the process that made it. A child of `fork` shares its epoll instance, eventfd and timerfd with the
/// parent, so in a child the parent's reactor does nothing to them: a turn and a registration give an error, and the rest has no effect.
/// A descriptor that was registered in the parent registers anew, with a reactor of the child's, when it is next waited for there.
///
/// Rests on `epoll(7)`, `eventfd(2)` and `timerfd_create(2)`.
///
/// # Examples
///
/// A loop of one's own, without an executor:
///
/// ```
/// use std::future::Future;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use std::pin::pin;
/// use std::task::{Context, Poll, Waker};
/// use waterwheel::reactor::{AsyncFd, Interest, Reactor};
///
/// let reactor = Reactor::new()?;
/// let _entered = reactor.enter();
/// let (ours, mut theirs) = UnixStream::pair()?;
/// let ours = AsyncFd::new(ours)?;
///
/// let mut buffer = [0; 8];
/// let mut reading = pin!(ours.async_io(Interest::Read, |mut fd| fd.read(&mut buffer)));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(reading.as_mut().poll(&mut cx).is_pending());
///
/// theirs.write_all(b"water")?;
/// let read = loop {
///     reactor.turn(None)?;
///     if let Poll::Ready(read) = reading.as_mut().poll(&mut cx) {
///         break read?;
///     }
/// };
/// assert_eq!(read, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Reactor {
    /// The process that made it, the only one that touches what the kernel has of it.
    process: Process,
    parker: Parker,
    /// What the owner sleeps in. A [lazy](Self::lazy) reactor has none until somebody needs it.
    instance: OnceLock<Instance>,
    /// What it sleeps at until then.
    doorbell: Doorbell,
    /// Held by the one who makes the instance.
    making: Mutex<()>,
    clock: ClockWatch,
    sources: Mutex<source::Sources<Reactor>>,
}

impl Reactor {
    /// Makes a reactor: an epoll instance, an eventfd and a timerfd, all closed on exec.
    ///
    /// # Errors
    ///
    /// The kernel's: `EMFILE` or `ENFILE` when descriptors have run out, `ENOMEM`.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Self::with(OnceLock::from(Instance::new()?)))
    }

    /// Makes a reactor that has no descriptors until it needs them, which is when one is registered or
    /// [the clock is watched](Self::watch_clock): for a thread that may only ever wait for deadlines and for other threads. The registration
    /// gives the kernel's error if there are none.
    ///
    /// Until then its owner sleeps on a futex, which ends a wait some 50 microseconds after the deadline (see `PR_SET_TIMERSLACK` in
    /// `prctl(2)`).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use std::time::{Duration, Instant};
    /// use waterwheel::reactor::Reactor;
    ///
    /// let reactor = Reactor::lazy();
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// reactor.turn(Some(deadline))?;
    /// assert!(Instant::now() >= deadline);
    /// thread::scope(|scope| {
    ///     scope.spawn(|| reactor.unpark());
    ///     reactor.turn(None)
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn lazy() -> Arc<Self> {
        Self::with(OnceLock::new())
    }

    fn with(instance: OnceLock<Instance>) -> Arc<Self> {
        let reactor = Arc::new(Self {
            process: Process::current(),
            parker: Parker::new(),
            instance,
            doorbell: Doorbell::new(),
            making: Mutex::new(()),
            clock: ClockWatch::new(),
            sources: Mutex::new(source::Sources::default()),
        });
        #[cfg(not(loom))]
        inherited::note(&reactor);
        reactor
    }

    /// Whether this process made it: `false` in a child that `fork` has made since.
    #[inline]
    #[must_use]
    pub fn is_of_this_process(&self) -> bool {
        self.process.is_current()
    }

    /// Has `waker` woken, in a turn, each time the wall clock jumps: when it is set, and when it goes on after a suspension. In
    /// place of the waker that was given before.
    ///
    /// Until the reactor is [closed](Self::close). The first call makes a descriptor: a timerfd on `CLOCK_REALTIME`, with
    /// `TFD_TIMER_CANCEL_ON_SET`.
    ///
    /// # Errors
    ///
    /// The kernel's: `EMFILE` or `ENFILE` when descriptors have run out, `ENOMEM`, `ENOSPC` when there are too many in epoll
    /// instances.
    pub fn watch_clock(&self, waker: Waker) -> io::Result<()> {
        if !self.is_of_this_process() {
            return Err(elsewhere());
        }
        self.clock.begin(&self.instance()?.epoll, waker)
    }

    /// The models' kernel is asked what it has, and told what happens.
    #[cfg(loom)]
    #[allow(dead_code, reason = "for the models alone")]
    pub(crate) fn epoll(&self) -> &Epoll {
        &self.instance.get().expect("it has been made").epoll
    }
}

/// A reactor's waker [unparks](Reactor::unpark) it: for timers, or whatever else ends its wait from outside.
impl Wake for Reactor {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.unpark();
    }
}

#[cfg(not(loom))]
impl Drop for Reactor {
    fn drop(&mut self) {
        inherited::forget(self);
    }
}

#[cold]
fn elsewhere() -> io::Error {
    io::Error::other(
        "the runtime was made by another process, of which `fork` has made this one, and its descriptors and threads are that \
         process's: make a new runtime here",
    )
}
