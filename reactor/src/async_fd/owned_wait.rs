//! [`OwnedWait`]: a wait at a descriptor that borrows nothing, for what is woken and goes on by itself.

use super::AsyncFd;
use super::interest_kind::InterestKind;
use super::operation::Operation;
use super::registration::Seen;
use crate::reactor::{Reactor, Source};
use crate::source::{Drained, Interest, WaitKey};
use crate::sync::lock;
use crate::sys::socket::MAX_TRANSFER;
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::task::{Poll, Waker};
use waterwheel_poll_context::contain::contain_panic;

/// What [`Wait`](crate::Wait) is for a future, for who is no future: a queue that flushes itself, whose waker does the
/// work when it is woken.
///
/// It stands beside the descriptor, often in one structure with it, and so is told at each call which one it is: always
/// the same. It counts no [budget](waterwheel_poll_context::budget), for it works where no task is polled; who uses it bounds what it
/// does at a time, and comes back [at the next turn](Self::next_turn).
///
/// Dropped, it leaves its waker where that is, to be woken once for nothing. [`leave`](Self::leave) takes it back.
///
/// # Examples
///
/// ```
/// use std::os::unix::net::UnixStream;
/// use std::io::Read;
/// use std::task::{Poll, Waker};
/// use waterwheel::reactor::{AsyncFd, Operation, Reactor, Reading, OwnedWait};
///
/// let reactor = Reactor::new()?;
/// let _entered = reactor.enter();
/// let (ours, mut theirs) = UnixStream::pair()?;
/// let ours = AsyncFd::new(ours)?;
///
/// let mut stay = OwnedWait::<Reading>::new();
/// let mut buffer = [0; 16];
/// let mut read = || {
///     let call = Operation::new("an example");
///     stay.poll_transfer(&ours, call, 16, |mut fd| fd.read(&mut buffer), || Waker::noop().clone())
/// };
/// assert!(read().is_pending());
/// std::io::Write::write_all(&mut theirs, b"water")?;
/// reactor.turn(None)?;
/// assert!(matches!(read(), Poll::Ready(Ok(5))));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct OwnedWait<W: InterestKind> {
    key: Option<WaitKey>,
    way: PhantomData<W>,
}

impl<W: InterestKind> OwnedWait<W> {
    /// One that has not waited yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            key: None,
            way: PhantomData,
        }
    }

    /// Transfers up to `wanted` bytes through a *stream socket*, as [`Wait::poll_transfer`](crate::Wait::poll_transfer)
    /// does; pending, it has left what `waker` gives to be woken. That may happen before this returns.
    ///
    /// # Errors
    ///
    /// What `operation` gives; what `epoll_ctl(2)` gives if the descriptor cannot be registered; that there is no
    /// reactor to register it with: the thread has [entered](Reactor::enter) none, or one that has been closed.
    pub fn poll_transfer<T: AsFd>(
        &mut self,
        fd: &AsyncFd<T>,
        call: Operation<W>,
        wanted: usize,
        mut operation: impl FnMut(&T) -> io::Result<usize>,
        waker: impl Fn() -> Waker,
    ) -> Poll<io::Result<usize>> {
        loop {
            let seen = fd.see();
            if seen.is_ready(W::INTEREST) {
                match operation(fd.get_ref()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if let Err(error) = register(fd, seen, call) {
                            return Poll::Ready(Err(error));
                        }
                        continue;
                    }
                    result => {
                        // Ready again: the waker is taken, or about to be (see `source/mod.rs`).
                        self.key = None;
                        if let Ok(count) = result
                            && count < wanted
                            && count != 0
                            && count != MAX_TRANSFER
                        {
                            seen.drained(W::INTEREST, Drained::Short);
                        }
                        return Poll::Ready(result);
                    }
                }
            }
            if seen.park(W::INTEREST, &mut self.key, &waker()) {
                return Poll::Pending;
            }
        }
    }

    /// Waits until the kernel says that the direction is ready, or closed, or in error, as [`Wait::poll_ready`](crate::Wait::poll_ready) does;
    /// pending, it has left `waker` to be woken. That may happen before this returns.
    ///
    /// Readiness is a hint: the next call may still say `WouldBlock` ([`AsyncFd::try_io`] then makes this wait again).
    ///
    /// # Errors
    ///
    /// As [`poll_transfer`](Self::poll_transfer).
    ///
    /// # Examples
    ///
    /// A listener that another thread may close while this one waits for connections:
    ///
    /// ```
    /// use std::net::{TcpListener, TcpStream};
    /// use std::sync::Mutex;
    /// use std::task::{Poll, Waker};
    /// use waterwheel::reactor::{AsyncFd, Operation, Reactor, Reading, OwnedWait};
    ///
    /// let reactor = Reactor::new()?;
    /// let _entered = reactor.enter();
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// let shared = Mutex::new(Some(AsyncFd::new(listener)?));
    ///
    /// let mut stay = OwnedWait::<Reading>::new();
    /// let mut readable = || match &*shared.lock().unwrap() {
    ///     None => Poll::Ready(None),
    ///     Some(listener) => stay.poll_ready(listener, Operation::new("an example"), Waker::noop()).map(Some),
    /// };
    /// assert!(readable().is_pending());
    /// let _client = TcpStream::connect(address)?;
    /// reactor.turn(None)?;
    /// assert!(matches!(readable(), Poll::Ready(Some(Ok(())))));
    /// *shared.lock().unwrap() = None;
    /// assert!(matches!(readable(), Poll::Ready(None)));
    /// assert!(TcpStream::connect(address).is_err());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn poll_ready<T: AsFd>(
        &mut self,
        fd: &AsyncFd<T>,
        call: Operation<W>,
        waker: &Waker,
    ) -> Poll<io::Result<()>> {
        loop {
            let seen = fd.see();
            if !seen.is_registered() {
                // Nothing is known of it. Epoll tells the present state when a descriptor is added.
                if let Err(error) = register(fd, seen, call) {
                    return Poll::Ready(Err(error));
                }
            } else if seen.is_reported(W::INTEREST) {
                // The waker is taken, or about to be (see `source/mod.rs`).
                self.key = None;
                return Poll::Ready(Ok(()));
            } else if seen.is_ready(W::INTEREST) {
                // Assumed, and not reported: as in `Wait::poll_ready`.
                seen.forget_assumption(W::INTEREST);
            } else if seen.park(W::INTEREST, &mut self.key, waker) {
                return Poll::Pending;
            }
        }
    }

    /// Leaves `waker` to be woken in the next turn of the descriptor's reactor, if the direction is ready then, or else
    /// when it is: for who has done enough for this time, and has not met `WouldBlock`, which alone lets an edge come.
    ///
    /// # Errors
    ///
    /// As [`poll_transfer`](Self::poll_transfer); nobody will be woken.
    pub fn next_turn<T: AsFd>(
        &mut self,
        fd: &AsyncFd<T>,
        call: Operation<W>,
        waker: &Waker,
    ) -> io::Result<()> {
        loop {
            let seen = fd.see();
            if !seen.is_registered() {
                register(fd, seen, call)?;
            }
            if let Some(source) = fd.source()
                && source.park_for_report(W::INTEREST, &mut self.key, waker)?
            {
                return Ok(());
            }
        }
    }

    /// Takes the waker back: it does not wait any more.
    pub fn leave<T: AsFd>(&mut self, fd: &AsyncFd<T>) {
        if let Some(key) = self.key.take() {
            contain_panic(|| fd.forget_waker(key));
        }
    }
}

impl<W: InterestKind> Default for OwnedWait<W> {
    fn default() -> Self {
        Self::new()
    }
}

/// The direction has said `WouldBlock`, or is to be treated so: see [`AsyncFd::would_block`]. Without a reactor this is
/// an error, not a panic, for who calls this may be a thread that never polls.
fn register<T: AsFd, W: InterestKind>(
    fd: &AsyncFd<T>,
    seen: Seen<'_>,
    call: Operation<W>,
) -> io::Result<()> {
    let has_runtime = || Reactor::current().is_some_and(|reactor| reactor.is_of_this_process());
    if !seen.is_registered() && !has_runtime() {
        return Err(io::Error::other(format!(
            "`{}` had to wait, and there is no Waterwheel runtime of this process to wait in",
            call.name
        )));
    }
    fd.would_block(seen, call)
}

impl Source {
    /// Stores a waker for `direction`, ready or not, and has the kernel tell once more what holds, which takes the
    /// waker in the next turn. `false`: it is registered nowhere, and nothing is left.
    fn park_for_report(
        &self,
        direction: Interest,
        key: &mut Option<WaitKey>,
        waker: &Waker,
    ) -> io::Result<bool> {
        let waker = waker.clone();
        let back = lock(&self.waiters).store(direction, key, waker);
        drop(back);
        // Only now: the event may be dispatched at once, by another thread.
        let told = match &*lock(&self.home) {
            Some(home) => home.reactor.report_again(home.token).map(|()| true),
            None => Ok(false),
        };
        if !matches!(told, Ok(true)) {
            self.take_back(key);
        }
        told
    }
}
