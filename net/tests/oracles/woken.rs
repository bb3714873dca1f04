//! A waker that remembers whether it was woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Debug, Default)]
pub(crate) struct Woken(AtomicBool);

impl Woken {
    /// Polls, and returns what tells whether that was woken since.
    pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> (Poll<F::Output>, Arc<Self>) {
        let woken = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&woken));
        (future.poll(&mut Context::from_waker(&waker)), woken)
    }

    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
