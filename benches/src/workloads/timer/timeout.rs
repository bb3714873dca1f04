//! A time limit for what is ready at once: a read that finds its data in the buffer.

use super::{Bound, Requests, SECOND, Workload, by_hand};
use crate::local::Local;
use std::future::{Future, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;

pub(super) struct Timeout;

impl Workload for Timeout {
    const NAME: &'static str = "timeout";
    const WHAT: &'static str = "a time limit of 1 s for a future that is ready";
    const BOUNDS: &'static [Bound] = &[Bound::Ratio("tokio", 0.3)];

    async fn main<R: Local>(requests: Requests) {
        let operations = by_hand(requests, |cx, number| {
            let mut limited = pin!(R::timeout(black_box(SECOND), ready(black_box(number))));
            let mut told = limited.as_mut().poll(cx);
            if told.is_pending() {
                // A runtime with a budget has it give way, once in many; after that it is ready.
                told = limited.as_mut().poll(cx);
            }
            assert_eq!(told, Poll::Ready(Some(number)));
        });
        operations.await;
    }
}
