//! The [`Reactor`]: one epoll instance, and the turn that dispatches its events.
//!
//! # The two places where an owner sleeps
//!
//! The owner sleeps in `epoll_wait(2)`, or, while the reactor has no descriptors, at a [`Doorbell`]. Which of the two is decided by one look at
//! [`instance`](Reactor::instance) after the unpark word says "parked". A thread that unparks it looks there too, after it has found the word to
//! say so, and writes the eventfd or rings. The instance may be made by any thread, at any moment between these looks, so the two may
//! decide differently. Therefore a thread that has made the instance does both, after the instance can be seen:
//!
//! - *The owner has not seen the instance, and the other has.* The ring of the maker ends the owner's wait. No earlier wait has
//!   consumed that ring, for then the owner would have seen the instance.
//! - *The owner has seen the instance, and the other has not.* The maker's write to the eventfd ends the owner's wait. No earlier wait has consumed
//!   that event: the owner would have seen the instance before it parked this time, and so would the other, which has found it parked.
//!
//! `tests/loom_reactor.rs` models it.

use crate::alarm::Alarm;
use crate::clock_watch::ClockWatch;
use crate::direction::Direction;
use crate::doorbell::Doorbell;
use crate::home::Home;
use crate::parker::Parker;
use crate::readiness::Ready;
use crate::source::Source;
use crate::sources::{Sources, Tenant};
use crate::spare_pipes;
use crate::sync::{Mutex, OnceLock, lock};
use crate::sys::clock::real_now;
use crate::sys::epoll::{CAPACITY, Epoll, Event, Wait};
use crate::sys::eventfd::EventFd;
use crate::sys::fork::Process;
use crate::token::Token;
use std::cell::RefCell;
use std::io;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

thread_local! {
    /// Nothing in it needs a destructor, so it can be used in the destructors of a thread's other thread-locals, in any order. The guard
    /// that has put something in takes it out; if the guard is leaked, so is that.
    static CURRENT: RefCell<ManuallyDrop<Option<Arc<Reactor>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Makes `reactor` the thread's, and returns what was.
fn replace_current(reactor: Option<Arc<Reactor>>) -> Option<Arc<Reactor>> {
    ManuallyDrop::into_inner(CURRENT.replace(ManuallyDrop::new(reactor)))
}

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
/// use waterwheel::reactor::{AsyncFd, Direction, Reactor};
///
/// let reactor = Reactor::new()?;
/// let _entered = reactor.enter();
/// let (ours, mut theirs) = UnixStream::pair()?;
/// let ours = AsyncFd::new(ours)?;
///
/// let mut buffer = [0; 8];
/// let mut reading = pin!(ours.async_io(Direction::Read, |mut fd| fd.read(&mut buffer)));
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
    sources: Mutex<Sources>,
}

/// The descriptors of a reactor.
#[derive(Debug)]
struct Instance {
    epoll: Epoll,
    wake: EventFd,
    alarm: Alarm,
}

impl Instance {
    fn new() -> io::Result<Self> {
        let instance = Self {
            epoll: Epoll::new()?,
            wake: EventFd::new()?,
            alarm: Alarm::new()?,
        };
        let own = [
            (instance.wake.as_fd(), Token::WAKE),
            (instance.alarm.as_fd(), Token::ALARM),
        ];
        for (fd, token) in own {
            instance.epoll.add_readable(fd, token.to_bits())?;
        }
        Ok(instance)
    }
}

impl Reactor {
    /// The wakers that a turn's buffer keeps room for between turns.
    const KEEP_WAKERS: usize = 64;

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
            sources: Mutex::new(Sources::default()),
        });
        #[cfg(not(loom))]
        crate::inherited::note(&reactor);
        reactor
    }

    /// The descriptors, which are made if there are none.
    #[inline]
    fn instance(&self) -> io::Result<&Instance> {
        match self.instance.get() {
            Some(instance) => Ok(instance),
            None => self.make_instance(),
        }
    }

    #[cold]
    fn make_instance(&self) -> io::Result<&Instance> {
        let making = lock(&self.making);
        let is_missing = self.instance.get().is_none();
        if is_missing {
            let made = self.instance.set(Instance::new()?);
            debug_assert!(made.is_ok(), "it is set under a lock");
        }
        drop(making);
        let instance = self.instance.get().expect("it has been made");
        if is_missing {
            // Both, and now that the instance can be seen: see above.
            self.doorbell.ring();
            let _ = instance.wake.notify();
        }
        Ok(instance)
    }

    /// Whether this process made it: `false` in a child that `fork` has made since.
    #[inline]
    #[must_use]
    pub fn is_of_this_process(&self) -> bool {
        self.process.is_current()
    }

    /// Makes this the reactor that descriptors polled on this thread register with, until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> Enter {
        Enter {
            previous: replace_current(Some(Arc::clone(self))),
            this_thread: PhantomData,
        }
    }

    /// The reactor that this thread has entered.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(|current| Option::clone(current))
    }

    /// Waits until something happens, `deadline` passes or another thread calls [`unpark`](Self::unpark), and wakes
    /// who waited for it. Returns the number of descriptors that had something to tell.
    ///
    /// With no deadline it may wait for ever. A deadline that has passed does not sleep. It may return before its
    /// deadline with nothing to tell (a signal, an earlier deadline): call it again. Only one thread at a time,
    /// the owner, may call this.
    ///
    /// The deadline goes to the timerfd, to the nanosecond, and only if it is nearer than what the timerfd is
    /// armed with.
    ///
    /// # Errors
    ///
    /// What `epoll_wait(2)` and `timerfd_settime(2)` report. None is known that a sound program can cause, but the one in a child of
    /// `fork`, which has no part in its parent's reactor.
    pub fn turn(&self, deadline: Option<Instant>) -> io::Result<usize> {
        self.turn_then(deadline, || ())
    }

    /// As [`turn`](Self::turn), and runs `awake` when the wait is over, before anybody is woken for what has happened: an owner
    /// that tells others when it sleeps tells them there that it does not.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn). `awake` has run.
    pub fn turn_then(&self, deadline: Option<Instant>, awake: impl FnOnce()) -> io::Result<usize> {
        if !self.is_of_this_process() {
            awake();
            return Err(elsewhere());
        }
        #[cfg(all(debug_assertions, not(loom)))]
        lock(&self.sources).check(self);
        if !self.parker.park() {
            awake();
            return self.turn_now();
        }
        #[cfg(canary)]
        if crate::canary::is_out("parks-by-the-users-token") {
            std::thread::park_timeout(std::time::Duration::ZERO);
        }
        let Some(instance) = self.instance.get() else {
            return self.wait_at_doorbell(deadline, awake);
        };
        let mut buffer = [MaybeUninit::uninit(); CAPACITY];
        let events = self
            .wait_until(instance, deadline)
            .and_then(|wait| instance.epoll.wait(&mut buffer, wait));
        self.parker.unparked();
        let events = match events {
            Ok(events) => events,
            Err(error) => {
                awake();
                return Err(error);
            }
        };
        let unwinding = DispatchAnyway {
            reactor: self,
            instance,
            events,
        };
        awake();
        std::mem::forget(unwinding);
        Ok(self.dispatch(instance, events))
    }

    /// The owner has parked, and has seen no descriptors.
    #[cold]
    #[inline(never)]
    fn wait_at_doorbell(
        &self,
        deadline: Option<Instant>,
        awake: impl FnOnce(),
    ) -> io::Result<usize> {
        self.doorbell.wait(deadline);
        self.parker.unparked();
        awake();
        self.turn_now()
    }

    /// Lets a wait of the owner end at `deadline`, or before: one that it is in, or one that it begins before that. It
    /// may end early for this once and find nothing, which it may at any time.
    ///
    /// Any thread may call this. It is a system call only if the timerfd is not armed for as early a moment.
    ///
    /// # Errors
    ///
    /// What `timerfd_settime(2)` reports. None is known that a sound program can cause.
    pub fn end_wait_at(&self, deadline: Instant) -> io::Result<()> {
        if !self.is_of_this_process() {
            return Ok(());
        }
        let Some(instance) = self.instance.get() else {
            // It ends now, and the owner looks at its own deadline again.
            self.unpark();
            return Ok(());
        };
        let wake = || {
            if self.parker.is_parked() {
                self.unpark();
            }
        };
        instance.alarm.ask(deadline, real_now(), wake).map(drop)
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

    /// How long a turn may wait, with the timerfd armed for its end.
    ///
    /// The clock is read after the unpark word says «parked». A sibling that takes the timerfd's event before that
    /// leaves a clock that tells of it (see `alarm.rs`); one that takes it later finds the owner parked, and
    /// wakes it (see `dispatch`).
    fn wait_until(&self, instance: &Instance, deadline: Option<Instant>) -> io::Result<Wait> {
        if let Some(deadline) = deadline {
            let now = real_now();
            if deadline <= now {
                return Ok(Wait::ZERO);
            }
            #[cfg(canary)]
            if (deadline - now).as_millis() == 0 && crate::canary::is_out("short-wait-spins") {
                return Ok(Wait::ZERO);
            }
            instance.alarm.arm(deadline, now)?;
            debug_assert!(
                instance.alarm.ends_wait_by(deadline) || self.parker.is_notified(),
                "the timerfd is armed for later than this wait is to end"
            );
        } else {
            instance.alarm.waits_forever();
        }
        // A wait that ends for this ends with nothing to tell, and the owner begins another.
        Ok(spare_pipes::tidy().map_or(Wait::FOREVER, Wait::at_most))
    }

    /// Wakes who waits for something that has happened, and does not sleep. It does not touch the timerfd, and any
    /// thread may call it, also while the owner sleeps: what was to end that sleep still ends it.
    ///
    /// # Errors
    ///
    /// What `epoll_wait(2)` reports. None is known that a sound program can cause.
    pub fn turn_now(&self) -> io::Result<usize> {
        if !self.is_of_this_process() {
            return Err(elsewhere());
        }
        let mut buffer = [MaybeUninit::uninit(); CAPACITY];
        #[cfg(all(debug_assertions, not(loom)))]
        lock(&self.sources).check(self);
        let Some(instance) = self.instance.get() else {
            return Ok(0);
        };
        let events = instance.epoll.wait(&mut buffer, Wait::ZERO)?;
        Ok(self.dispatch(instance, events))
    }

    /// Ends the wait of the thread that sleeps in [`turn`](Self::turn), or keeps the next one from sleeping.
    ///
    /// Only when the owner does sleep, and only for the first of a burst of calls, is this a system call.
    #[inline]
    pub fn unpark(&self) {
        if self.parker.unpark() {
            self.end_wait();
        }
    }

    /// Ends the wait that the owner is in, or about to begin, wherever it waits.
    #[cold]
    #[inline(never)]
    fn end_wait(&self) {
        if !self.is_of_this_process() {
            return;
        }
        match self.instance.get() {
            // The write fails only if the counter is full, and then the owner is awake.
            Some(instance) => drop(instance.wake.notify()),
            None => self.doorbell.ring(),
        }
    }

    /// Lets all descriptors go, and takes no more: for when nobody will turn this reactor again.
    ///
    /// Whoever waits for a descriptor is woken, and, polled in another runtime, registers there.
    pub fn close(self: &Arc<Self>) {
        if !self.is_of_this_process() {
            return;
        }
        let mut wakers = Vec::new();
        // Kept to the end: with the last reference to a source goes what wakers it has, and what their destructors do.
        let sources = lock(&self.sources).close();
        for source in &sources {
            // A registration under way holds this lock until it is done, so that it cannot be missed.
            let mut home = lock(&source.home);
            if let Some(here) = home.take_if(|home| Arc::ptr_eq(&home.reactor, self)) {
                // Not left to the closing of the epoll instance: a child may have inherited it by fork.
                self.deregister(here.token);
                source.orphan(&mut wakers);
            }
        }
        wake_all(&mut wakers);
        if let Some(instance) = self.instance.get() {
            self.clock.end(&instance.epoll);
        }
        // A runtime ends, and leaves nothing behind. Another one that uses some makes them anew.
        spare_pipes::release();
    }

    /// How many descriptors are registered.
    #[must_use]
    pub fn registered(&self) -> usize {
        lock(&self.sources).len()
    }

    /// In a child: lets what is registered in the parent be registered here. See [`inherited`](crate::inherited).
    #[cfg(not(loom))]
    pub(crate) fn give_up_inherited(&self) {
        debug_assert!(!self.is_of_this_process(), "it is the parent's");
        let Ok(sources) = self.sources.try_lock() else {
            return;
        };
        sources.iter().for_each(|source| source.give_up_inherited());
    }

    /// The models' kernel is asked what it has, and told what happens.
    #[cfg(loom)]
    #[allow(dead_code, reason = "for the models alone")]
    pub(crate) fn epoll(&self) -> &Epoll {
        &self.instance.get().expect("it has been made").epoll
    }

    fn dispatch(&self, instance: &Instance, events: &[Event]) -> usize {
        if events.is_empty() {
            return 0;
        }
        let mut wakers;
        let mut told = 0;
        let (mut own, mut clock) = (false, false);
        {
            let mut sources = lock(&self.sources);
            wakers = std::mem::take(&mut sources.spare_wakers);
            for event in events {
                let (token, happened) = (Token::from_bits(event.u64), event.events);
                if let Some(Tenant { source, .. }) = sources.get(token) {
                    told += 1;
                    source.dispatch(Ready::from_epoll(happened), &mut wakers);
                } else if token == Token::CLOCK {
                    clock = true;
                } else {
                    own |= token.is_own();
                }
            }
        }
        if clock && let Some(waker) = self.clock.waker() {
            wakers.push(Waker::clone(&waker));
        }
        // The reactor's own descriptors end the owner's wait, which is all they do. If it still waits, then this
        // thread is not the owner and has taken from it what each edge gives to one wait alone: it makes another.
        if own && self.parker.is_parked() {
            let _ = instance.wake.notify();
        }
        wake_all(&mut wakers);
        if wakers.capacity() <= Self::KEEP_WAKERS {
            lock(&self.sources).spare_wakers = wakers;
        }
        told
    }

    /// Registers `fd` for `source`, of which `direction` has just said `WouldBlock`. If somebody else has
    /// registered it meanwhile, does nothing.
    pub(crate) fn register(
        self: &Arc<Self>,
        fd: BorrowedFd<'_>,
        source: &Arc<Source>,
        direction: Direction,
    ) -> io::Result<()> {
        if !self.is_of_this_process() {
            return Err(elsewhere());
        }
        let mut home = lock(&source.home);
        if home.is_some() {
            return Ok(());
        }
        let token = lock(&self.sources).insert(Arc::clone(source), fd.as_raw_fd());
        let token = token.ok_or_else(closed)?;
        // Before the kernel is told: its first event may be dispatched by another thread at once.
        source.readiness.register(direction);
        let added = self
            .instance()
            .and_then(|instance| instance.epoll.add(fd, token.to_bits()));
        if let Err(error) = added {
            #[cfg(canary)]
            if crate::canary::is_out("failed-registration-ignored") {
                return Ok(());
            }
            #[cfg(canary)]
            let token = match token {
                _ if crate::canary::is_out("failed-registration-leaks") => Token::WAKE,
                token => token,
            };
            lock(&self.sources).remove(token);
            // Who has parked meanwhile looks again, and meets the error too.
            let mut wakers = Vec::new();
            source.orphan(&mut wakers);
            drop(home);
            wake_all(&mut wakers);
            return Err(error);
        }
        *home = Some(Home {
            reactor: Arc::clone(self),
            token,
        });
        Ok(())
    }

    /// Lets the next turn tell of a descriptor once more what holds of it, though nothing has changed. The caller holds the
    /// lock of the source's `home`, so that it is registered meanwhile.
    pub(crate) fn report_again(&self, token: Token) -> io::Result<()> {
        if !self.is_of_this_process() {
            return Err(elsewhere());
        }
        let fd = lock(&self.sources).get(token).map(|tenant| tenant.fd);
        let epoll = &self.instance()?.epoll;
        epoll.rearm(fd.ok_or_else(closed)?, token.to_bits())
    }

    /// Takes a source out, and its descriptor out of epoll, before that is closed: a duplicate of it would keep
    /// the registration alive. The caller has taken the source's `home`, so this is done once.
    pub(crate) fn deregister(&self, token: Token) {
        if !self.is_of_this_process() {
            return;
        }
        let tenant = lock(&self.sources).remove(token);
        #[cfg(canary)]
        if crate::canary::is_out("closed-without-del") {
            return;
        }
        if let Some(Tenant { fd, .. }) = tenant
            && let Some(instance) = self.instance.get()
        {
            // It fails only if the descriptor is not in epoll, which is what is wanted.
            let _ = instance.epoll.delete(fd);
        }
    }
}

/// Dropped, because the owner's function panics, it hands on what has happened: the kernel tells of an edge once.
struct DispatchAnyway<'a> {
    reactor: &'a Reactor,
    instance: &'a Instance,
    events: &'a [Event],
}

impl Drop for DispatchAnyway<'_> {
    #[cold]
    fn drop(&mut self) {
        self.reactor.dispatch(self.instance, self.events);
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

#[cold]
fn closed() -> io::Error {
    io::Error::other("the runtime is shutting down: its reactor takes no more descriptors")
}

#[cold]
fn elsewhere() -> io::Error {
    io::Error::other(
        "the runtime was made by another process, of which `fork` has made this one, and its descriptors and threads are that \
         process's: make a new runtime here",
    )
}

/// Wakes all, in order, with no lock held. A waker that panics keeps nobody else from being woken; the panic hook
/// has told of it.
pub(crate) fn wake_all(wakers: &mut Vec<Waker>) {
    let mut rest = wakers.drain(..);
    let mut wake_rest = || rest.by_ref().for_each(Waker::wake);
    while let Err(payload) = catch_unwind(AssertUnwindSafe(&mut wake_rest)) {
        #[cfg(canary)]
        if crate::canary::is_out("dispatch-drops-wakers") {
            return;
        }
        // The payload is the user's too, and may panic when it is dropped: then it is leaked.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
    }
}

#[cfg(not(loom))]
impl Drop for Reactor {
    fn drop(&mut self) {
        crate::inherited::forget(self);
    }
}

/// The time in which a [`Reactor`] is a thread's current one. Ends when dropped, and gives back the one before.
#[derive(Debug)]
#[must_use = "dropping it leaves the reactor at once"]
pub struct Enter {
    previous: Option<Arc<Reactor>>,
    /// Not `Send`: it restores what its own thread had.
    this_thread: PhantomData<*const ()>,
}

impl Drop for Enter {
    fn drop(&mut self) {
        let ours = replace_current(self.previous.take());
        drop(ours);
    }
}
