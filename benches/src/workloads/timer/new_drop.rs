//! A sleep that something else overtakes: the time limit of a read that succeeds. It is made, polled once, and dropped.

use super::{Bound, Requests, SECOND, Workload, by_hand, crowd};
use crate::local::Local;
use std::hint::black_box;
use std::pin::pin;

/// Beside so many other sleeps that pend.
pub(super) struct NewDrop<const PENDING: u32>;

impl<const PENDING: u32> Workload for NewDrop<PENDING> {
    const NAME: &'static str = if PENDING == 0 {
        "new_drop"
    } else {
        "new_drop_crowd"
    };
    const WHAT: &'static str = if PENDING == 0 {
        "a sleep of 1 s made, polled once and dropped; no other is pending"
    } else {
        "the same while 1,000,000 others are pending"
    };
    const BOUNDS: &'static [Bound] = &[
        Bound::Ratio("tokio", 0.12),
        Bound::Ratio("smol", 0.6),
        Bound::Ratio("monoio", 0.9),
    ];

    async fn main<R: Local>(requests: Requests) {
        let _crowd = crowd::<R>(PENDING).await;
        let operations = by_hand(requests, |cx, _| {
            let mut sleep = pin!(R::sleep(black_box(SECOND)));
            assert!(sleep.as_mut().poll(cx).is_pending());
        });
        operations.await;
    }
}
