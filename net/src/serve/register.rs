//! [`Register`]: the connections of a server, and what has become of those that were.
//!
//! Invariants:
//! - A connection has a place from before it is accepted until its future has been dropped: there are never more than
//!   asked for, whichever listeners they come from.
//! - Who waits for a place, for descriptors or for the end is woken when a connection ends, and when the server stops.
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

use super::listening::Close;
use crate::util::contain::{contain_panic, wake_all};
use crate::util::shrink;
use crate::util::waiting::{Key, Waiting};
use slab::Slab;
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
    /// What they accept from, until the server stops.
    listeners: Vec<Arc<dyn Close>>,
    /// No connection gets a place any more.
    stopped: bool,
    /// A deadline has passed: who has a place is to be cancelled, also if its task comes later.
    cancelled: bool,
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

    /// A place for a connection, unless there are as many as there may be, or the server has stopped.
    pub(super) fn try_place(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.lock();
        if state.stopped || state.places.len() >= self.most {
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
    /// The task of the connection at a place, which may have ended meanwhile. If the deadline has passed, the task is aborted.
    pub(super) fn spawned(&self, (number, serial): (usize, u64), task: AbortHandle) {
        let mut state = self.lock();
        if state.cancelled {
            drop(state);
            return task.abort();
        }
        let here = state.places.get_mut(number);
        if let Some(occupant) = here.filter(|occupant| occupant.serial == serial) {
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
    use std::future::{Future, pending, poll_fn};
    use std::pin::pin;
    use waterwheel_executor::{JoinHandle, block_on, spawn, yield_now};

    #[derive(Debug)]
    struct NoListener;

    impl Close for NoListener {
        fn close(&self) {}
    }

    /// What one thread does to the register under one lock each, in this order.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Step {
        /// The acceptor's: it takes a place and accepts, or neither.
        Accept,
        /// It spawns the task.
        Spawn,
        /// It gives the task's handle to the register.
        Spawned,
        /// A shutdown's: it stops the server.
        Stop,
        /// Its deadline has passed.
        Cancel,
        /// The peer's: the handler returns, if there is one.
        Return,
    }

    use Step::{Accept, Cancel, Return, Spawn, Spawned, Stop};

    /// All orders of the steps of these threads.
    fn orders(threads: &[&[Step]]) -> Vec<Vec<Step>> {
        if threads.iter().all(|steps| steps.is_empty()) {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for (number, steps) in threads.iter().enumerate() {
            if let [first, rest @ ..] = *steps {
                let mut others = threads.to_vec();
                others[number] = rest;
                all.extend(orders(&others).into_iter().map(|mut order| {
                    order.insert(0, *first);
                    order
                }));
            }
        }
        all
    }

    /// What the acceptor has in its hands.
    #[derive(Default)]
    struct Acceptor {
        accepting: Option<Acceptance>,
        place: Option<Place>,
        named: Option<(usize, u64)>,
        task: Option<JoinHandle<()>>,
    }

    /// A connection is ended by the shutdown, or was never accepted, whatever the order: here are all orders of the locked steps of an acceptor,
    /// of a shutdown (or two), and of a handler that returns by itself.
    #[test]
    fn in_every_order_a_shutdown_ends_a_connection_or_it_was_never_accepted() {
        let acceptor: &[Step] = &[Accept, Spawn, Spawned];
        let shutdown: &[Step] = &[Stop, Cancel];
        let mut tried = 0;
        for threads in [
            vec![acceptor, shutdown],
            vec![acceptor, shutdown, shutdown],
            // One that is dropped before its deadline, and one that takes up where it was.
            vec![acceptor, &[Stop], shutdown],
            vec![acceptor, shutdown, &[Return]],
        ] {
            for order in orders(&threads) {
                block_on(run(&order));
                tried += 1;
            }
        }
        assert_eq!(tried, 10 + 210 + 60 + 60);
    }

    async fn run(order: &[Step]) {
        let register = Register::new(1);
        let mut acceptor = Acceptor {
            accepting: Some(register.acceptor_begins(Arc::new(NoListener))),
            ..Acceptor::default()
        };
        let returns = Arc::new(Mutex::new(false));
        let (mut accepted, mut stopped) = (false, false);
        for step in order {
            match step {
                Accept => {
                    acceptor.place = register.try_place();
                    assert_eq!(acceptor.place.is_some(), !stopped, "{order:?}");
                    if let Some(place) = &mut acceptor.place {
                        accepted = true;
                        place.accepted();
                        acceptor.named = Some(place.name());
                    }
                }
                Spawn => {
                    if let Some(mut place) = acceptor.place.take() {
                        let returns = Arc::clone(&returns);
                        acceptor.task = Some(spawn(async move {
                            if *returns.lock().unwrap() {
                                place.ends(Ending::Finished);
                                return;
                            }
                            pending().await
                        }));
                    }
                }
                Spawned => {
                    if let (Some(name), Some(task)) = (acceptor.named, &acceptor.task) {
                        register.spawned(name, task.abort_handle());
                    }
                    acceptor.accepting = None;
                }
                Stop => {
                    register.stop();
                    stopped = true;
                }
                Cancel => register.cancel(),
                Return => *returns.lock().unwrap() = true,
            }
            yield_now().await;
        }
        let mut key = None;
        let mut end = pin!(poll_fn(|cx| register.poll_end(&mut key, cx)));
        for _ in 0..10 {
            if poll_fn(|cx| Poll::Ready(end.as_mut().poll(cx).is_ready())).await {
                let counts = register.counts();
                assert_eq!(counts.accepted, u64::from(accepted), "{order:?}");
                assert_eq!(counts.ended(), counts.accepted, "{order:?}");
                return;
            }
            yield_now().await;
        }
        panic!("a connection outlives the shutdown: {order:?}");
    }

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
