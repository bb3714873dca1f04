//! Many pending sleeps that are dropped, one after another: what it costs to forget a timer that is one of a crowd.

use super::{Bound, Requests, Workload, crowd};
use crate::contest::Sample;
use crate::local::Local;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

pub(super) struct Cancel;

const CROWD: u32 = 100_000;

impl Workload for Cancel {
    const NAME: &'static str = "cancel";
    const WHAT: &'static str = "one of 100,000 pending sleeps is dropped, until none is left";
    const BOUNDS: &'static [Bound] = &[];

    async fn main<R: Local>(requests: Requests) {
        let answer = requests.answer(async |iterations| {
            let mut took = Duration::ZERO;
            for _ in 0..iterations {
                // In an order that is none, and dropped in the same.
                let mut crowd = Some(crowd::<R>(CROWD).await);
                let drops = poll_fn(|_| {
                    let began = Instant::now();
                    drop(crowd.take());
                    Poll::Ready(began.elapsed())
                });
                took += drops.await;
            }
            Sample::of_time(took, u64::from(iterations) * u64::from(CROWD))
        });
        answer.await;
    }
}
