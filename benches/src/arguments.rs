//! What the user asks for.

use crate::report::Set;
use crate::workloads::{self, Entry};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How many rounds there are unless the user says it.
const QUICK_ROUNDS: u32 = 21;
const FULL_ROUNDS: u32 = 51;

/// Compares Waterwheel with its peers: the same programs, in one run, interleaved.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The groups or workloads to run; the quick set if none is named
    #[arg(value_parser = PossibleValuesParser::new(workloads::names()), hide_possible_values = true)]
    workloads: Vec<String>,

    /// Run everything, and more rounds of it
    #[arg(long)]
    full: bool,

    /// How many times each contestant is measured in each workload [default: 21, or 51 of the full set]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// Where to write the report [default: report/ beside this program's manifest, and nowhere if workloads are named]
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<PathBuf>,

    /// Exit with a failure if a target is missed
    #[arg(long)]
    pub(crate) check: bool,

    /// Only tell which workloads would be run, and how they are called
    #[arg(long)]
    pub(crate) list: bool,
}

impl Arguments {
    pub(crate) fn set(&self) -> Set {
        match (self.workloads.is_empty(), self.full) {
            (false, _) => Set::Selection,
            (true, false) => Set::Quick,
            (true, true) => Set::Full,
        }
    }

    pub(crate) fn rounds(&self) -> u32 {
        let usual = if self.full { FULL_ROUNDS } else { QUICK_ROUNDS };
        self.rounds.unwrap_or(usual)
    }

    /// Where to write the report. A few workloads never take the place of the report of a whole set unasked.
    pub(crate) fn report(&self) -> Option<PathBuf> {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("report");
        let given = self.report.clone();
        given.or_else(|| (self.set() != Set::Selection).then(usual))
    }

    /// The workloads to run, in the order of the list.
    pub(crate) fn choose(&self) -> Vec<Entry> {
        let all = workloads::all();
        let quick = all.iter().filter(|entry| entry.quick);
        let quick_groups: HashSet<_> = quick.map(|entry| entry.group).collect();
        let mut chosen = all;
        chosen.retain(|entry| self.asks_for(entry, quick_groups.contains(entry.group)));
        chosen
    }

    /// Who names a workload wants it, even if it is slow; who names a group wants what is quick of it, if anything is.
    fn asks_for(&self, entry: &Entry, group_is_quick: bool) -> bool {
        let is_named = |name| self.workloads.iter().any(|named| named == name);
        let in_set = entry.quick || self.full;
        if self.workloads.is_empty() {
            in_set
        } else {
            is_named(entry.name) || is_named(entry.group) && (in_set || !group_is_quick)
        }
    }
}

/// The names of workloads, and what they do.
pub(crate) fn print_list(entries: &[Entry]) {
    let width = entries.iter().map(|entry| entry.name.len()).max();
    let width = width.unwrap_or(0);
    let mut group = "";
    for entry in entries {
        if entry.group != group {
            group = entry.group;
            println!("{group}");
        }
        println!("  {:<width$}  {}", entry.name, entry.what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(arguments: &[&str]) -> Vec<&'static str> {
        let arguments = Arguments::parse_from([&["benches"], arguments].concat());
        let chosen = arguments.choose();
        chosen.iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn a_selection_is_of_groups_and_of_workloads() {
        assert_eq!(chosen(&["reset", "idle_task"]), ["reset", "idle_task"]);
        let memory = chosen(&["memory"]);
        assert!(memory.contains(&"idle_task") && memory.contains(&"pending_sleep"));
    }

    #[test]
    fn what_is_slow_is_in_the_full_set_or_asked_for() {
        assert!(!chosen(&[]).contains(&"clean_build"));
        assert!(chosen(&["--full"]).contains(&"clean_build"));
        assert_eq!(chosen(&["build"]), ["clean_build"]);
        assert_eq!(chosen(&["clean_build"]), ["clean_build"]);
    }

    #[test]
    fn a_selection_is_not_written_unless_it_is_said_where() {
        let report =
            |arguments: &[&str]| Arguments::parse_from([&["benches"], arguments].concat()).report();
        assert!(report(&[]).is_some_and(|path| path.ends_with("report")));
        assert!(report(&["--full"]).is_some());
        assert_eq!(report(&["timer"]), None);
        let named = report(&["timer", "--report", "here"]);
        assert_eq!(named.as_deref(), Some(Path::new("here")));
    }
}
