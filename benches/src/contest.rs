//! Who runs when, and for how long.
//!
//! After a warm-up, each round takes one sample of each contestant, and the next round takes them in the opposite order, and
//! every other one begins with another: what drifts meets all alike, and nobody always follows the same one. A sample is as many iterations as it takes to
//! last some milliseconds, so that samples of all contestants last about as long, however much faster one is.

use crate::workloads::Unit;
use std::thread;
use std::time::{Duration, Instant};

/// How long each contestant runs before it is measured: caches, allocator, clock of the processor.
const WARM_UP: Duration = Duration::from_millis(100);

/// How long a sample lasts, about, unless a single iteration takes longer.
const SAMPLE: Duration = Duration::from_millis(10);

/// A moment before each sample, so that the workers of whoever was before are asleep.
const SETTLE: Duration = Duration::from_millis(1);

/// Of how many rounds a workload of [`Pace::Single`] takes part in one.
const SINGLE_ROUNDS: u32 = 25;

/// How much of a workload makes a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As many iterations as fill it.
    Filled,
    /// One iteration, which takes seconds. It has few of the rounds, no warm-up but its own preparations, and counts
    /// something else than the time it takes.
    Single,
}

/// A runtime with a workload to run on it.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// Runs so many iterations.
    pub(crate) measure: Box<dyn FnMut(u32) -> Sample>,
}

/// What came of some iterations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// How long they took in all.
    pub(crate) took: Duration,
    /// What is compared: seconds or bytes, of one operation.
    pub(crate) figure: f64,
    /// What else was measured.
    pub(crate) asides: Vec<Aside>,
}

/// Something measured beside the figure that is compared: it is shown and written down, and not judged. Every sample of
/// every contestant of a workload has the same, in the same order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Aside {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) value: f64,
}

impl Sample {
    /// Of iterations that took so long, with a figure that was measured otherwise.
    pub(crate) fn new(took: Duration, figure: f64) -> Self {
        Self {
            took,
            figure,
            asides: Vec::new(),
        }
    }

    /// Of so many operations whose time is what is compared.
    pub(crate) fn of_time(took: Duration, operations: u64) -> Self {
        Self::new(took, took.as_secs_f64() / operations as f64)
    }
}

/// What was measured of one contestant.
pub(crate) struct Samples {
    pub(crate) name: &'static str,
    /// The figure of each sample, one a round.
    pub(crate) figures: Vec<f64>,
    /// What else was measured: each with its value in each sample.
    pub(crate) asides: Vec<(&'static str, Unit, Vec<f64>)>,
}

impl Pace {
    /// In how many of so many rounds a workload takes part.
    pub(crate) fn rounds(self, rounds: u32) -> u32 {
        match self {
            Self::Filled => rounds,
            Self::Single => rounds.div_ceil(SINGLE_ROUNDS),
        }
    }
}

/// Measures all contestants, and tells of each round that is over. Their runtimes end with it.
pub(crate) fn run(
    contestants: Vec<Contestant>,
    pace: Pace,
    rounds: u32,
    round_over: impl Fn(),
) -> Vec<Samples> {
    let enter = match pace {
        Pace::Filled => Entrant::warm_up,
        Pace::Single => Entrant::cold,
    };
    let mut entrants: Vec<_> = contestants.into_iter().map(enter).collect();
    for round in 0..pace.rounds(rounds) {
        for place in order(entrants.len(), round) {
            entrants[place].take_sample();
        }
        round_over();
    }
    entrants
        .into_iter()
        .map(|entrant| entrant.samples)
        .collect()
}

/// Who is measured when in a round. Each other round goes backwards; so who was last is first, and twice in a row, which has its
/// advantage: after two rounds the next one has it.
fn order(count: usize, round: u32) -> Vec<usize> {
    let first = (round / 2) as usize;
    let mut order: Vec<_> = (first..first + count).map(|place| place % count).collect();
    if !round.is_multiple_of(2) {
        order.reverse();
    }
    order
}

/// A contestant, and what came of it so far.
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
            shortest = shortest.min((contestant.measure)(1).took);
        }
        let iterations = SAMPLE.as_nanos().div_ceil(shortest.as_nanos().max(1));
        let mut entrant = Self::cold(contestant);
        entrant.iterations = iterations
            .try_into()
            .expect("a sample is not so many nanoseconds");
        entrant
    }

    fn cold(contestant: Contestant) -> Self {
        let samples = Samples {
            name: contestant.name,
            figures: Vec::new(),
            asides: Vec::new(),
        };
        Self {
            contestant,
            iterations: 1,
            samples,
        }
    }

    fn take_sample(&mut self) {
        thread::sleep(SETTLE);
        let sample = (self.contestant.measure)(self.iterations);
        self.samples.figures.push(sample.figure);
        let asides = &mut self.samples.asides;
        if asides.is_empty() {
            *asides = sample
                .asides
                .iter()
                .map(|aside| (aside.name, aside.unit, Vec::new()))
                .collect();
        }
        assert_eq!(asides.len(), sample.asides.len(), "as in the first sample");
        for (aside, (name, _, values)) in sample.asides.iter().zip(asides) {
            assert_eq!(aside.name, *name, "as in the first sample");
            values.push(aside.value);
        }
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
            let took = Duration::from_micros(micros) * iterations;
            Sample::of_time(took, u64::from(iterations))
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
        let samples = run(contestants, Pace::Filled, 4, || ());
        let measured: Vec<_> = notes.borrow().iter().skip(2).copied().collect();
        let (a, b) = (("a", 20), ("b", 10));
        assert_eq!(measured, [a, b, b, a, b, a, a, b]);
        for (samples, name, seconds) in [(&samples[0], "a", 0.0005), (&samples[1], "b", 0.001)] {
            assert_eq!(samples.name, name);
            assert_eq!(samples.figures, [seconds; 4]);
        }
    }

    #[test]
    fn everybody_is_in_every_place_equally_often() {
        for place in 0..5 {
            let mut there: Vec<_> = (0..10).map(|round| order(5, round)[place]).collect();
            there.sort_unstable();
            assert_eq!(there, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
        }
    }

    #[test]
    fn a_single_workload_is_never_run_but_for_its_samples() {
        let notes = Rc::default();
        let contestants = vec![noting("a", 500, &notes)];
        let samples = run(contestants, Pace::Single, SINGLE_ROUNDS + 1, || ());
        assert_eq!(*notes.borrow(), [("a", 1); 2]);
        assert_eq!(samples[0].figures, [0.0005; 2]);
    }
}
