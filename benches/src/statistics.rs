//! Medians, quartiles and ratios of what was measured.

/// The middle half of some figures, and its middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quartiles {
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
}

impl Quartiles {
    /// Of one figure or more, in any order.
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            lower: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            upper: quantile(&sorted, 0.75),
        }
    }
}

/// The figure at a fraction of the way through the sorted ones, interpolated between the two nearest.
fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let place = fraction * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

/// The ratio of two contestants, computed in two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// The ratio of the medians.
    pub(crate) of_medians: f64,
    /// The median of the ratios of each round. What slows the machine for longer than a round does not move it.
    pub(crate) by_round: f64,
    /// The middle half of the ratios of each round.
    pub(crate) rounds: Quartiles,
}

impl Ratio {
    /// Of two contestants measured in the same rounds.
    pub(crate) fn of(ours: &[f64], theirs: &[f64]) -> Self {
        assert_eq!(ours.len(), theirs.len(), "each was measured in each round");
        let rounds: Vec<_> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
        let rounds = Quartiles::of(&rounds);
        Self {
            of_medians: Quartiles::of(ours).median / Quartiles::of(theirs).median,
            by_round: rounds.median,
            rounds,
        }
    }

    /// The greater of the two, which is the one that a target is held against.
    pub(crate) fn judged(self) -> f64 {
        self.of_medians.max(self.by_round)
    }

    /// Both ratios are at most this.
    pub(crate) fn is_within(self, target: f64) -> bool {
        self.judged() <= target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_unsorted_figures() {
        let expected = Quartiles {
            lower: 2.0,
            median: 3.0,
            upper: 4.0,
        };
        assert_eq!(Quartiles::of(&[5.0, 1.0, 4.0, 2.0, 3.0]), expected);
    }

    #[test]
    fn quartiles_between_figures_and_of_one() {
        assert_eq!(Quartiles::of(&[1.0, 2.0]).median, 1.5);
        assert_eq!(Quartiles::of(&[1.0, 2.0]).upper, 1.75);
        assert_eq!(Quartiles::of(&[7.0]).lower, 7.0);
    }

    #[test]
    fn the_two_ratios_differ_and_both_must_be_within() {
        let ratio = Ratio::of(&[1.0, 2.0, 9.0], &[2.0, 4.0, 3.0]);
        assert_eq!(ratio.of_medians, 2.0 / 3.0);
        assert_eq!(ratio.by_round, 0.5);
        assert_eq!(ratio.judged(), 2.0 / 3.0);
        assert!(ratio.is_within(0.7));
        assert!(!ratio.is_within(0.6));
    }
}
