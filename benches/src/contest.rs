//! Who runs when, and for how long.
//!
//! After a warm-up, each round takes one sample of each contestant, and the next round takes them in the opposite order:
//! what drifts meets all alike, and nobody always follows the same one. A sample is as many iterations as it takes to
//! last some milliseconds, so that samples of all contestants last about as long, however much faster one is.

use std::thread;
use std::time::{Duration, Instant};

/// How long each contestant runs before it is measured: caches, allocator, clock of the processor.
const WARM_UP: Duration = Duration::from_millis(100);

/// How long a sample lasts, about, unless a single iteration takes longer.
const SAMPLE: Duration = Duration::from_millis(10);

/// A moment before each sample, so that the workers of whoever was before are asleep.
const SETTLE: Duration = Duration::from_millis(1);

/// A runtime with a workload to run on it.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// Runs so many iterations, and tells how long they took in all.
    pub(crate) measure: Box<dyn FnMut(u32) -> Duration>,
}

/// What was measured of one contestant.
pub(crate) struct Samples {
    pub(crate) name: &'static str,
    /// The seconds that an iteration took, a round each.
    pub(crate) seconds: Vec<f64>,
}

/// Measures all contestants. Their runtimes end with it.
pub(crate) fn run(contestants: Vec<Contestant>, rounds: u32) -> Vec<Samples> {
    let mut entrants: Vec<_> = contestants.into_iter().map(Entrant::warm_up).collect();
    for round in 0..rounds {
        if round % 2 == 0 {
            entrants.iter_mut().for_each(Entrant::take_sample);
        } else {
            entrants.iter_mut().rev().for_each(Entrant::take_sample);
        }
    }
    entrants
        .into_iter()
        .map(|entrant| entrant.samples)
        .collect()
}

/// A contestant that has warmed up.
struct Entrant {
    contestant: Contestant,
    /// In each sample.
    iterations: u32,
    samples: Samples,
}

impl Entrant {
    fn warm_up(mut contestant: Contestant) -> Self {
        let began = Instant::now();
        let mut shortest = Duration::MAX;
        while began.elapsed() < WARM_UP {
            shortest = shortest.min((contestant.measure)(1));
        }
        let iterations = SAMPLE.as_nanos().div_ceil(shortest.as_nanos().max(1));
        let samples = Samples {
            name: contestant.name,
            seconds: Vec::new(),
        };
        Self {
            contestant,
            iterations: iterations
                .try_into()
                .expect("a sample is not so many nanoseconds"),
            samples,
        }
    }

    fn take_sample(&mut self) {
        thread::sleep(SETTLE);
        let took = (self.contestant.measure)(self.iterations);
        let iteration = took.as_secs_f64() / f64::from(self.iterations);
        self.samples.seconds.push(iteration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A contestant whose iterations take so long, it says, and who notes down when it was measured.
    fn noting(
        name: &'static str,
        micros: u64,
        notes: &Rc<RefCell<Vec<(&'static str, u32)>>>,
    ) -> Contestant {
        let notes = Rc::clone(notes);
        let measure = move |iterations| {
            // Warm-up goes by the real clock.
            if iterations == 1 {
                thread::sleep(WARM_UP);
            }
            notes.borrow_mut().push((name, iterations));
            Duration::from_micros(micros) * iterations
        };
        Contestant {
            name,
            measure: Box::new(measure),
        }
    }

    #[test]
    fn rounds_alternate_and_samples_last_alike() {
        let notes = Rc::default();
        let contestants = vec![noting("a", 500, &notes), noting("b", 1000, &notes)];
        let samples = run(contestants, 3);
        let measured: Vec<_> = notes.borrow().iter().skip(2).copied().collect();
        let (a, b) = (("a", 20), ("b", 10));
        assert_eq!(measured, [a, b, b, a, a, b]);
        for (samples, name, seconds) in [(&samples[0], "a", 0.0005), (&samples[1], "b", 0.001)] {
            assert_eq!(samples.name, name);
            assert_eq!(samples.seconds, [seconds; 3]);
        }
    }
}
