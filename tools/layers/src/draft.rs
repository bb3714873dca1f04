//! The table that the sources would need as they are: a beginning for a crate that has none yet, and a picture of how far one is from layers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use crate::crates::{self, Crate};
use crate::source::Import;

/// Rooms, and the rooms that each imports.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// A section for each crate of the workspace at `root` that has rooms. Each room is as low as its imports allow. Rooms in a circle share a layer, with a
/// comment that says which imports tie them.
pub fn draft(root: &Path) -> String {
    let mut text = String::new();
    for this in crates::read_all(root, &mut Vec::new()) {
        let arrows = arrows(&this);
        if arrows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "[{}]", this.folder);
        for layer in layers(&arrows).iter().rev() {
            let _ = writeln!(text, "{}", line(layer, &arrows));
            for (room, to) in circles(layer, &arrows) {
                let _ = writeln!(
                    text,
                    "# in a circle: {room} imports {to} at {}",
                    first(&this, room, to)
                );
            }
        }
        text.push('\n');
    }
    text
}

fn arrows(this: &Crate) -> Arrows {
    let mut arrows: Arrows = this
        .rooms
        .iter()
        .filter(|(_, only_tests)| !**only_tests)
        .map(|(room, _)| (room.clone(), BTreeSet::new()))
        .collect();
    for source in this.sources.iter().filter(|source| !source.is_test) {
        for to in source
            .imports
            .iter()
            .filter_map(|import| room(this, import))
        {
            if let Some(from) = source.module.first()
                && from != to
                && arrows.contains_key(to)
            {
                arrows.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    arrows
}

/// The room that an import leads to, also by way of `lib.rs`.
fn room<'a>(this: &'a Crate, import: &'a Import) -> Option<&'a String> {
    let name = import.path.first()?;
    this.defined_at(name).map_or(Some(name), <[String]>::first)
}

/// What `room` imports, itself or by others.
fn reach(room: &str, arrows: &Arrows) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![room];
    while let Some(room) = next.pop() {
        for to in &arrows[room] {
            if reached.insert(to.clone()) {
                next.push(to);
            }
        }
    }
    reached
}

/// Layers from the bottom. A room comes once all are there that it reaches and that do not reach it.
fn layers(arrows: &Arrows) -> Vec<Vec<String>> {
    let reach: Arrows = arrows
        .keys()
        .map(|room| (room.clone(), reach(room, arrows)))
        .collect();
    let mut layers = Vec::new();
    let mut placed = BTreeSet::new();
    while placed.len() < arrows.len() {
        let ready = |room: &&String| {
            let mut below = reach[*room].iter().filter(|to| !reach[*to].contains(*room));
            !placed.contains(*room) && below.all(|to| placed.contains(to))
        };
        let layer: Vec<String> = arrows.keys().filter(ready).cloned().collect();
        placed.extend(layer.iter().cloned());
        layers.push(layer);
    }
    layers
}

/// The arrows between rooms of one layer: each is part of a circle, as the layers are made.
fn circles<'a>(
    layer: &'a [String],
    arrows: &'a Arrows,
) -> impl Iterator<Item = (&'a String, &'a String)> {
    layer
        .iter()
        .flat_map(|room| arrows[room].iter().map(move |to| (room, to)))
        .filter(|(_, to)| layer.contains(to))
}

fn line(layer: &[String], arrows: &Arrows) -> String {
    let sideways: Vec<String> = circles(layer, arrows)
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect();
    let separator = if sideways.is_empty() { "" } else { " : " };
    format!("{}{separator}{}", layer.join("  "), sideways.join(", "))
}

fn first(this: &Crate, from: &str, to: &str) -> String {
    this.sources
        .iter()
        .filter(|source| !source.is_test && source.module.first().is_some_and(|room| room == from))
        .find_map(|source| {
            let import = source
                .imports
                .iter()
                .find(|import| room(this, import).is_some_and(|room| room == to))?;
            Some(format!("{}:{}", source.file, import.line))
        })
        .unwrap_or_default()
}
