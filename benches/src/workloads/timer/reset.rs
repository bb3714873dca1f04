//! A pending sleep that is moved later, over and over: the time limit of a connection that is never silent.

use super::{Bound, HOUR, Requests, Workload, by_hand};
use crate::local::Local;
use std::hint::black_box;
use std::pin::pin;
use std::time::{Duration, Instant};

pub(super) struct Reset;

/// By how much: those that count in milliseconds have something to do each time.
const STEP: Duration = Duration::from_millis(1);

impl Workload for Reset {
    const NAME: &'static str = "reset";
    const WHAT: &'static str = "a pending sleep is reset to a deadline 1 ms after the last";
    const BOUNDS: &'static [Bound] = &[Bound::Ratio("tokio", 0.35), Bound::Ratio("monoio", 0.9)];

    async fn main<R: Local>(requests: Requests) {
        let mut deadline = Instant::now() + HOUR;
        let mut sleep = pin!(R::sleep_until(deadline));
        let operations = by_hand(requests, |cx, number| {
            if number == 0 {
                assert!(sleep.as_mut().poll(cx).is_pending());
            }
            deadline += STEP;
            R::reset(black_box(sleep.as_mut()), deadline);
        });
        operations.await;
    }
}
