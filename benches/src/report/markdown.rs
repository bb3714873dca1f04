//! `report.md`: for each group its chart, a table of medians and ratios to read, and one of everything to look up.

use super::figure::show;
use super::{Line, Report, Row, chart, contestants};
use crate::workloads::FLOOR;

pub(super) fn of(report: &Report) -> String {
    let mut text = "# Waterwheel beside its peers\n\n| | |\n|---|---|\n".to_owned();
    for (name, value) in report.head() {
        text += &format!("| {name} | {value} |\n");
    }
    text += "\nRatios are Waterwheel's figure to that of the peer: lower is better. `report.json` has every sample.\n";
    for (group, rows) in report.groups() {
        text += &format!("\n## {group}\n\n");
        if rows.iter().any(Row::has_ratios) {
            text += &format!("![Ratios of {group}]({})\n\n", chart::file(group));
        }
        text += &summary(rows);
        text += "\n<details><summary>Quartiles, ratios by round, and what else was measured</summary>\n\n";
        text += &details(rows);
        text += "\n</details>\n";
    }
    text
}

/// A line for each workload.
fn summary(rows: &[Row]) -> String {
    let names = contestants(rows);
    let mut text = table_row(
        ["workload"]
            .into_iter()
            .chain(names.iter().copied())
            .chain(["to the best peer", "to the floor", "target"]),
    );
    text += &format!("|---|{}---|\n", "---:|".repeat(names.len() + 2));
    for row in rows {
        let of = |name: &&str| row.lines.iter().find(|line| line.samples.name == *name);
        let medians = names
            .iter()
            .map(|name| of(name).map_or(String::new(), |line| show(line.figures.median, row.unit)));
        let ratio = |line: Option<&Line>| {
            line.map_or(String::new(), |line| {
                line.show_ratio(|ratio| ratio.of_medians)
            })
        };
        let best = row.lines.iter().find(|line| line.is_best);
        let mut cells = vec![format!("`{}`: {}", row.name, row.what)];
        cells.extend(medians);
        cells.push(ratio(best));
        cells.push(ratio(of(&FLOOR)));
        cells.push(targets(row));
        text += &table_row(cells.iter().map(String::as_str));
    }
    text
}

/// Each target of a workload, and whether it is met.
fn targets(row: &Row) -> String {
    let target = |line: &Line| {
        let of = line.ratio.map_or("", |_| line.samples.name);
        let target = line.show_target(row.unit);
        let verdict = match line.is_met()? {
            true => "met".to_owned(),
            false => format!("**{}**", line.verdict()),
        };
        Some(format!("{of} {target} {verdict}").trim().to_owned())
    };
    let targets: Vec<_> = row.lines.iter().filter_map(target).collect();
    targets.join("; ")
}

/// A line for each contestant of each workload.
fn details(rows: &[Row]) -> String {
    let header = [
        "workload",
        "of",
        "median",
        "quartiles",
        "ratio",
        "by round",
        "target",
        "verdict",
        "beside",
    ];
    let mut text = table_row(header.into_iter());
    text += "|---|---|---:|---:|---:|---:|---:|---|---|\n";
    for row in rows {
        for line in &row.lines {
            let cells = [
                format!("`{}`", row.name),
                line.samples.name.to_owned(),
                show(line.figures.median, row.unit),
                line.show_quartiles(row.unit),
                line.show_ratio(|ratio| ratio.of_medians),
                line.show_ratio(|ratio| ratio.by_round),
                line.show_target(row.unit),
                line.verdict().to_owned(),
                line.show_asides().join(", "),
            ];
            text += &table_row(cells.iter().map(String::as_str));
        }
    }
    text
}

fn table_row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<_> = cells.collect();
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;
    use crate::workloads::Bound;

    #[test]
    fn a_workload_is_a_line_with_the_ratios_and_every_target() {
        let report = report(vec![
            Bound::Ratio("a", 0.4),
            Bound::Best(1.0),
            Bound::Absolute(1e-3),
        ]);
        let summary = summary(&report.rows);
        let line = summary.lines().last().expect("a line");
        let expected = "| `workload`: what it does | 1.00 µs | 2.00 µs | 1.00 µs | 500 ns | 1.000 | 2.000 \
                        | 1.00 ms met; a 0.40 **MISSED**; b 1.00 met |";
        assert_eq!(line, expected);
    }

    #[test]
    fn every_row_of_a_table_has_as_many_cells() {
        let report = report(vec![]);
        for table in [summary(&report.rows), details(&report.rows)] {
            let cells: Vec<_> = table
                .lines()
                .map(|line| line.matches('|').count())
                .collect();
            assert!(cells.iter().all(|count| *count == cells[0]), "{table}");
        }
    }
}
