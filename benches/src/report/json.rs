//! `report.json`: everything, with every sample. Times are in seconds.

use super::{Line, Report, Row, Set};
use crate::machine::Machine;
use crate::workloads::Unit;
use serde::Serialize;
use std::io;

pub(super) fn of(report: &Report) -> io::Result<String> {
    let report = Run {
        date: report.date(),
        set: report.set,
        rounds: report.rounds,
        machine: &report.machine,
        workloads: report.rows.iter().map(Workload::of).collect(),
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

#[derive(Serialize)]
struct Run<'a> {
    date: String,
    set: Set,
    rounds: u32,
    machine: &'a Machine,
    workloads: Vec<Workload<'a>>,
}

#[derive(Serialize)]
struct Workload<'a> {
    group: &'static str,
    name: &'static str,
    what: &'static str,
    unit: &'static str,
    contestants: Vec<Contestant<'a>>,
}

#[derive(Serialize)]
struct Contestant<'a> {
    name: &'static str,
    median: f64,
    lower_quartile: f64,
    upper_quartile: f64,
    /// Waterwheel's figure to this one.
    ratio: Option<f64>,
    ratio_by_round: Option<f64>,
    best_peer: bool,
    target: Option<f64>,
    met: Option<bool>,
    /// In the order of the rounds.
    samples: &'a [f64],
    asides: Vec<Aside<'a>>,
}

#[derive(Serialize)]
struct Aside<'a> {
    name: &'static str,
    unit: &'static str,
    samples: &'a [f64],
}

impl<'a> Workload<'a> {
    fn of(row: &'a Row) -> Self {
        Self {
            group: row.group,
            name: row.name,
            what: row.what,
            unit: unit(row.unit),
            contestants: row.lines.iter().map(Contestant::of).collect(),
        }
    }
}

impl<'a> Contestant<'a> {
    fn of(line: &'a Line) -> Self {
        let asides = line.samples.asides.iter();
        Self {
            name: line.samples.name,
            median: line.figures.median,
            lower_quartile: line.figures.lower,
            upper_quartile: line.figures.upper,
            ratio: line.ratio.map(|ratio| ratio.of_medians),
            ratio_by_round: line.ratio.map(|ratio| ratio.by_round),
            best_peer: line.is_best,
            target: line.target,
            met: line.is_met(),
            samples: &line.samples.figures,
            asides: asides
                .map(|(name, of, samples)| Aside {
                    name,
                    unit: unit(*of),
                    samples,
                })
                .collect(),
        }
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "seconds",
        Unit::Bytes => "bytes",
        Unit::Count => "count",
    }
}
