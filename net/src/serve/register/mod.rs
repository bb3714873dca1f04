//! [`Register`]: the connections of a server, and what has become of those that were.
//!
//! Invariants:
//! - A connection has a place from before it is accepted until its future has been dropped: there are never more than
//!   asked for, whichever listeners they come from.
//! - A task that waits for a place, for descriptors or for the end is woken when a connection ends, and when the server stops.
//!
//! # The shutdown and a connection that comes at that moment
//!
//! A connection is ended by the shutdown, or was never accepted. Two flags see to it. Both are written and read under the register's lock, and
//! neither is ever taken back.
//!
//! | flag | written by | read by |
//! |---|---|---|
//! | `stopped` | [`stop`](Register::stop), which every shutdown begins with | [`try_place`](Register::try_place): an acceptor gets no place from then on, and accepts nothing without one; [`Waiter::poll_stop`]: it ends |
//! | `cancelled` | [`cancel`](Register::cancel), at the deadline of a shutdown | [`spawned`](Register::spawned): the acceptor aborts the task that it has just spawned |
//!
//! An acceptor takes a place, accepts, spawns the task, and then gives the register the task's handle. The deadline may come before each of
//! these steps. If it comes before the last, `cancel` finds a place without a handle, and `spawned` finds the flag; if it comes after, `cancel`
//! finds the handle. The connection counts as accepted before the server's listeners are closed, which [`stop`](Register::stop) does
//! before it returns (see [`Listening`](super::listening::Listening)); and a shutdown waits for every place. So none is missed.
//!
//! # Lock order
//!
//! A listener's lock, then the register's, which is a leaf. No waker is cloned, woken or dropped under it, and nothing is aborted.
//!
//! # Files
//!
//! | file | what is there |
//! |---|---|
//! | here | [`Register`], its state and its counts; [`Acceptance`]; [`Close`], all that it knows of a listener |
//! | `place` | [`Place`]: the right to a connection; the task that has it |
//! | `waiter` | [`Waiter`]: how an acceptor waits for the register |

mod place;
mod waiter;

pub(super) use place::{Ending, Place};
pub(super) use waiter::Waiter;

use crate::util::contain::{contain_panic, wake_all};
use crate::util::waiting::{Key, Waiting};
use place::Occupant;
use slab::Slab;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
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
    /// The listeners that the acceptors accept from.
    listeners: Vec<Arc<dyn Close>>,
    /// From now on no connection gets a place.
    stopped: bool,
    /// A deadline has passed: every connection that has a place is cancelled, also one whose task is spawned later.
    cancelled: bool,
    counts: Counts,
    /// Acceptors. The stop of the server wakes them, whatever they wait for.
    stopping: Waiting,
    /// Acceptors that wait until a connection ends.
    room: Waiting,
    /// Shutdowns that wait for the end.
    ending: Waiting,
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

impl Register {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under the lock, so a panic leaves the state whole.
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

    /// How many connections have ended.
    pub(super) fn ended(&self) -> u64 {
        self.lock().counts.ended()
    }

    pub(super) fn acceptor_begins(self: &Arc<Self>, listener: Arc<dyn Close>) -> Acceptance {
        let mut state = self.lock();
        state.acceptors += 1;
        state.listeners.push(listener);
        drop(state);
        Acceptance(Arc::clone(self))
    }

    /// No more is accepted, from here on. When this returns, the listeners are closed.
    pub(super) fn stop(&self) {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        state.stopped = true;
        state.stopping.take(&mut wakers);
        // They stay in the list: another call waits, as the first does, until they are closed.
        let listeners = state.listeners.clone();
        drop(state);
        for listener in listeners {
            listener.close();
        }
        wake_all(wakers);
    }

    /// Aborts all tasks of connections, also those that are spawned only after this.
    pub(super) fn cancel(&self) {
        let handles: Vec<_> = {
            let mut state = self.lock();
            state.cancelled = true;
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
        contain_panic(|| drop(waker));
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
        wake_all(wakers);
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

/// What the register knows of a listener of any kind.
pub(super) trait Close: fmt::Debug + Send + Sync {
    /// Closes the listener with its reserve: when this returns, the kernel refuses those who connect. It does nothing the second time.
    fn close(&self);
}

#[cfg(test)]
mod tests;
