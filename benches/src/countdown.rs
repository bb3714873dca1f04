//! [`Countdown`]: the last of many tasks tells whoever awaits them all.
//!
//! It counts units of work, so that a workload asserts that all of it has been done: the receiver hears when exactly the
//! announced number is reached. If a task panics or is dropped unfinished, the last share of the countdown goes without
//! telling, the sender with it, and the receiver gets an error instead of waiting for ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

pub(crate) struct Countdown {
    remaining: AtomicUsize,
    /// Taken by the last task alone: the lock is never contended, and is no part of what the other tasks cost.
    finished: Mutex<Option<oneshot::Sender<()>>>,
}

impl Countdown {
    /// Give each task a share of the countdown, and drop the one returned here.
    pub(crate) fn new(units: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let countdown = Self {
            remaining: AtomicUsize::new(units),
            finished: Mutex::new(Some(sender)),
        };
        (Arc::new(countdown), receiver)
    }

    /// So many units have been done.
    pub(crate) fn done(&self, units: usize) {
        let before = self.remaining.fetch_sub(units, Ordering::AcqRel);
        assert!(before >= units, "more was done than there was to do");
        if before == units {
            let mut finished = self.finished.lock().expect("nobody panics with this lock");
            let sender = finished.take().expect("the end is reached once");
            sender.send(()).expect("the receiver waits for the end");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_unit_tells() {
        let (countdown, mut finished) = Countdown::new(3);
        countdown.done(2);
        assert!(finished.try_recv().is_err());
        countdown.done(1);
        assert_eq!(finished.try_recv(), Ok(()));
    }

    #[test]
    fn a_dropped_task_is_an_error_and_not_a_hang() {
        let (countdown, finished) = Countdown::new(2);
        countdown.done(1);
        drop(countdown);
        assert!(finished.blocking_recv().is_err());
    }
}
