//! [`Core`]: what the handles, the futures and the waker of an outbox share; and the rules by which one of them writes.
//! The writing itself is in [`flush`](super::flush).
//!
//! # The right to write
//!
//! `State::writer` is the right to write, and with it goes the front of the queue. Who takes it out, under the lock, writes
//! with no lock held, and puts it back under the lock. So there is one at a time, bytes go in order, and nobody waits for
//! a system call. Who comes meanwhile, a sender or the waker, leaves what it has for the holder:
//!
//! - a sender adds its message to `incoming`;
//! - the waker sets `notified`;
//! - who ends the outbox sets `failure`.
//!
//! The holder looks at all three, under the lock, before it puts the writer back: none of them is missed.
//!
//! # Invariants
//!
//! - **O1.** While the writer is in its place, `incoming` is not empty only if the batch is not: messages that nobody
//!   writes have a first one that waits for room.
//! - **O2.** While the writer is in its place and its batch is not empty, this core's waker is at the descriptor, or its
//!   wake is on its way. That wake takes the writer.
//! - **O3.** `queued` is the number of bytes that are in neither the kernel nor a settled message. It is counted down
//!   before the messages are settled, so that who awaits one finds room.
//! - **O4.** A message is settled once: by the holder of the writer, for the batch it holds.
//! - **O5.** `failure` is set once. From there on nothing is sent, and when the writer is back, `left` is set, nothing is
//!   queued, and no waker of this core is anywhere: it keeps the stream open no longer than its owners do.
//! - **O6.** `is_over` rises when more than `high` bytes are queued, and falls when `low` or fewer are.
//!
//! # Lock order
//!
//! The state's lock, and a completion's, are leaves: neither is held while the other is taken, nor during a system call,
//! nor while a waker is cloned, woken or dropped.

use super::failure::Failure;
use super::message::Message;
use super::queue::Queue;
use super::sent::{Completion, Sent};
use super::watermarks::Watermarks;
use crate::stream::StreamSocket;
use crate::util::contain::{contain_panic, wake_all};
use crate::util::waiting::{Key, Waiting};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use waterwheel_reactor::{OwnedWait, Reactor, Writing};

#[derive(Debug)]
pub(super) struct Core<S> {
    pub(super) stream: S,
    /// Where the stream is registered if it has to be, before the reactor of whoever finds that out.
    pub(super) home: Weak<Reactor>,
    pub(super) watermarks: Watermarks,
    /// As the state has it, for who does not lock.
    queued: AtomicUsize,
    is_over: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) writer: Option<Writer>,
    pub(super) incoming: Queue<Arc<Completion>>,
    pub(super) queued: usize,
    /// The descriptor's waker was woken while somebody wrote.
    pub(super) notified: bool,
    /// No message is taken any more; those that are queued still go.
    pub(super) closing: bool,
    pub(super) failure: Option<Failure>,
    pub(super) left: Option<Left>,
    /// Those who wait until it is not over.
    pub(super) room: Waiting,
    /// Those who wait until nothing is queued, or ever will go.
    pub(super) end: Waiting,
}

/// The right to write.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) batch: Queue<Arc<Completion>>,
    pub(super) stay: OwnedWait<Writing>,
    /// Empty, but for the time of one step; it keeps its memory.
    pub(super) complete: Vec<Arc<Completion>>,
}

/// What had not gone when an outbox failed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// How an outbox has come to its end.
pub(super) enum End {
    Drained,
    Failed(Failure, Left),
}

impl<S: StreamSocket> Core<S> {
    pub(super) fn new(stream: S, watermarks: Watermarks) -> Arc<Self> {
        let home = Reactor::current().map_or_else(Weak::new, |home| Arc::downgrade(&home));
        Arc::new(Self {
            stream,
            home,
            watermarks,
            queued: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            state: Mutex::new(State {
                writer: Some(Writer {
                    batch: Queue::new(),
                    stay: OwnedWait::new(),
                    complete: Vec::new(),
                }),
                incoming: Queue::new(),
                queued: 0,
                notified: false,
                closing: false,
                failure: None,
                left: None,
                room: Waiting::default(),
                end: Waiting::default(),
            }),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under it, so that it is whole whatever has panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Counts what is queued (O3), and tells who waits for room (O6).
    pub(super) fn count(&self, state: &mut State, queued: usize, wakers: &mut Vec<Waker>) {
        state.queued = queued;
        self.queued.store(queued, Ordering::Relaxed);
        let was_over = self.is_over();
        if !was_over && queued > self.watermarks.high {
            self.is_over.store(true, Ordering::Relaxed);
        } else if was_over && queued <= self.watermarks.low {
            self.is_over.store(false, Ordering::Relaxed);
            state.room.take(wakers);
        }
    }

    pub(super) fn send(self: &Arc<Self>, message: Message) -> Sent {
        let length = message.len();
        let mut state = self.lock();
        if let Some(failure) = state.refusal() {
            return Sent::refused(length, failure);
        }
        let queued = state.queued + length;
        self.count(&mut state, queued, &mut Vec::new());
        match state.writer.take() {
            Some(writer) if writer.batch.is_empty() => {
                drop(state);
                self.send_first(writer, message)
            }
            writer => {
                state.writer = writer;
                let completion = Completion::new(length, 0);
                state.incoming.push(message, 0, Arc::clone(&completion));
                Sent::queued(length, completion)
            }
        }
    }

    /// Takes no messages any more. Those that are queued still go.
    pub(super) fn close(&self) {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        state.closing = true;
        state.room.take(&mut wakers);
        drop(state);
        wake_all(wakers);
    }

    /// Waits until there is room, or never will be.
    pub(super) fn poll_room(
        &self,
        key: &mut Option<Key>,
        waker: &Waker,
    ) -> Poll<Result<(), Failure>> {
        let waker = waker.clone();
        let mut state = self.lock();
        if let Some(failure) = state.refusal() {
            return Poll::Ready(Err(failure));
        }
        if !self.is_over() {
            return Poll::Ready(Ok(()));
        }
        let displaced = state.room.store(key, waker);
        drop(state);
        drop(displaced);
        Poll::Pending
    }

    pub(super) fn leave_room(&self, key: Key) {
        let waker = self.lock().room.remove(key);
        contain_panic(|| drop(waker));
    }

    /// Waits until nothing is queued, or nothing will go any more.
    pub(super) fn poll_end(&self, key: &mut Option<Key>, waker: &Waker) -> Poll<End> {
        let waker = waker.clone();
        let mut state = self.lock();
        let writer_is_idle = state.writer.as_ref().is_some_and(|w| w.batch.is_empty());
        if writer_is_idle {
            if let (Some(failure), Some(left)) = (&state.failure, state.left) {
                return Poll::Ready(End::Failed(failure.clone(), left));
            }
            debug_assert!(state.incoming.is_empty(), "O1");
            return Poll::Ready(End::Drained);
        }
        let displaced = state.end.store(key, waker);
        drop(state);
        drop(displaced);
        Poll::Pending
    }

    pub(super) fn leave_end(&self, key: Key) {
        let waker = self.lock().end.remove(key);
        contain_panic(|| drop(waker));
    }
}

impl State {
    /// Why no message is taken, if none is.
    fn refusal(&self) -> Option<Failure> {
        if self.failure.is_some() {
            return self.failure.clone();
        }
        self.closing
            .then(|| Failure::new(io::ErrorKind::BrokenPipe, "the outbox was closed"))
    }
}
