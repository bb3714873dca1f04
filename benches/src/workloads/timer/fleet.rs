//! A million sleeps that are due one after another within a second, and what the processor does until all have fired.
//!
//! What counts is the processor's time of the whole process, all threads of a runtime included, from when the last
//! sleep pends to when the last has fired. The first is due after that, or the attempt is repeated with more time to prepare.

use super::{MILLION, SECOND};
use crate::contest::Sample;
use crate::random::Random;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The deadlines are so many.
pub(super) const SLEEPS: u32 = MILLION;

/// How long the preparations may take, at first, and at most.
const LEAD: Duration = Duration::from_millis(1500);
const MOST_LEAD: Duration = Duration::from_secs(60);

/// Repeats an attempt until its preparations are done in time. The attempt is given the deadlines, in the order in which to
/// file them, and tells what it measured, or nothing if the first deadline came too soon.
pub(super) async fn measure(
    lead: &mut Option<Duration>,
    mut attempt: impl AsyncFnMut(Deadlines) -> Option<Sample>,
) -> Sample {
    let lead = lead.get_or_insert(LEAD);
    loop {
        if let Some(sample) = attempt(Deadlines::new(*lead)).await {
            return sample;
        }
        *lead *= 2;
        assert!(*lead <= MOST_LEAD, "the preparations take too long");
    }
}

/// When the sleeps are due.
pub(super) struct Deadlines {
    first: Instant,
    order: Vec<u32>,
}

impl Deadlines {
    fn new(lead: Duration) -> Self {
        let order = Random::new(2).permutation(SLEEPS);
        let first = Instant::now() + lead;
        Self { first, order }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Instant> {
        let step = SECOND / SLEEPS;
        self.order
            .iter()
            .map(move |&place| self.first + step * place)
    }

    /// To be called when all sleeps pend: begins to measure, unless one is due.
    pub(super) fn start(&self) -> Option<Measure> {
        (Instant::now() < self.first).then(|| Measure {
            began: Instant::now(),
            processor: processor(),
            last: self.first + SECOND / SLEEPS * (SLEEPS - 1),
        })
    }
}

/// Of the processor's time.
pub(super) struct Measure {
    began: Instant,
    processor: Duration,
    last: Instant,
}

impl Measure {
    /// To be called when all have fired.
    pub(super) fn end(self) -> Sample {
        assert!(Instant::now() >= self.last, "the last has fired early");
        let processor = processor() - self.processor;
        let figure = processor.as_secs_f64() / f64::from(SLEEPS);
        Sample::new(self.began.elapsed(), figure)
    }
}

/// How long the processor has worked for this process.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into().expect("the clock is not negative")
}
