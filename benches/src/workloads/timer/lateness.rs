//! How much later than asked for a short sleep ends, when nothing else runs.

use super::{Bound, Requests, Workload, bare};
use crate::contest::{Contestant, Sample};
use crate::local::Local;
use crate::statistics::Quartiles;
use crate::workloads::FLOOR;
use std::io;
use std::time::{Duration, Instant};

pub(super) struct Lateness;

/// How long a sleep is.
pub(super) const DELAY: Duration = Duration::from_micros(50);

/// So many sleeps are an iteration.
pub(super) const SLEEPS: usize = 50;

impl Workload for Lateness {
    const NAME: &'static str = "lateness";
    const WHAT: &'static str = "how much longer than 50 µs a sleep of that takes, the median of 50";
    const BOUNDS: &'static [Bound] = &[Bound::Ratio(FLOOR, 1.15)];

    async fn main<R: Local>(requests: Requests) {
        let answer = requests.answer(async |iterations| {
            let mut lateness = Measure::begin();
            for _ in 0..iterations {
                for _ in 0..SLEEPS {
                    let began = Instant::now();
                    R::sleep(DELAY).await;
                    lateness.add(began.elapsed());
                }
            }
            lateness.end()
        });
        answer.await;
    }

    fn floor() -> Option<io::Result<Contestant>> {
        Some(bare::contestant())
    }
}

/// The lateness of the sleeps of a sample.
pub(super) struct Measure {
    began: Instant,
    seconds: Vec<f64>,
}

impl Measure {
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            seconds: Vec::new(),
        }
    }

    /// A sleep took so long.
    pub(super) fn add(&mut self, took: Duration) {
        let late = took.checked_sub(DELAY).expect("no sleep ends early");
        self.seconds.push(late.as_secs_f64());
    }

    pub(super) fn end(self) -> Sample {
        Sample::new(self.began.elapsed(), Quartiles::of(&self.seconds).median)
    }
}
