//! [`Busy`]: a loop over a future that is always ready, and the count of its rounds.

use crate::table::Kind;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use waterwheel::poll_context::budget::PER_POLL;
use waterwheel::{sleep, time};

/// A loop that comes round so often in one poll has spent more than there is, and might do so for ever. One round is free: that in which it
/// has waited.
const TOO_OFTEN: u32 = PER_POLL + 2;

/// So often in one poll, it has been ready without waiting.
const OFTEN: u32 = 16;

/// Of what waits in each round, so many rounds are enough.
const A_FEW: u32 = 3;

/// How often a loop has come round.
#[derive(Clone)]
pub(crate) struct Rounds(Arc<Counts>);

struct Counts {
    label: String,
    in_this_poll: AtomicU32,
    most_in_a_poll: AtomicU32,
    total: AtomicU32,
    is_over: AtomicBool,
    has_failed: AtomicBool,
}

impl Rounds {
    pub(crate) fn new(label: String) -> Self {
        Self(Arc::new(Counts {
            label,
            in_this_poll: AtomicU32::new(0),
            most_in_a_poll: AtomicU32::new(0),
            total: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
        }))
    }

    /// The loop comes round.
    #[track_caller]
    pub(crate) fn one(&self) {
        self.0.total.fetch_add(1, Relaxed);
        let count = self.0.in_this_poll.fetch_add(1, Relaxed) + 1;
        self.0.most_in_a_poll.fetch_max(count, Relaxed);
        if count >= TOO_OFTEN {
            self.0.has_failed.store(true, Relaxed);
            panic!(
                "{} was ready {count} times in one poll: it keeps its worker for ever",
                self.0.label
            );
        }
    }

    pub(crate) fn total(&self) -> u32 {
        self.0.total.load(Relaxed)
    }

    /// Waits until it has come round often in a poll, so that it has been seen to be busy.
    pub(crate) async fn until_enough(&self, kind: Kind) {
        loop {
            assert!(
                !self.0.has_failed.load(Relaxed),
                "{} has failed",
                self.0.label
            );
            let enough = match kind {
                Kind::Ready => {
                    self.0.most_in_a_poll.load(Relaxed) >= OFTEN && self.total() > 2 * PER_POLL
                }
                Kind::Once | Kind::Paused | Kind::Waits => self.total() >= A_FEW,
            };
            if enough {
                let most = self.0.most_in_a_poll.load(Relaxed);
                assert!(
                    kind != Kind::Once || most <= 3,
                    "{} was ready {most} times in one poll",
                    self.0.label
                );
                return;
            }
            match kind {
                Kind::Paused => time::advance(Duration::from_millis(1)).await,
                Kind::Ready | Kind::Once | Kind::Waits => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// The next poll of the loop ends it.
    pub(crate) fn end(&self) {
        self.0.is_over.store(true, Relaxed);
    }
}

/// Polls a loop, and counts from zero in each poll.
pub(crate) struct Busy<F> {
    inner: F,
    rounds: Rounds,
}

impl<F> Busy<F> {
    pub(crate) fn new(inner: F, rounds: Rounds) -> Self {
        Self { inner, rounds }
    }
}

impl<F: Future<Output = ()> + Unpin> Future for Busy<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.rounds.0.is_over.load(Relaxed) {
            return Poll::Ready(());
        }
        self.rounds.0.in_this_poll.store(0, Relaxed);
        Pin::new(&mut self.inner).poll(cx)
    }
}
