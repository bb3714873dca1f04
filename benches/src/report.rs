//! The table: what was measured, and whether it meets the targets.

use crate::contest::Samples;
use crate::statistics::{Quartiles, Ratio};
use crate::workloads::{Bound, Entry, FLOOR, Unit};

const HEADER: [&str; 8] = [
    "workload",
    "of",
    "median",
    "quartiles",
    "ratio",
    "by round",
    "target",
    "verdict",
];

/// A workload in the table: a line for each contestant.
pub(crate) struct Row {
    name: &'static str,
    unit: Unit,
    lines: Vec<Line>,
}

/// A contestant of a workload.
struct Line {
    name: &'static str,
    figures: Quartiles,
    /// Waterwheel's figure to this one. Waterwheel itself has none.
    ratio: Option<Ratio>,
    /// Of the ratio; on Waterwheel's own line, of its figure.
    target: Option<f64>,
}

impl Row {
    /// Of the samples of all contestants, Waterwheel's first.
    pub(crate) fn new(entry: &Entry, samples: &[Samples]) -> Self {
        let ours = &samples[0];
        let best = best_peer(samples);
        let lines = samples.iter().enumerate().map(|(place, samples)| Line {
            name: samples.name,
            figures: Quartiles::of(&samples.figures),
            ratio: (place > 0).then(|| Ratio::of(&ours.figures, &samples.figures)),
            target: entry.bounds.iter().find_map(|bound| match *bound {
                Bound::Ratio(peer, most) if place > 0 && peer == samples.name => Some(most),
                Bound::Best(most) if Some(place) == best => Some(most),
                Bound::Absolute(most) if place == 0 => Some(most),
                _ => None,
            }),
        });
        Self {
            name: entry.name,
            unit: entry.unit,
            lines: lines.collect(),
        }
    }

    pub(crate) fn is_met(&self) -> bool {
        self.lines.iter().all(|line| line.is_met() != Some(false))
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let cells = |(place, line): (usize, &Line)| {
            let name = if place == 0 { self.name } else { "" };
            line.cells(name, self.unit)
        };
        self.lines.iter().enumerate().map(cells).collect()
    }
}

impl Line {
    /// Whether the target is met, if there is one.
    fn is_met(&self) -> Option<bool> {
        let target = self.target?;
        Some(match self.ratio {
            Some(ratio) => ratio.is_within(target),
            None => self.figures.median <= target,
        })
    }

    fn cells(&self, workload: &str, unit: Unit) -> Vec<String> {
        let show = |figure| show(figure, unit);
        let quartiles = format!(
            "{} – {}",
            show(self.figures.lower),
            show(self.figures.upper)
        );
        let ratio = |pick: fn(Ratio) -> f64| match self.ratio {
            Some(ratio) => format!("{:.3}", pick(ratio)),
            None => String::new(),
        };
        let target = match (self.target, self.ratio) {
            (Some(target), Some(_)) => format!("{target:.2}"),
            (Some(target), None) => show(target),
            (None, _) => String::new(),
        };
        let verdict = match self.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        vec![
            workload.to_owned(),
            self.name.to_owned(),
            show(self.figures.median),
            quartiles,
            ratio(|ratio| ratio.of_medians),
            ratio(|ratio| ratio.by_round),
            target,
            verdict.to_owned(),
        ]
    }
}

/// The place of the peer with the least median. A bare loop is none.
fn best_peer(samples: &[Samples]) -> Option<usize> {
    let median = |place: &usize| Quartiles::of(&samples[*place].figures).median;
    (1..samples.len())
        .filter(|place| samples[*place].name != FLOOR)
        .min_by(|a, b| median(a).total_cmp(&median(b)))
}

/// Prints the table of all workloads that ran.
pub(crate) fn print(rows: &[Row]) {
    let mut table = vec![HEADER.map(str::to_owned).to_vec()];
    table.extend(rows.iter().flat_map(Row::cells));
    print!("{}", align(&table));
}

/// Three figures that mean something, and the unit.
fn show(figure: f64, unit: Unit) -> String {
    let (figure, unit) = match unit {
        Unit::Bytes => (figure, "B"),
        Unit::Count => (figure, ""),
        Unit::Time if figure < 1e-6 => (figure * 1e9, "ns"),
        Unit::Time if figure < 1e-3 => (figure * 1e6, "µs"),
        Unit::Time => (figure * 1e3, "ms"),
    };
    let decimals = match figure {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$} {unit}")
}

/// Names to the left and figures to the right, each column as wide as its widest cell.
fn align(table: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = table.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..table[0].len()).map(width).collect();
    let mut text = String::new();
    for row in table {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            line += &match column {
                0 => format!("{cell:<width$}"),
                1 => format!("  {cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::Pace;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = [["name", "of", "µs"], ["a", "tokio", "12.5"]];
        let table = table.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(align(&table), "name  of       µs\na     tokio  12.5\n");
    }

    #[test]
    fn figures_keep_three_places_and_say_their_unit() {
        let shown =
            [1.234e-9, 12.34e-9, 123.4e-9, 1.234e-6, 1.234e-3, 1.234].map(|t| show(t, Unit::Time));
        assert_eq!(
            shown,
            [
                "1.23 ns", "12.3 ns", "123 ns", "1.23 µs", "1.23 ms", "1234 ms"
            ]
        );
        assert_eq!(show(80.0, Unit::Bytes), "80.0 B");
    }

    #[test]
    fn a_bound_is_of_the_peer_that_it_names_or_of_the_figure_itself() {
        let entry = |bounds| Entry {
            group: "group",
            name: "workload",
            what: "",
            unit: Unit::Time,
            pace: Pace::Filled,
            bounds,
            contestants: || unreachable!("nothing runs"),
        };
        let samples = [("waterwheel", 1.0), ("a", 2.0), ("b", 1.0)].map(|(name, figure)| Samples {
            name,
            figures: vec![figure],
            asides: Vec::new(),
        });
        let met = |bound| Row::new(&entry(vec![bound]), &samples).is_met();
        assert!(met(Bound::Ratio("a", 0.5)) && !met(Bound::Ratio("a", 0.4)));
        assert!(met(Bound::Ratio("b", 1.0)) && !met(Bound::Ratio("b", 0.9)));
        assert!(met(Bound::Best(1.0)) && !met(Bound::Best(0.9)));
        assert!(met(Bound::Absolute(1.0)) && !met(Bound::Absolute(0.9)));
    }
}
