//! A runtime of one thread and one future, just enough to turn timers, and wakers that keep account.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

use waterwheel_timer::Timers;

/// A thread's wait, which the waker of the same name ends. Not `std::thread::park`, whose token any user
/// code may consume (futures-rs#2010).
#[derive(Default)]
pub(crate) struct Parker {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    /// Waits until woken, or until the deadline.
    fn park(&self, deadline: Option<Instant>) {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            notified = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => break,
                Some(left) => self.changed.wait_timeout(notified, left).unwrap().0,
                None => self.changed.wait(notified).unwrap(),
            };
        }
        *notified = false;
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// Timers, and the wait of the thread that owns them.
pub(crate) struct Owner {
    pub(crate) timers: Arc<Timers>,
    parker: Arc<Parker>,
}

impl Owner {
    pub(crate) fn new() -> Self {
        Owner::with(Timers::new)
    }

    /// With timers that are made so, given what ends the wait.
    pub(crate) fn with(make: impl FnOnce(Waker) -> Timers) -> Self {
        let parker = Arc::new(Parker::default());
        let timers = Arc::new(make(parker.clone().into()));
        Owner { timers, parker }
    }

    /// Ends the owner's wait.
    pub(crate) fn waker(&self) -> Waker {
        self.parker.clone().into()
    }

    /// Polls the future on this thread, and turns the timers, until it is ready.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _enter = self.timers.enter();
        let waker = self.waker();
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            self.parker.park(self.timers.next_deadline());
            self.timers.turn();
        }
    }

    /// Turns the timers until the condition holds.
    pub(crate) fn turn_until(&self, mut holds: impl FnMut() -> bool) {
        while !holds() {
            self.parker.park(self.timers.next_deadline());
            self.timers.turn();
        }
    }
}

/// Runs one future to its end on timers of its own.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    Owner::new().block_on(future)
}

/// A waker that counts how often it was woken.
#[derive(Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A waker that runs a closure.
pub(crate) struct Run<F>(pub(crate) F);

impl<F: Fn() + Send + Sync> Wake for Run<F> {
    fn wake(self: Arc<Self>) {
        self.0();
    }
}

/// A waker that runs a closure.
pub(crate) fn waker_fn(run: impl Fn() + Send + Sync + 'static) -> Waker {
    Arc::new(Run(run)).into()
}

/// Polls once, with a waker that does nothing or the given one.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Waits for what another thread does.
#[track_caller]
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed().as_secs() < 60, "it never comes");
        std::thread::yield_now();
    }
}

/// The message of the panic that the closure ends in.
pub(crate) fn panic_message(run: impl FnOnce()) -> String {
    let payload =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).expect_err("no panic");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_owned(),
    }
}

/// Numbers that look random, from a seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
