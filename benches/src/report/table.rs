//! The table that a run prints: a line for each contestant, and under it what else was measured.

use super::{Line, Report, Row, figure};
use figure::show;

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

/// Prints on what, and how, it is measured.
pub(crate) fn print_head(report: &Report) {
    for (name, value) in report.head() {
        println!("{name:<9} {value}");
    }
    println!();
}

/// Prints the table of all workloads that ran.
pub(crate) fn print(report: &Report) {
    print!("{}", of(report));
}

fn of(report: &Report) -> String {
    let mut cells = vec![HEADER.map(str::to_owned).to_vec()];
    let mut below = vec![String::new()];
    for row in &report.rows {
        for (place, line) in row.lines.iter().enumerate() {
            let name = if place == 0 { row.name } else { "" };
            cells.push(line_cells(line, name, row));
            below.push(line.show_asides().join(", "));
        }
    }
    let mut text = String::new();
    for (line, below) in align(&cells).iter().zip(below) {
        text += line;
        text.push('\n');
        if !below.is_empty() {
            text += &format!("    {below}\n");
        }
    }
    text
}

fn line_cells(line: &Line, workload: &str, row: &Row) -> Vec<String> {
    let best = if line.is_best { " (best)" } else { "" };
    vec![
        workload.to_owned(),
        format!("{}{best}", line.samples.name),
        show(line.figures.median, row.unit),
        line.show_quartiles(row.unit),
        line.show_ratio(|ratio| ratio.of_medians),
        line.show_ratio(|ratio| ratio.by_round),
        line.show_target(row.unit),
        line.verdict().to_owned(),
    ]
}

/// Names to the left and figures to the right, each column as wide as its widest cell. A line for each row.
fn align(table: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = table.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..table[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            line += &match column {
                0 => format!("{cell:<width$}"),
                1 => format!("  {cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            };
        }
        line.trim_end().to_owned()
    };
    table.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;
    use crate::workloads::Bound;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = [["name", "of", "µs"], ["a", "tokio", "12.5"]];
        let table = table.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(align(&table), ["name  of       µs", "a     tokio  12.5"]);
    }

    #[test]
    fn what_is_measured_beside_the_figure_stands_below_it() {
        let table = of(&report(vec![Bound::Ratio("a", 0.4)]));
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 1 + 2 * 4);
        assert!(
            lines[3].contains(" a ") && lines[3].ends_with("MISSED"),
            "{table}"
        );
        assert_eq!(lines[4].trim(), "switches 2.00");
    }
}
