//! The table: what was measured, and whether it meets the targets.

use crate::contest::Samples;
use crate::statistics::{Quartiles, Ratio};
use crate::workloads::Entry;

/// A workload in the table.
pub(crate) struct Row {
    name: &'static str,
    target: f64,
    /// Each contestant's name, and its seconds an iteration: Waterwheel, tokio, any others.
    contestants: Vec<(&'static str, Quartiles)>,
    /// Waterwheel to tokio.
    ratio: Ratio,
}

impl Row {
    pub(crate) fn new(entry: &Entry, samples: Vec<Samples>) -> Self {
        let [ours, tokio, ..] = samples.as_slice() else {
            panic!("Waterwheel is measured, and tokio beside it");
        };
        Self {
            name: entry.name,
            target: entry.target,
            ratio: Ratio::of(&ours.seconds, &tokio.seconds),
            contestants: samples
                .iter()
                .map(|samples| (samples.name, Quartiles::of(&samples.seconds)))
                .collect(),
        }
    }

    pub(crate) fn is_met(&self) -> bool {
        self.ratio.is_within(self.target)
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.name.to_owned()];
        for (_, time) in &self.contestants {
            cells.push(microseconds(time.median));
            let (lower, upper) = (microseconds(time.lower), microseconds(time.upper));
            cells.push(format!("{lower} – {upper}"));
        }
        cells.push(format!("{:.3}", self.ratio.of_medians));
        cells.push(format!("{:.3}", self.ratio.by_round));
        cells.push(format!("{:.2}", self.target));
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        cells.push(verdict.to_owned());
        cells
    }
}

/// Prints the table of all workloads that ran.
pub(crate) fn print(rows: &[Row]) {
    let Some(first) = rows.first() else {
        return;
    };
    let mut header = vec!["workload".to_owned()];
    for (name, _) in &first.contestants {
        header.extend([format!("{name}, µs"), "quartiles".to_owned()]);
    }
    header.extend(["ratio", "by round", "target", "verdict"].map(str::to_owned));
    let mut table = vec![header];
    table.extend(rows.iter().map(Row::cells));
    print!("{}", align(&table));
}

fn microseconds(seconds: f64) -> String {
    let microseconds = seconds * 1e6;
    // Three figures that mean something, and no more than one behind the point.
    let decimals = if microseconds < 100.0 { 1 } else { 0 };
    format!("{microseconds:.decimals$}")
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
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            text += &match column {
                0 => format!("{cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = [["name", "µs"], ["a", "12.5"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(align(&table), "name    µs\na     12.5\n");
    }

    #[test]
    fn times_keep_three_figures() {
        assert_eq!(microseconds(0.000_012_34), "12.3");
        assert_eq!(microseconds(0.012_345_6), "12346");
    }
}
