//! [`Registration`]: a descriptor's way into a reactor, taken when it first blocks.
//!
//! A socket that never blocks has no source and never meets epoll: for it the kernel is simply asked. The
//! source is made at the first `WouldBlock` and kept; the reactor that it is registered with may change, when
//! that one is closed and the descriptor lives on.

use crate::direction::Direction;
use crate::reactor::Reactor;
use crate::readiness::{Drained, Observed};
use crate::source::Source;
use crate::sync::lock;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, OnceLock};

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

    #[inline]
    pub(crate) fn observe(&self) -> Observed {
        match self.source() {
            Some(source) => source.readiness.observe(),
            None => Observed::UNREGISTERED,
        }
    }

    /// A transfer ended early. Nothing is known of a descriptor that is not registered, so nothing is cleared.
    #[inline]
    pub(crate) fn drained(&self, observed: Observed, direction: Direction, why: Drained) {
        if observed.is_registered()
            && let Some(source) = self.source()
        {
            source.readiness.clear(observed, direction, why);
        }
    }

    /// `fd` has said `WouldBlock` in `direction`: clears it, or, if no event would tell when that is over,
    /// registers. `call` names who asks.
    #[inline]
    pub(crate) fn would_block(
        &self,
        fd: BorrowedFd<'_>,
        observed: Observed,
        direction: Direction,
        call: &str,
    ) -> io::Result<()> {
        if observed.is_registered() {
            self.drained(observed, direction, Drained::WouldBlock);
            return Ok(());
        }
        self.register(fd, direction, call)
    }

    #[cold]
    fn register(&self, fd: BorrowedFd<'_>, direction: Direction, call: &str) -> io::Result<()> {
        let reactor = Reactor::current().unwrap_or_else(|| missing_runtime(call));
        let source = self.source.get_or_init(|| Arc::new(Source::new()));
        reactor.register(fd, source, direction)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            let home = lock(&source.home).take();
            if let Some(home) = home {
                home.reactor.deregister(home.token, home.fd);
            }
        }
    }
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
