//! Timers, polled by hand where the task that awaits them is not what is counted.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use waterwheel::time::{advance, now};
use waterwheel::{Runtime, block_on, sleep, sleep_until, yield_now};

/// Timers that pend together in `timers_fire`.
pub(super) const MANY: usize = 10_000;

/// Moments at which they are due, one after another.
const MOMENTS: usize = 100;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn sleep_drop(operations: usize) {
    block_on(poll_fn(|cx| {
        for _ in 0..operations {
            let sleep = pin!(sleep(black_box(SECOND)));
            assert!(sleep.poll(cx).is_pending());
        }
        Poll::Ready(())
    }));
}

pub(super) fn sleep_reset(operations: usize) {
    block_on(poll_fn(|cx| {
        let mut deadline = now() + SECOND;
        let mut sleep = pin!(sleep_until(deadline));
        assert!(sleep.as_mut().poll(cx).is_pending());
        for _ in 0..operations {
            deadline += Duration::from_millis(1);
            sleep.reset(black_box(deadline));
        }
        assert_eq!(sleep.deadline(), deadline);
        Poll::Ready(())
    }));
}

pub(super) fn timeout(operations: usize) {
    block_on(async {
        for _ in 0..operations {
            let in_time = waterwheel::timeout(black_box(SECOND), yield_now()).await;
            in_time.expect("a second is longer than a yield");
        }
    });
}

struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// By a clock that the runtime moves, so that as many are due at each moment in every run.
pub(super) fn timers_fire(operations: usize) {
    let runtime = Runtime::builder().worker_threads(1).paused_time().build();
    runtime.expect("a runtime").block_on(async {
        let fired = Arc::new(Counter(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&fired));
        for crowd in 1..=operations / MANY {
            let began = now();
            let sleeps: Vec<_> = (0..MANY)
                .map(|place| {
                    // In an order that is none: a step without common divisor.
                    let moment = place * 7_919 % MOMENTS;
                    let due = Duration::from_millis(1 + moment as u64);
                    let mut sleep = Box::pin(sleep_until(began + due));
                    let first = sleep.as_mut().poll(&mut Context::from_waker(&waker));
                    assert!(first.is_pending(), "the clock stands still");
                    sleep
                })
                .collect();
            advance(SECOND).await;
            assert_eq!(fired.0.load(Ordering::Relaxed), crowd * MANY);
            drop(sleeps);
        }
    });
}
