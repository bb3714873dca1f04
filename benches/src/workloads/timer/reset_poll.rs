//! A pending sleep that is moved later and polled, over and over: as [`reset`](super::reset), by a task that waits for the
//! sleep beside something else.

use super::{Bound, HOUR, Requests, Workload, by_hand};
use crate::local::Local;
use std::pin::pin;
use std::time::Instant;

pub(super) struct ResetPoll;

impl Workload for ResetPoll {
    const NAME: &'static str = "reset_poll";
    const WHAT: &'static str = "a pending sleep is reset to an hour from now, and polled";
    const BOUNDS: &'static [Bound] = &[];

    async fn main<R: Local>(requests: Requests) {
        let mut sleep = pin!(R::sleep(HOUR));
        let operations = by_hand(requests, |cx, _| {
            R::reset(sleep.as_mut(), Instant::now() + HOUR);
            assert!(sleep.as_mut().poll(cx).is_pending());
        });
        operations.await;
    }
}
