//! What a run has found: [`Row`]s of [`Line`]s, with ratios and verdicts. The other files here show it.
//!
//! | module | shows |
//! |---|---|
//! | `table` | the table that a run prints |
//! | `markdown` | `report.md`, with the same content and the charts |
//! | `json` | `report.json`, with every sample |
//! | `chart` | `<group>.svg`, the ratios of a group |
//! | `figure` | a figure with its unit, for people |

mod chart;
mod figure;
mod json;
mod markdown;
pub(crate) mod table;

use crate::contest::Samples;
use crate::machine::Machine;
use crate::statistics::{Quartiles, Ratio};
use crate::workloads::{Bound, Entry, FLOOR, Unit};
use figure::show;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// A run, and what came of it.
pub(crate) struct Report {
    began: SystemTime,
    machine: Machine,
    set: Set,
    rounds: u32,
    pub(crate) rows: Vec<Row>,
}

/// Which workloads a run is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Set {
    Quick,
    Full,
    Selection,
}

/// A workload: a line for each contestant.
pub(crate) struct Row {
    group: &'static str,
    name: &'static str,
    what: &'static str,
    unit: Unit,
    lines: Vec<Line>,
}

/// A contestant of a workload.
struct Line {
    samples: Samples,
    figures: Quartiles,
    /// Waterwheel's figure to this one. Waterwheel itself has none.
    ratio: Option<Ratio>,
    /// Whether it is the peer with the least median.
    is_best: bool,
    /// Of the ratio; on Waterwheel's own line, of its figure.
    target: Option<f64>,
}

impl Report {
    /// Of a run that begins now.
    pub(crate) fn new(set: Set, rounds: u32) -> Self {
        Self {
            began: SystemTime::now(),
            machine: Machine::new(),
            set,
            rounds,
            rows: Vec::new(),
        }
    }

    /// How many targets are missed.
    pub(crate) fn missed(&self) -> usize {
        let lines = self.rows.iter().flat_map(|row| &row.lines);
        lines.filter(|line| line.is_met() == Some(false)).count()
    }

    /// Writes all files into a directory, which is made if there is none. Charts of groups that were not run are left as they are.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("report.json"), json::of(self)?)?;
        fs::write(directory.join("report.md"), markdown::of(self))?;
        for (group, rows) in self.groups() {
            if let Some(svg) = chart::of(group, rows) {
                fs::write(directory.join(chart::file(group)), svg)?;
            }
        }
        Ok(())
    }

    /// Those rows that follow each other and are of one group.
    fn groups(&self) -> impl Iterator<Item = (&'static str, &[Row])> {
        let groups = self.rows.chunk_by(|row, next| row.group == next.group);
        groups.map(|rows| (rows[0].group, rows))
    }

    fn date(&self) -> String {
        humantime::format_rfc3339_seconds(self.began).to_string()
    }

    /// What a reader must know of the run, by name.
    fn head(&self) -> [(&'static str, String); 6] {
        let machine = &self.machine;
        let set = match self.set {
            Set::Quick => "the quick set",
            Set::Full => "the full set",
            Set::Selection => "a selection",
        };
        [
            (
                "machine",
                format!("{}, {} cores", machine.processor, machine.cores),
            ),
            ("kernel", format!("Linux {}", machine.kernel)),
            ("compiler", machine.compiler.to_owned()),
            ("versions", machine.versions()),
            ("date", self.date()),
            (
                "method",
                format!("{set}, {} rounds, interleaved", self.rounds),
            ),
        ]
    }
}

impl Row {
    /// Of the samples of all contestants, Waterwheel's first.
    pub(crate) fn new(entry: &Entry, samples: Vec<Samples>) -> Self {
        let best = best_peer(&samples);
        let ours = samples[0].figures.clone();
        let lines = samples.into_iter().enumerate().map(|(place, samples)| {
            let target = |bound: &Bound| match *bound {
                Bound::Ratio(peer, most) if place > 0 && peer == samples.name => Some(most),
                Bound::Best(most) if Some(place) == best => Some(most),
                Bound::Absolute(most) if place == 0 => Some(most),
                _ => None,
            };
            Line {
                figures: Quartiles::of(&samples.figures),
                ratio: (place > 0).then(|| Ratio::of(&ours, &samples.figures)),
                is_best: Some(place) == best,
                // Of several the strictest.
                target: entry.bounds.iter().filter_map(target).reduce(f64::min),
                samples,
            }
        });
        Self {
            group: entry.group,
            name: entry.name,
            what: entry.what,
            unit: entry.unit,
            lines: lines.collect(),
        }
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

    /// The verdict, in a word.
    fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        }
    }

    /// The target, as a ratio or with its unit.
    fn show_target(&self, unit: Unit) -> String {
        match (self.target, self.ratio) {
            (Some(target), Some(_)) => format!("{target:.2}"),
            (Some(target), None) => show(target, unit),
            (None, _) => String::new(),
        }
    }

    fn show_quartiles(&self, unit: Unit) -> String {
        let Quartiles { lower, upper, .. } = self.figures;
        format!("{} – {}", show(lower, unit), show(upper, unit))
    }

    /// One of the ratios. Of less than a tenth, three places mean something.
    fn show_ratio(&self, pick: fn(Ratio) -> f64) -> String {
        self.ratio
            .map_or(String::new(), |ratio| format!("{:.3}", pick(ratio)))
    }

    /// What else was measured, by name.
    fn show_asides(&self) -> Vec<String> {
        let asides = self.samples.asides.iter();
        let show = |(name, unit, values): &(&str, Unit, Vec<f64>)| {
            format!("{name} {}", show(Quartiles::of(values).median, *unit))
        };
        asides.map(show).collect()
    }
}

/// Who takes part in any of the workloads, Waterwheel first and the floor last.
fn contestants<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for line in rows.into_iter().flat_map(|row| &row.lines) {
        if !names.contains(&line.samples.name) {
            names.push(line.samples.name);
        }
    }
    names.sort_by_key(|name| *name == FLOOR);
    names
}

/// The place of the peer with the least median. A bare loop is none.
fn best_peer(samples: &[Samples]) -> Option<usize> {
    let median = |place: &usize| Quartiles::of(&samples[*place].figures).median;
    (1..samples.len())
        .filter(|place| samples[*place].name != FLOOR)
        .min_by(|a, b| median(a).total_cmp(&median(b)))
}

#[cfg(test)]
pub(crate) mod tests;
