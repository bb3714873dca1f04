//! What is measured: groups of workloads, and the list of all.
//!
//! A workload is a file in the folder of its group, and written once for all contestants of the group. Each asserts that all
//! of its work was done. A new group is a folder here and a line in [`all`]; how its workloads are written, and which
//! runtimes take part, is its own affair: here they are nothing but a name, bounds and contestants.

mod build;
pub(crate) mod memory;
pub(crate) mod net;
pub(crate) mod tasks;
mod timer;

use crate::contest::{Contestant, Pace};
use std::io;

/// The contestant that is no runtime: a loop of bare system calls, which shows what no runtime can be expected to undercut.
pub(crate) const FLOOR: &str = "bare";

/// A workload in the list.
pub(crate) struct Entry {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    pub(crate) pace: Pace,
    /// Whether it is in the quick set, too, and not in the full one only.
    pub(crate) quick: bool,
    /// What Waterwheel must keep to. Peers without a bound are there to be seen.
    pub(crate) bounds: Vec<Bound>,
    /// Those that are measured: Waterwheel first, its peers after it. An error of the kind `Unsupported` says what this machine
    /// lacks for the workload, which is left out then.
    pub(crate) contestants: fn() -> io::Result<Vec<Contestant>>,
}

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    /// Seconds.
    Time,
    Bytes,
    /// A number of things: system calls, instructions.
    Count,
}

/// What a figure of Waterwheel's may be at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// This many times that of a peer, by its name.
    Ratio(&'static str, f64),
    /// This many times that of the best peer; a bare loop is none.
    Best(f64),
    /// This much.
    Absolute(f64),
}

/// Every workload, in the order in which they run: by groups.
pub(crate) fn all() -> Vec<Entry> {
    let mut all = tasks::all();
    all.extend(timer::all());
    all.extend(net::all());
    all.extend(memory::all());
    all.extend(build::all());
    let groups: Vec<_> = all.iter().map(|entry| entry.group).collect();
    all.sort_by_key(|entry| groups.iter().position(|group| *group == entry.group));
    all
}

/// What a user may ask for: every group, and every workload.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names = vec![];
    for entry in all() {
        if !names.contains(&entry.group) {
            names.push(entry.group);
        }
    }
    names.extend(all().iter().map(|entry| entry.name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Those of a workload, unless this machine lacks something for it.
    fn contestants(entry: &Entry) -> Vec<Contestant> {
        match (entry.contestants)() {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => vec![],
            contestants => contestants.expect("runtimes"),
        }
    }

    #[test]
    fn no_two_groups_or_workloads_have_the_same_name() {
        let names = names();
        let distinct: HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
    }

    #[test]
    fn waterwheel_comes_first_and_whoever_has_a_bound_takes_part() {
        for entry in all() {
            let contestants = contestants(&entry);
            let Some(first) = contestants.first() else {
                continue;
            };
            assert_eq!(first.name, "waterwheel", "{}", entry.name);
            for bound in &entry.bounds {
                if let Bound::Ratio(peer, _) = bound {
                    let takes_part = contestants.iter().any(|other| other.name == *peer);
                    assert!(takes_part, "{peer} in {}", entry.name);
                }
            }
        }
    }

    #[test]
    fn every_workload_ends_on_every_contestant() {
        for entry in all() {
            // Those take minutes where nothing is optimised; a run of the program runs them.
            if entry.pace == Pace::Single {
                continue;
            }
            for contestant in &mut contestants(&entry) {
                let sample = (contestant.measure)(2);
                let (entry, contestant) = (entry.name, contestant.name);
                assert!(!sample.took.is_zero(), "{entry} on {contestant}");
                assert!(sample.figure > 0.0, "{entry} on {contestant}");
            }
        }
    }
}
