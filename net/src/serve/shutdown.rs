//! [`ServerShutdown`]: the graceful end of a server; and its [`ServeReport`].

use super::register::{Counts, Register};
use crate::util::waiting::Key;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use waterwheel_poll_context::budget::{self, GaveWay};
use waterwheel_timer::{Sleep, sleep};

/// How long to wait for those who were cancelled, who are dropped at once unless they are stuck in a poll.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What has become of a server's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServeReport {
    /// How many were accepted, and given to the handler. All of them are counted in one of the next five.
    pub accepted: u64,
    /// Their handlers have returned `Ok`.
    pub finished: u64,
    /// Their handlers have returned an error.
    pub failed: u64,
    /// Their handlers have panicked.
    pub panicked: u64,
    /// Their handlers were dropped: because the limit had passed, or their runtime had ended.
    pub cancelled: u64,
    /// Their handlers had been cancelled, and were stuck in a poll.
    pub left: u64,
    /// How many were accepted and closed at once, as descriptors had run out.
    pub refused: u64,
}

/// The future of [`Server::shutdown`](crate::Server::shutdown).
#[derive(Debug)]
#[must_use = "handlers are cancelled at the limit only while this is awaited"]
pub struct ServerShutdown {
    register: Arc<Register>,
    key: Option<Key>,
    limit: Sleep,
    cancelled: bool,
    gave_way: GaveWay,
}

impl ServerShutdown {
    pub(super) fn new(register: Arc<Register>, within: Duration) -> Self {
        register.stop();
        Self {
            register,
            key: None,
            limit: sleep(within),
            cancelled: false,
            gave_way: GaveWay::NO,
        }
    }
}

pub(super) fn report(register: &Register) -> ServeReport {
    let Counts {
        accepted,
        finished,
        failed,
        panicked,
        cancelled,
        refused,
    } = register.counts();
    ServeReport {
        accepted,
        finished,
        failed,
        panicked,
        cancelled,
        left: accepted - finished - failed - panicked - cancelled,
        refused,
    }
}

impl Future for ServerShutdown {
    type Output = ServeReport;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ServeReport> {
        let this = self.get_mut();
        // A server may be shut down again and again.
        ready!(budget::poll_left(cx, &mut this.gave_way));
        loop {
            if this.register.poll_end(&mut this.key, cx).is_ready() {
                break;
            }
            ready!(Pin::new(&mut this.limit).poll(cx));
            if this.cancelled {
                break;
            }
            this.cancelled = true;
            this.limit.reset(waterwheel_timer::now() + LAST_WAIT);
            this.register.cancel();
        }
        budget::spend();
        Poll::Ready(report(&this.register))
    }
}

impl Drop for ServerShutdown {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.register.leave_ending(key);
        }
    }
}
