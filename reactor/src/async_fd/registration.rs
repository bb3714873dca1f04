//! [`Registration`]: a descriptor's way into a reactor, taken when it first blocks.
//!
//! A socket that never blocks has no source and never meets epoll: for it the kernel is simply asked. The
//! source is made at the first `WouldBlock` and kept; the reactor that it is registered with may change, when
//! that one is closed and the descriptor lives on.

use crate::reactor::{Reactor, Source, wake_all};
use crate::source::{Drained, Interest, Observed, Ready, WaitKey};
use crate::sync::lock;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use waterwheel_poll_context::contain::contain_panic;

#[derive(Debug, Default)]
pub(crate) struct Registration {
    source: OnceLock<Arc<Source>>,
}

impl Registration {
    pub(crate) const fn new() -> Self {
        Self {
            source: OnceLock::new(),
        }
    }

    #[inline]
    pub(crate) fn source(&self) -> Option<&Arc<Source>> {
        self.source.get()
    }

    /// What is known of the descriptor now.
    #[inline]
    pub(crate) fn see(&self) -> Seen<'_> {
        let source = self.source();
        let observed = match source {
            Some(source) => source.readiness.observe(),
            None => Observed::UNREGISTERED,
        };
        Seen { source, observed }
    }

    /// A direction has been shut down. Who waits for it is woken, and who is about to wait does not.
    ///
    /// The source is made if there is none: a future whose call has said `WouldBlock` may be about to make and register
    /// it, and then finds there that the direction is ready all the same.
    pub(crate) fn mark_closed(&self, direction: Interest) {
        let source = self.source.get_or_init(|| Arc::new(Source::new()));
        let mut wakers = Vec::new();
        if source.is_of_this_process() {
            source.dispatch(Ready::closed(direction), &mut wakers);
        } else {
            // Those who wait are the parent's.
            source.readiness.publish(Ready::closed(direction));
        }
        wake_all(&mut wakers);
    }

    /// `fd` has said `WouldBlock`: clears the direction, or, if no event would tell when that is over, registers.
    /// `operation` names who asks.
    #[inline]
    pub(crate) fn would_block(
        &self,
        fd: BorrowedFd<'_>,
        seen: Seen<'_>,
        direction: Interest,
        call: &str,
    ) -> io::Result<()> {
        if seen.is_registered() {
            seen.drained(direction, Drained::WouldBlock);
            return Ok(());
        }
        self.register(fd, direction, call)
    }

    #[cold]
    fn register(&self, fd: BorrowedFd<'_>, direction: Interest, call: &str) -> io::Result<()> {
        let reactor = Reactor::current().unwrap_or_else(|| missing_runtime(call));
        if !reactor.is_of_this_process() {
            runtime_of_another_process(call);
        }
        let source = self.source.get_or_init(|| Arc::new(Source::new()));
        reactor.register(fd, source, direction)
    }
}

/// What was known of a descriptor at some moment: before a system call, mostly, whose result is then judged by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    source: Option<&'a Arc<Source>>,
    observed: Observed,
}

impl Seen<'_> {
    #[inline]
    pub(crate) fn is_ready(self, direction: Interest) -> bool {
        self.observed.is_ready(direction)
    }

    #[inline]
    pub(crate) fn is_reported(self, direction: Interest) -> bool {
        self.observed.is_reported(direction)
    }

    #[inline]
    pub(crate) fn is_registered(self) -> bool {
        self.observed.is_registered()
    }

    /// Whoever asks waits for the kernel's word, and not for an assumption. The descriptor is registered.
    #[cold]
    pub(crate) fn forget_assumption(self, direction: Interest) {
        if let Some(source) = self.source {
            source.readiness.forget_assumption(self.observed, direction);
        }
    }

    pub(crate) fn is_closed(self, direction: Interest) -> bool {
        self.observed.is_closed(direction)
    }

    /// A transfer has ended early. Nothing is known of a descriptor that is not registered, so nothing is cleared.
    #[inline]
    pub(crate) fn drained(self, direction: Interest, why: Drained) {
        if let Some(source) = self.source
            && self.is_registered()
        {
            source.readiness.clear(self.observed, direction, why);
        }
    }

    /// A system call has failed, and nobody waits. A function of its own for what it would add to each caller.
    #[cold]
    pub(crate) fn failed(self, direction: Interest, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.drained(direction, Drained::WouldBlock);
        }
    }

    /// See [`Source::park`]. Without a source there is nothing to wait for yet.
    #[inline]
    pub(crate) fn park(
        self,
        direction: Interest,
        key: &mut Option<WaitKey>,
        waker: &Waker,
    ) -> bool {
        match self.source {
            Some(source) => source.park(direction, key, waker),
            None => false,
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(source) = self.source.take()
            && source.is_of_this_process()
        {
            let home = lock(&source.home).take();
            if let Some(home) = home {
                home.reactor.deregister(home.token);
            }
            // With the last reference go the wakers that nobody has taken back.
            contain_panic(|| drop(source));
        }
    }
}

#[cold]
#[track_caller]
fn runtime_of_another_process(call: &str) -> ! {
    panic!(
        "`{call}` was polled inside a runtime of another process, of which `fork` has made this one; \
         await it in a new runtime, which this process makes: `waterwheel::block_on(async {{ … }})`"
    )
}

/// Says which call wanted a runtime, and how to give it one.
///
/// # Panics
///
/// Always.
#[cold]
#[track_caller]
pub fn missing_runtime(call: &str) -> ! {
    panic!(
        "`{call}` was polled outside a Waterwheel runtime; \
         await it inside `waterwheel::block_on(async {{ … }})`, or in a task spawned there"
    )
}
