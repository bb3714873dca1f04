//! [`Sent`]: the completion of one message; and [`Completion`], where the outbox tells of it.

use super::failure::Failure;
use crate::util::contain::contain_panic;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use waterwheel_poll_context::budget::{self, GaveWay};

/// Resolves when a message has wholly gone to the kernel; returned by [`Outbox::send`](crate::Outbox::send).
///
/// It may be awaited in any task of any runtime, or polled by whatever polls futures. Polled again after it was ready, it
/// gives the same again.
///
/// # Errors
///
/// What the outbox has failed with, of the same kind for each message that had not gone; [`written`](Self::written)
/// tells how much of this one went before.
///
/// # Cancel safety
///
/// Dropping it cancels nothing: the message goes all the same.
#[must_use = "the message goes without it, but whether it went is told by this future alone"]
pub struct Sent {
    length: usize,
    state: State,
    gave_way: GaveWay,
}

enum State {
    /// It went within `send`.
    Complete,
    /// It was never taken.
    Refused(Failure),
    /// It was queued.
    Queued(Queued),
}

struct Queued {
    completion: Arc<Completion>,
    /// It was polled, and the completion may have its waker.
    waits: bool,
}

impl Drop for Queued {
    fn drop(&mut self) {
        if self.waits {
            self.completion.forget_waker();
        }
    }
}

impl Sent {
    fn new(length: usize, state: State) -> Self {
        Self {
            length,
            state,
            gave_way: GaveWay::NO,
        }
    }

    pub(super) fn complete(length: usize) -> Self {
        let state = State::Complete;
        Self::new(length, state)
    }

    pub(super) fn refused(length: usize, failure: Failure) -> Self {
        let state = State::Refused(failure);
        Self::new(length, state)
    }

    pub(super) fn queued(length: usize, completion: Arc<Completion>) -> Self {
        let waits = false;
        let state = State::Queued(Queued { completion, waits });
        Self::new(length, state)
    }

    /// How many bytes of the message the kernel has taken, now or when it failed.
    #[must_use]
    pub fn written(&self) -> usize {
        match &self.state {
            State::Complete => self.length,
            State::Refused(_) => 0,
            State::Queued(Queued { completion, .. }) => completion.written.load(Ordering::Acquire),
        }
    }

    /// Whether awaiting it gives its result at once.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match &self.state {
            State::Complete | State::Refused(_) => true,
            State::Queued(Queued { completion, .. }) => {
                !matches!(&*completion.lock(), Progress::Pending(_))
            }
        }
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match &mut self.state {
            State::Complete => Poll::Ready(Ok(())),
            State::Refused(failure) => Poll::Ready(Err(failure.clone())),
            State::Queued(Queued { completion, waits }) => {
                let result = completion.poll(cx);
                *waits = result.is_pending();
                result
            }
        }
    }
}

impl Future for Sent {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // So that a task whose messages always go at once lets others run.
        ready!(budget::poll_left(cx, &mut self.gave_way));
        let result = ready!(self.poll_result(cx));
        budget::spend();
        Poll::Ready(result.map_err(|failure| failure.of_message(self.written(), self.length)))
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("length", &self.length)
            .field("written", &self.written())
            .field("is_settled", &self.is_settled())
            .finish()
    }
}

/// What the outbox and the [`Sent`] of a queued message share. Its lock is a leaf, and no waker is cloned, woken or
/// dropped under it.
#[derive(Debug)]
pub(super) struct Completion {
    progress: Mutex<Progress>,
    length: usize,
    /// How many bytes have gone. Stored by who writes, before the progress says so.
    written: AtomicUsize,
}

#[derive(Debug)]
enum Progress {
    Pending(Option<Waker>),
    Complete,
    Failed(Failure),
}

impl Completion {
    pub(super) fn new(length: usize, written: usize) -> Arc<Self> {
        Arc::new(Self {
            progress: Mutex::new(Progress::Pending(None)),
            length,
            written: AtomicUsize::new(written),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        // No user code runs under it, so that it is whole whatever has panicked.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes have gone.
    pub(super) fn progressed(&self, written: usize) {
        self.written.store(written, Ordering::Release);
    }

    /// Its last byte has gone. Returns who waits, to be woken without a lock.
    pub(super) fn complete(&self) -> Option<Waker> {
        self.progressed(self.length);
        self.settle(Progress::Complete)
    }

    /// No more of it will go. Returns who waits, to be woken without a lock.
    pub(super) fn fail(&self, failure: &Failure) -> Option<Waker> {
        self.settle(Progress::Failed(failure.clone()))
    }

    fn settle(&self, how: Progress) -> Option<Waker> {
        let before = std::mem::replace(&mut *self.lock(), how);
        match before {
            Progress::Pending(waker) => waker,
            Progress::Complete | Progress::Failed(_) => {
                debug_assert!(false, "a message was settled twice");
                None
            }
        }
    }

    /// Nobody waits any more.
    fn forget_waker(&self) {
        let waker = match &mut *self.lock() {
            Progress::Pending(waker) => waker.take(),
            Progress::Complete | Progress::Failed(_) => None,
        };
        contain_panic(|| drop(waker));
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let waker = cx.waker().clone();
        let mut progress = self.lock();
        let _dropped_unlocked = match &mut *progress {
            Progress::Complete => return Poll::Ready(Ok(())),
            Progress::Failed(failure) => return Poll::Ready(Err(failure.clone())),
            Progress::Pending(place) => place.replace(waker),
        };
        drop(progress);
        Poll::Pending
    }
}
