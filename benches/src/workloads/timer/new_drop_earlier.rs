//! Sleeps made, polled once and dropped, of which each is due before the one that went before: no runtime can save work by
//! keeping the last.

use super::{Bound, HOUR, Requests, Workload, by_hand};
use crate::local::Local;
use std::pin::pin;
use std::time::Duration;

pub(super) struct NewDropEarlier;

/// By how much: time goes on, too, from one to the next, but not by so much.
const STEP: Duration = Duration::from_micros(100);

impl Workload for NewDropEarlier {
    const NAME: &'static str = "new_drop_earlier";
    const WHAT: &'static str =
        "a sleep made, polled once and dropped, due 100 µs before the last; no other is pending";
    const BOUNDS: &'static [Bound] = &[];

    async fn main<R: Local>(requests: Requests) {
        let operations = by_hand(requests, |cx, number| {
            // As many as an hour has room for; then from the start.
            let delay = HOUR - STEP * (number % 30_000_000);
            let mut sleep = pin!(R::sleep(delay));
            assert!(sleep.as_mut().poll(cx).is_pending());
        });
        operations.await;
    }
}
