//! How many bytes a pending sleep takes: its box, and whatever the runtime keeps for it.

use crate::allocator::Counter;
use crate::contest::{Pace, Sample};
use crate::local::Local;
use crate::resident::Requests;
use crate::workloads::timer::{MILLION, Workload, crowd};
use crate::workloads::{Bound, Unit};
use std::time::{Duration, Instant};

pub(super) struct PendingSleep;

const MOMENT: Duration = Duration::from_millis(1);

impl Workload for PendingSleep {
    const NAME: &'static str = "pending_sleep";
    const WHAT: &'static str =
        "the bytes in use for a boxed, pending sleep, the mean of 1,000,000 of them";
    const UNIT: Unit = Unit::Bytes;
    const PACE: Pace = Pace::Single;
    const BOUNDS: &'static [Bound] = &[Bound::Absolute(80.0)];

    async fn main<R: Local>(requests: Requests) {
        let answer = requests.answer(async |_| {
            let began = Instant::now();
            let counter = Counter::start();
            let crowd = crowd::<R>(MILLION).await;
            // Where the crowd stands is the workload's own.
            let places = crowd.capacity() * size_of_val(&crowd[0]);
            let bytes = counter.stop() - places as i64;
            let sample = Sample::new(began.elapsed(), bytes as f64 / f64::from(MILLION));
            drop(crowd);
            // The runtime has time to give back what it keeps for so many, so that it is counted the next time, too.
            R::sleep(MOMENT).await;
            sample
        });
        answer.await;
    }
}
