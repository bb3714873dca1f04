//! `<group>.svg`: for each workload of a group a band, and in it for each peer a dot where Waterwheel's figure to the peer's is, on a
//! scale of ratios. Left of the line at 1 Waterwheel needs less.
//!
//! The dot is at the ratio that is judged, and a whisker covers the middle half of the rounds' own ratios. A bar across is the target; a dot
//! that misses its target is hollow, with the word beside it. The background is left open and the colours are of middling lightness, so that a light page and a dark one will do.

use super::figure::show;
use super::{Line, Row, contestants};
use crate::statistics::Ratio;
use crate::workloads::FLOOR;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

const WIDTH: i32 = 880;
/// Of the names of workloads, and of Waterwheel's figures.
const LEFT: i32 = 190;
const RIGHT: i32 = 100;
/// Of the title and the legend, and of the axis.
const TOP: i32 = 66;
const BOTTOM: i32 = 44;
/// Of a peer, and between two workloads.
const LANE: i32 = 13;
const GAP: i32 = 12;
/// What the verdict takes beside a dot.
const ROOM: i32 = 48;

/// Reads well on white and on nearly black.
const TEXT: RGBColor = RGBColor(122, 130, 140);
const MISSED: RGBColor = RGBColor(229, 72, 77);
const FONT: &str = "system-ui, sans-serif";

/// The peers that have a colour of their own; others have grey.
const COLOURS: [(&str, RGBColor); 6] = [
    ("tokio", RGBColor(59, 130, 246)),
    ("tokio LocalSet", RGBColor(168, 98, 234)),
    ("smol", RGBColor(22, 163, 110)),
    ("monoio", RGBColor(224, 130, 20)),
    (FLOOR, RGBColor(150, 150, 150)),
    ("hyper", RGBColor(214, 80, 150)),
];

/// The name of the file that a group's chart is in.
pub(super) fn file(group: &str) -> String {
    format!("{group}.svg")
}

/// The chart of a group, if there is anything to compare.
pub(super) fn of(group: &str, rows: &[Row]) -> Option<String> {
    let rows: Vec<_> = rows.iter().filter(|row| row.has_ratios()).collect();
    if rows.is_empty() {
        return None;
    }
    let mut svg = String::new();
    draw(&mut svg, group, &rows).expect("a string takes everything");
    Some(svg)
}

impl Row {
    pub(super) fn has_ratios(&self) -> bool {
        self.peers().next().is_some()
    }

    /// Those that can be shown: who needs nothing at all has no place on a scale of ratios.
    fn peers(&self) -> impl Iterator<Item = &Line> {
        let is_shown = |ratio: Ratio| ratio.judged().is_normal();
        let lines = self.lines.iter();
        lines.filter(move |line| line.ratio.is_some_and(is_shown))
    }

    fn height(&self) -> i32 {
        self.peers().count() as i32 * LANE + GAP
    }
}

fn draw(svg: &mut String, group: &str, rows: &[&Row]) -> Drawn {
    let bands: i32 = rows.iter().map(|row| row.height()).sum();
    let size = (WIDTH as u32, (TOP + bands + BOTTOM) as u32);
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    let title = format!("{group}: Waterwheel's figure to the peer's, lower is better");
    text(&root, title, (8, 20), HPos::Left, Words::Title)?;
    legend(&root, rows)?;
    let range = range(rows);
    let scale = ChartBuilder::on(&root)
        .margin_left(LEFT)
        .margin_right(RIGHT)
        .margin_top(TOP)
        .margin_bottom(BOTTOM)
        .build_cartesian_2d(range.clone().log_scale(), 0..1)?;
    let x_of = |ratio: f64| scale.backend_coord(&(ratio, 0)).0;
    axis(&root, &range, TOP + bands, x_of)?;
    let mut top = TOP;
    for row in rows {
        band(&root, row, top, x_of)?;
        top += row.height();
    }
    root.present()
}

/// From a little less than the least ratio to a little more than the greatest, and the line at 1 always in it.
fn range(rows: &[&Row]) -> Range<f64> {
    let lines = rows.iter().flat_map(|row| row.peers());
    let shown = lines.flat_map(|line| {
        let ratio = line.ratio.expect("a peer has a ratio");
        let target = line.target.unwrap_or(1.0);
        [
            ratio.rounds.lower,
            ratio.rounds.upper,
            ratio.judged(),
            target,
        ]
    });
    let shown = shown.filter(|ratio| ratio.is_finite() && *ratio > 0.0);
    let (least, greatest) = shown.fold((0.5, 1.0), |(least, greatest): (f64, f64), ratio| {
        (least.min(ratio), greatest.max(ratio))
    });
    least / 1.25..greatest * 1.6
}

/// The peers of a chart with their colours, and what the marks are.
fn legend(root: &Area<'_>, rows: &[&Row]) -> Drawn {
    let y = 44;
    let mut x = 14;
    for name in contestants(rows.iter().copied()).into_iter().skip(1) {
        dot(root, (x, y), colour(name), true)?;
        text(root, name, (x + 9, y), HPos::Left, Words::Small)?;
        x += 38 + 6 * name.len() as i32;
    }
    target(root, (x, y), TEXT)?;
    text(root, "target", (x + 9, y), HPos::Left, Words::Small)?;
    let figures = (WIDTH - RIGHT + 12, TOP - 10);
    text(root, "Waterwheel", figures, HPos::Left, Words::Small)
}

/// Lines at round ratios, and what they are.
fn axis(root: &Area<'_>, range: &Range<f64>, bottom: i32, x_of: impl Fn(f64) -> i32) -> Drawn {
    let decades = range.start.log10().floor() as i32..=range.end.log10().ceil() as i32;
    let round = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|first| first * 10f64.powi(decade)));
    // Where there are many decades, the powers of ten are enough.
    let is_wide = range.end / range.start > 500.0;
    for ratio in round.filter(|ratio| range.contains(ratio)) {
        if is_wide && (ratio.log10().round() - ratio.log10()).abs() > 1e-9 {
            continue;
        }
        let x = x_of(ratio);
        let is_one = (ratio - 1.0).abs() < 1e-9;
        let colour = TEXT.mix(if is_one { 0.9 } else { 0.25 });
        root.draw(&PathElement::new([(x, TOP), (x, bottom + 4)], colour))?;
        let label = format!("{}", (ratio * 1e6).round() / 1e6);
        text(root, label, (x, bottom + 14), HPos::Center, Words::Small)?;
    }
    let equal = (x_of(1.0), bottom + 30);
    text(
        root,
        "as much as the peer",
        equal,
        HPos::Center,
        Words::Small,
    )
}

/// A workload, with a lane for each peer.
fn band(root: &Area<'_>, row: &Row, top: i32, x_of: impl Fn(f64) -> i32) -> Drawn {
    let bottom = top + row.height();
    let ends = [(8, bottom), (WIDTH - 8, bottom)];
    root.draw(&PathElement::new(ends, TEXT.mix(0.25)))?;
    let middle = (top + bottom) / 2;
    text(
        root,
        row.name,
        (LEFT - 12, middle),
        HPos::Right,
        Words::Name,
    )?;
    let ours = show(row.lines[0].figures.median, row.unit);
    let right = WIDTH - RIGHT + 12;
    text(root, ours, (right, middle), HPos::Left, Words::Name)?;
    for (lane, line) in row.peers().enumerate() {
        let y = top + GAP / 2 + lane as i32 * LANE + LANE / 2;
        peer(root, line, y, &x_of)?;
    }
    Ok(())
}

/// Where Waterwheel is beside a peer, and where it has to be.
fn peer(root: &Area<'_>, line: &Line, y: i32, x_of: impl Fn(f64) -> i32) -> Drawn {
    let ratio = line.ratio.expect("a peer has a ratio");
    let colour = colour(line.samples.name);
    let whisker = [ratio.rounds.lower, ratio.rounds.upper].map(|end| (x_of(end), y));
    root.draw(&PathElement::new(whisker, colour.mix(0.6).stroke_width(2)))?;
    if let Some(most) = line.target {
        target(root, (x_of(most), y), colour)?;
    }
    let is_missed = line.is_met() == Some(false);
    let x = x_of(ratio.judged());
    dot(root, (x, y), colour, !is_missed)?;
    if is_missed {
        let (left, right) = (x.min(whisker[0].0) - 9, x.max(whisker[1].0) + 9);
        let has_room = right + ROOM < WIDTH - RIGHT;
        let (x, side) = if has_room {
            (right, HPos::Left)
        } else {
            (left, HPos::Right)
        };
        text(root, line.verdict(), (x, y), side, Words::Missed)?;
    }
    Ok(())
}

fn dot(root: &Area<'_>, place: (i32, i32), colour: RGBColor, is_filled: bool) -> Drawn {
    let style = match is_filled {
        true => colour.filled(),
        false => colour.stroke_width(2),
    };
    root.draw(&Circle::new(place, 4, style))
}

fn target(root: &Area<'_>, (x, y): (i32, i32), colour: RGBColor) -> Drawn {
    let bar = [(x, y - 6), (x, y + 6)];
    root.draw(&PathElement::new(bar, colour.stroke_width(2)))
}

fn colour(peer: &str) -> RGBColor {
    let mut known = COLOURS.iter();
    known
        .find(|(name, _)| *name == peer)
        .map_or(TEXT, |(_, colour)| *colour)
}

/// How a text is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Title,
    Name,
    Small,
    Missed,
}

/// Sets a text at the height of its middle.
fn text(
    root: &Area<'_>,
    what: impl Into<String>,
    place: (i32, i32),
    side: HPos,
    words: Words,
) -> Drawn {
    let (size, colour) = match words {
        Words::Title => (16, TEXT),
        Words::Name => (13, TEXT),
        Words::Small => (12, TEXT),
        Words::Missed => (11, MISSED),
    };
    let style = match words {
        Words::Title | Words::Missed => FontStyle::Bold,
        Words::Name | Words::Small => FontStyle::Normal,
    };
    let style = TextStyle::from((FONT, size, style)).color(&colour);
    let style = style.pos(Pos::new(side, VPos::Center));
    root.draw(&Text::new(what.into(), place, style))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;
    use crate::workloads::Bound;

    #[test]
    fn a_chart_names_the_workload_and_what_is_missed() {
        let rows = report(vec![Bound::Ratio("a", 0.4)]).rows;
        let svg = of("group", &rows).expect("there are peers");
        for text in ["workload", "1.00 µs", "MISSED", "target"] {
            assert!(svg.contains(text), "{text}");
        }
        let rows = report(vec![Bound::Ratio("a", 0.6)]).rows;
        assert!(
            !of("group", &rows)
                .expect("there are peers")
                .contains("MISSED")
        );
    }

    #[test]
    fn every_ratio_and_target_is_in_range() {
        let rows = report(vec![Bound::Ratio("a", 0.01), Bound::Ratio("b", 7.0)]).rows;
        let range = range(&rows.iter().collect::<Vec<_>>());
        for ratio in [0.01, 0.5, 1.0, 2.0, 7.0] {
            assert!(range.contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn without_peers_there_is_nothing_to_show() {
        assert_eq!(of("group", &[]), None);
    }
}
