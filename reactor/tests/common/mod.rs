//! What the tests of the reactor share: wakers that count, and a poll by hand.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use waterwheel::reactor::Reactor;

/// A test that waits longer than this for an event has failed. No test waits so long if all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A waker that counts how often it is woken.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// Waits, in turns of `reactor`, until it has been woken `times` in all.
    pub(crate) fn turn_until(&self, reactor: &Reactor, times: usize) {
        let give_up = Instant::now() + PATIENCE;
        while self.get() < times {
            assert!(Instant::now() < give_up, "{} of {times} wakes", self.get());
            reactor.turn(Some(give_up)).expect("turn");
        }
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that runs a function.
pub(crate) struct Run<F>(pub(crate) F);

impl<F: Fn() + Send + Sync + 'static> Run<F> {
    pub(crate) fn waker(run: F) -> Waker {
        Waker::from(Arc::new(Self(run)))
    }
}

impl<F: Fn() + Send + Sync + 'static> Wake for Run<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// One poll.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Waits until `condition` holds, which other threads see to.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < give_up, "waited in vain until {what}");
        std::thread::yield_now();
    }
}
