//! [`Register`]: the connections of a server, and what has become of those that were.
//!
//! Invariants:
//! - A connection has a place from before it is accepted until its future has been dropped: there are never more than
//!   asked for, whichever listeners they come from.
//! - Who waits for a place, for descriptors or for the end is woken when a connection ends, and when the server stops.
//!
//! Lock order: the register's lock is a leaf. No waker is cloned, woken or dropped under it, and nothing is aborted.

use crate::shrink;
use crate::waiting::{Key, Waiting};
use slab::Slab;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use waterwheel_executor::AbortHandle;

#[derive(Debug)]
pub(super) struct Register {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    places: Slab<Occupant>,
    next_serial: u64,
    /// How many tasks accept.
    acceptors: usize,
    stopped: bool,
    counts: Counts,
    /// Acceptors, who wait for connections or anything else.
    stopping: Waiting,
    /// Those of them who wait until a connection ends.
    room: Waiting,
    /// Those who shut down.
    ending: Waiting,
}

/// Who has a place.
#[derive(Debug)]
struct Occupant {
    /// No two have the same, so that a place that has been left and taken again is told from before.
    serial: u64,
    /// `None`: not spawned yet.
    task: Option<AbortHandle>,
}

/// What has become of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) finished: u64,
    pub(super) failed: u64,
    pub(super) panicked: u64,
    pub(super) cancelled: u64,
    pub(super) refused: u64,
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Finished,
    Failed,
    Panicked,
    /// Its future was dropped.
    Cancelled,
}

impl Register {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under it, so that it is whole whatever has panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connections(&self) -> usize {
        self.lock().places.len()
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub(super) fn refused(&self) {
        self.lock().counts.refused += 1;
    }

    /// A place for a connection, unless there are as many as there may be.
    pub(super) fn try_place(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.lock();
        if state.places.len() >= self.most {
            return None;
        }
        let serial = state.next_serial;
        state.next_serial += 1;
        let number = state.places.insert(Occupant { serial, task: None });
        drop(state);
        Some(Place {
            register: Arc::clone(self),
            number,
            serial,
            ending: None,
        })
    }

    /// How many connections have ended.
    pub(super) fn ended(&self) -> u64 {
        self.lock().counts.ended()
    }

    pub(super) fn acceptor_begins(self: &Arc<Self>) -> Acceptance {
        self.lock().acceptors += 1;
        Acceptance(Arc::clone(self))
    }

    /// No more is accepted, from here on.
    pub(super) fn stop(&self) {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        state.stopped = true;
        state.stopping.take(&mut wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Aborts all tasks of connections.
    pub(super) fn cancel(&self) {
        let handles: Vec<_> = {
            let state = self.lock();
            let places = state.places.iter();
            places.filter_map(|(_, place)| place.task.clone()).collect()
        };
        handles.iter().for_each(AbortHandle::abort);
    }

    /// Waits until nobody accepts and no connection is left.
    pub(super) fn poll_end(&self, key: &mut Option<Key>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if state.acceptors == 0 && state.places.is_empty() {
            drop(state);
            return Poll::Ready(());
        }
        let displaced = state.ending.store(key, waker);
        drop(state);
        drop(displaced);
        Poll::Pending
    }

    pub(super) fn leave_ending(&self, key: Key) {
        let waker = self.lock().ending.remove(key);
        drop(waker);
    }

    fn wake(&self, change: impl FnOnce(&mut State)) {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        change(&mut state);
        state.room.take(&mut wakers);
        if state.acceptors == 0 && state.places.is_empty() {
            state.ending.take(&mut wakers);
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The place of a connection, or of one that is about to be accepted. Dropped, it is free.
#[derive(Debug)]
pub(super) struct Place {
    register: Arc<Register>,
    number: usize,
    serial: u64,
    /// `None`: there was no connection.
    ending: Option<Ending>,
}

impl Place {
    /// There is a connection. Until it says otherwise, it will have been cancelled.
    pub(super) fn accepted(&mut self) {
        self.ending = Some(Ending::Cancelled);
        self.register.lock().counts.accepted += 1;
    }

    pub(super) fn ends(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    /// What to tell the [register](Register::spawned) when the connection has a task.
    pub(super) fn name(&self) -> (usize, u64) {
        (self.number, self.serial)
    }
}

impl Register {
    /// The task of the connection at a place, which may have ended meanwhile.
    pub(super) fn spawned(&self, (number, serial): (usize, u64), task: AbortHandle) {
        if let Some(occupant) = self.lock().places.get_mut(number)
            && occupant.serial == serial
        {
            occupant.task = Some(task);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut occupant = None;
        self.register.wake(|state| {
            occupant = state.places.try_remove(self.number);
            shrink::slab(&mut state.places);
            let counts = &mut state.counts;
            match self.ending {
                None => {}
                Some(Ending::Finished) => counts.finished += 1,
                Some(Ending::Failed) => counts.failed += 1,
                Some(Ending::Panicked) => counts.panicked += 1,
                Some(Ending::Cancelled) => counts.cancelled += 1,
            }
        });
        drop(occupant);
    }
}

/// The time in which a task accepts.
#[derive(Debug)]
pub(super) struct Acceptance(Arc<Register>);

impl Drop for Acceptance {
    fn drop(&mut self) {
        self.0.wake(|state| state.acceptors -= 1);
    }
}

impl Counts {
    fn ended(self) -> u64 {
        self.finished + self.failed + self.panicked + self.cancelled
    }
}

/// An acceptor's places among those who wait.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) register: Arc<Register>,
    stop: Option<Key>,
    room: Option<Key>,
}

impl Waiter {
    pub(super) fn new(register: Arc<Register>) -> Self {
        Self {
            register,
            stop: None,
            room: None,
        }
    }

    /// Ready when the server has stopped.
    pub(super) fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let most = self.register.most;
        self.poll_until(cx, |state| state.places.len() < most)
    }

    /// Ready when more connections have ended than `before`.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>, before: u64) -> Poll<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_that_have_ended_leave_no_memory() {
        let register = Register::new(usize::MAX);
        let mut places: Vec<_> = (0..10_000).map(|_| register.try_place()).collect();
        assert!(register.lock().places.capacity() >= 10_000);
        places.truncate(1);
        assert_eq!(register.connections(), 1);
        assert!(register.lock().places.capacity() <= 10_000 / 4);
        drop(places);
        assert!(register.lock().places.capacity() <= 64);
    }
}
