//! Of the verdicts; and a report for the tests of the other files.

use super::*;
use crate::contest::Pace;

fn entry(bounds: Vec<Bound>) -> Entry {
    Entry {
        group: "group",
        name: "workload",
        what: "what it does",
        unit: Unit::Time,
        pace: Pace::Filled,
        quick: true,
        bounds,
        contestants: || unreachable!("nothing runs"),
    }
}

fn samples() -> Vec<Samples> {
    let samples = [
        ("waterwheel", 1e-6),
        ("a", 2e-6),
        ("b", 1e-6),
        (FLOOR, 0.5e-6),
    ];
    let samples = samples.map(|(name, figure)| Samples {
        name,
        figures: vec![figure],
        asides: vec![("switches", Unit::Count, vec![2.0])],
    });
    samples.into()
}

/// Of one workload, with these bounds.
pub(super) fn report(bounds: Vec<Bound>) -> Report {
    let mut report = Report::new(Set::Selection, 1);
    report.rows = vec![Row::new(&entry(bounds), samples())];
    report
}

#[test]
fn a_bound_is_of_the_peer_that_it_names_or_of_the_best_or_of_the_figure_itself() {
    let met = |bound| report(vec![bound]).missed() == 0;
    assert!(met(Bound::Ratio("a", 0.5)) && !met(Bound::Ratio("a", 0.4)));
    assert!(met(Bound::Ratio("b", 1.0)) && !met(Bound::Ratio("b", 0.9)));
    assert!(met(Bound::Ratio(FLOOR, 2.0)) && !met(Bound::Ratio(FLOOR, 1.9)));
    assert!(met(Bound::Best(1.0)) && !met(Bound::Best(0.9)));
    assert!(met(Bound::Absolute(1e-6)) && !met(Bound::Absolute(0.9e-6)));
}

#[test]
fn of_two_bounds_of_one_peer_the_strictest_counts() {
    assert_eq!(
        report(vec![Bound::Best(1.0), Bound::Ratio("b", 0.9)]).missed(),
        1
    );
    assert_eq!(
        report(vec![Bound::Ratio("b", 0.9), Bound::Best(1.0)]).missed(),
        1
    );
}

#[test]
fn every_file_is_written_and_names_what_is_missed() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path().join("new");
    report(vec![Bound::Best(0.9)])
        .write(&directory)
        .expect("it is written");
    let read = |file: &str| fs::read_to_string(directory.join(file)).expect(file);
    assert!(read("report.md").contains("MISSED"));
    assert!(read("report.md").contains("(group.svg)"));
    assert!(read("report.json").contains("\"met\": false"));
    assert!(read("group.svg").contains("workload"));
}
