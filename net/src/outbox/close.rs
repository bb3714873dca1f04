//! [`Close`]: the end of an outbox; and its [`CloseReport`].

use super::core::{Core, End};
use super::failure::Failure;
use crate::socket::shutdown;
use crate::stream::StreamSocket;
use crate::util::waiting::Key;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use waterwheel_poll_context::budget::{self, GaveWay};
use waterwheel_timer::{Sleep, sleep};

/// The future of [`Outbox::close`](crate::Outbox::close).
#[must_use = "the end of the stream is sent only when this is awaited"]
pub struct Close<'a, S: StreamSocket> {
    core: &'a Arc<Core<S>>,
    key: Option<Key>,
    /// `None`: the limit has passed.
    limit: Option<Sleep>,
    gave_way: GaveWay,
}

/// How an [`Outbox`](crate::Outbox) has ended.
#[derive(Debug)]
pub struct CloseReport {
    /// How many messages had not wholly gone. Each one's [`Sent`](crate::Sent) has an error.
    pub left_messages: usize,
    /// How many of their bytes had not gone.
    pub left_bytes: usize,
    /// What the stream has failed with, if that is why it ended.
    pub error: Option<io::Error>,
}

impl CloseReport {
    /// Whether all that was sent has gone to the kernel, and the end after it.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.left_messages == 0 && self.error.is_none()
    }
}

impl<'a, S: StreamSocket> Close<'a, S> {
    pub(super) fn new(core: &'a Arc<Core<S>>, within: Duration) -> Self {
        Self {
            core,
            key: None,
            limit: Some(sleep(within)),
            gave_way: GaveWay::NO,
        }
    }

    fn report(&self, end: End) -> CloseReport {
        let (left, mut error) = match end {
            End::Drained => Default::default(),
            End::Failed(_, left) if self.limit.is_none() => (left, None),
            End::Failed(failure, left) => (left, Some(failure.to_error())),
        };
        match shutdown(self.core.stream.io(), Shutdown::Write) {
            // The connection has gone already, which is an error only to whom something was left.
            Err(gone) if gone.kind() == io::ErrorKind::NotConnected => {}
            Err(other) => error = error.or(Some(other)),
            Ok(()) => {}
        }
        CloseReport {
            left_messages: left.messages,
            left_bytes: left.bytes,
            error,
        }
    }
}

impl<S: StreamSocket> Future for Close<'_, S> {
    type Output = CloseReport;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReport> {
        let this = self.get_mut();
        let core = this.core;
        // A program may close again and again.
        ready!(budget::poll_left(cx, &mut this.gave_way));
        loop {
            if let Poll::Ready(end) = core.poll_end(&mut this.key, cx.waker()) {
                budget::spend();
                return Poll::Ready(this.report(end));
            }
            let Some(limit) = &mut this.limit else {
                // Whoever writes finds that it has failed, and wakes this.
                return Poll::Pending;
            };
            ready!(Pin::new(limit).poll(cx));
            this.limit = None;
            let reason = "the outbox was closed, and the time to close within has passed";
            core.fail_from_outside(Failure::new(io::ErrorKind::TimedOut, reason));
        }
    }
}

impl<S: StreamSocket> Drop for Close<'_, S> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.core.leave_end(key);
        }
    }
}

impl<S: StreamSocket> fmt::Debug for Close<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Close").finish_non_exhaustive()
    }
}
