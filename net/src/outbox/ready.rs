//! [`Ready`]: until an outbox is not over its watermarks.

use super::core::Core;
use crate::stream::StreamSocket;
use crate::util::waiting::Key;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_poll_context::budget::{self, GaveWay};

/// The future of [`Outbox::ready`](crate::Outbox::ready).
#[must_use = "futures do nothing unless awaited"]
pub struct Ready<'a, S: StreamSocket> {
    core: &'a Core<S>,
    key: Option<Key>,
    gave_way: GaveWay,
}

impl<'a, S: StreamSocket> Ready<'a, S> {
    pub(super) fn new(core: &'a Core<S>) -> Self {
        Self {
            core,
            key: None,
            gave_way: GaveWay::NO,
        }
    }
}

impl<S: StreamSocket> Future for Ready<'_, S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // So that a task that sends for ever, and is always let, lets others run.
        ready!(budget::poll_left(cx, &mut self.gave_way));
        let core = self.core;
        let room = ready!(core.poll_room(&mut self.key, cx.waker()));
        budget::spend();
        Poll::Ready(room.map_err(|failure| failure.to_error()))
    }
}

impl<S: StreamSocket> Drop for Ready<'_, S> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.core.leave_room(key);
        }
    }
}

impl<S: StreamSocket> fmt::Debug for Ready<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}
