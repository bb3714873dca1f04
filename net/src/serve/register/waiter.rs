//! [`Waiter`]: how an acceptor waits for the register: until the server stops, there is room, or a connection has ended.

use super::{Register, State};
use crate::util::waiting::Key;
use std::sync::Arc;
use std::task::{Context, Poll};

/// An acceptor's places among those who wait.
#[derive(Debug)]
pub(in crate::serve) struct Waiter {
    pub(in crate::serve) register: Arc<Register>,
    stop: Option<Key>,
    room: Option<Key>,
}

impl Waiter {
    pub(in crate::serve) fn new(register: Arc<Register>) -> Self {
        Self {
            register,
            stop: None,
            room: None,
        }
    }

    /// Ready when the server has stopped.
    pub(in crate::serve) fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.register.lock();
        if state.stopped {
            drop(state);
            return Poll::Ready(());
        }
        let displaced = state.stopping.store(&mut self.stop, waker);
        drop(state);
        drop(displaced);
        Poll::Pending
    }

    /// Ready when there is room for a connection.
    pub(in crate::serve) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let most = self.register.most;
        self.poll_until(cx, |state| state.places.len() < most)
    }

    /// Ready when more connections have ended than `before`.
    pub(in crate::serve) fn poll_ended(&mut self, cx: &mut Context<'_>, before: u64) -> Poll<()> {
        self.poll_until(cx, |state| state.counts.ended() != before)
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, holds: impl FnOnce(&State) -> bool) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.register.lock();
        if holds(&state) {
            drop(state);
            return Poll::Ready(());
        }
        let displaced = state.room.store(&mut self.room, waker);
        drop(state);
        drop(displaced);
        Poll::Pending
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.register.lock();
        let stop = self.stop.and_then(|key| state.stopping.remove(key));
        let room = self.room.and_then(|key| state.room.remove(key));
        drop(state);
        drop((stop, room));
    }
}
