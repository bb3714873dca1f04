//! A million timers fire, and wake something that does next to nothing: the timers alone, without tasks.
//!
//! The sleeps share one waker, which counts. That they are ready, too, is seen after the
//! clock has been read.

use super::fleet::{Measure, SLEEPS, measure};
use super::{Bound, Requests, Workload};
use crate::contest::{Pace, Sample};
use crate::local::Local;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

pub(super) struct FireTimers;

impl Workload for FireTimers {
    const NAME: &'static str = "fire_timers";
    const WHAT: &'static str =
        "1,000,000 sleeps due within 1 s fire and wake a counter; processor time of one";
    const PACE: Pace = Pace::Single;
    const BOUNDS: &'static [Bound] = &[Bound::Best(0.35)];

    async fn main<R: Local>(requests: Requests) {
        let mut lead = None;
        let answer = requests.answer(async |_| {
            let sample = measure(&mut lead, async |deadlines| {
                let count = Arc::new(Count::new());
                let waker = Waker::from(Arc::clone(&count));
                let mut cx = Context::from_waker(&waker);
                let mut sleeps: Vec<Pin<Box<R::Sleep>>> = Vec::new();
                for deadline in deadlines.iter() {
                    let mut sleep = Box::pin(R::sleep_until(deadline));
                    if sleep.as_mut().poll(&mut cx).is_ready() {
                        return None;
                    }
                    sleeps.push(sleep);
                }
                let measure = deadlines.start()?;
                poll_fn(|cx| count.poll_all(cx)).await;
                let sample = Measure::end(measure);
                // Each is due, and has woken; a budget that a runtime may have makes it yield at times.
                for sleep in sleeps {
                    sleep.await;
                }
                Some(sample)
            });
            let sample: Sample = sample.await;
            sample
        });
        answer.await;
    }
}

/// Counts down when woken.
struct Count {
    remaining: AtomicU32,
    main: Mutex<Option<Waker>>,
}

impl Count {
    fn new() -> Self {
        Self {
            remaining: AtomicU32::new(SLEEPS),
            main: Mutex::new(None),
        }
    }

    /// Ready when every sleep has woken it.
    fn poll_all(&self, cx: &Context<'_>) -> Poll<()> {
        let mut main = self.main.lock().expect("nobody panics with this lock");
        if self.remaining.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        *main = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = self.remaining.fetch_sub(1, Ordering::AcqRel);
        assert_ne!(before, 0, "each sleep wakes once");
        if before == 1 {
            let main = self
                .main
                .lock()
                .expect("nobody panics with this lock")
                .take();
            main.expect("the main future waits").wake();
        }
    }
}
