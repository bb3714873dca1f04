//! The table: which rooms there are, and which may import which.
//!
//! ```text
//! # A comment.
//! [crates]                  the crates of the workspace, by folder; `.` is the workspace's root
//! net
//! executor
//!
//! [net]                     the rooms of net/src, from top to bottom, a layer a line
//! serve
//! tcp  unix : unix -> tcp   two rooms on one layer, of which the first may be imported by the second
//! ```

use std::fs;
use std::path::Path;

use crate::{Fault, TABLE};

/// The section that has crates, not rooms.
pub(crate) const CRATES: &str = "crates";

/// The whole table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    sections: Vec<Section>,
}

/// What may import what: the rooms of a crate, or the crates of the workspace.
#[derive(Debug)]
pub(crate) struct Section {
    /// A crate's folder, or [`CRATES`].
    pub(crate) name: String,
    pub(crate) line: usize,
    /// From top to bottom.
    pub(crate) layers: Vec<Layer>,
}

/// Rooms that may not import each other, except by [`Layer::arrows`].
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) line: usize,
    pub(crate) rooms: Vec<String>,
    /// The importing room, and the imported one.
    pub(crate) arrows: Vec<(String, String)>,
}

/// How an import from one room to another stands to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Down,
    /// Between two rooms of one layer, and the table has the arrow.
    Allowed,
    /// Between two rooms of one layer, and the table does not have the arrow.
    Sideways,
    Up,
    /// The table lacks one of the two, which is a fault of its own.
    Unknown,
}

impl Table {
    pub(crate) fn read(root: &Path, faults: &mut Vec<Fault>) -> Table {
        let text = fs::read_to_string(root.join(TABLE)).unwrap_or_else(|error| {
            faults.push(Fault::new(TABLE, 0, format!("cannot be read: {error}")));
            String::new()
        });
        let mut table = Table::default();
        for (at, line) in text.lines().enumerate() {
            if let Err(message) = table.add(at + 1, line.split('#').next().unwrap_or_default()) {
                faults.push(Fault::new(TABLE, at + 1, message));
            }
        }
        table
    }

    fn add(&mut self, at: usize, line: &str) -> Result<(), String> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            if self.section(name).is_some() {
                return Err(format!("there are two sections [{name}]; make them one"));
            }
            self.sections.push(Section {
                name: name.to_owned(),
                line: at,
                layers: Vec::new(),
            });
            return Ok(());
        }
        let Some(section) = self.sections.last_mut() else {
            return Err("a layer before the first section; write `[crates]` above it".to_owned());
        };
        let (rooms, arrows) = line.split_once(':').unwrap_or((line, ""));
        let mut layer = Layer {
            line: at,
            rooms: Vec::new(),
            arrows: Vec::new(),
        };
        for room in rooms.split_whitespace() {
            if section.layer_of(room).is_some() || layer.has(room) {
                return Err(format!("{room} is in [{}] twice; leave one", section.name));
            }
            layer.rooms.push(room.to_owned());
        }
        for arrow in arrows.split(',').map(str::trim).filter(|a| !a.is_empty()) {
            match arrow.split_once("->").map(|(a, b)| (a.trim(), b.trim())) {
                Some((from, to)) if from != to && layer.has(from) && layer.has(to) => {
                    layer.arrows.push((from.to_owned(), to.to_owned()));
                }
                _ => {
                    return Err(format!(
                        "`{arrow}` is no arrow of this layer; write `a -> b` for two rooms of this line, where a imports b"
                    ));
                }
            }
        }
        section.layers.push(layer);
        Ok(())
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    pub(crate) fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }
}

impl Section {
    /// The layer that `room` is on, counted from the top.
    pub(crate) fn layer_of(&self, room: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.has(room))
    }

    pub(crate) fn way(&self, from: &str, to: &str) -> Way {
        let (Some(above), Some(below)) = (self.layer_of(from), self.layer_of(to)) else {
            return Way::Unknown;
        };
        if above < below {
            Way::Down
        } else if above > below {
            Way::Up
        } else if self.layers[above].allows(from, to) {
            Way::Allowed
        } else {
            Way::Sideways
        }
    }
}

impl Layer {
    pub(crate) fn has(&self, room: &str) -> bool {
        self.rooms.iter().any(|one| one == room)
    }

    fn allows(&self, from: &str, to: &str) -> bool {
        self.arrows.iter().any(|(a, b)| a == from && b == to)
    }

    /// A room that the arrows lead back to: the rooms on the way, the first of them again at the end.
    pub(crate) fn circle(&self) -> Option<Vec<&str>> {
        self.rooms
            .iter()
            .find_map(|room| self.back_to(room, &mut vec![room]))
    }

    fn back_to<'a>(&'a self, start: &str, way: &mut Vec<&'a str>) -> Option<Vec<&'a str>> {
        let here = way[way.len() - 1];
        for (_, to) in self.arrows.iter().filter(|(from, _)| from == here) {
            if to == start {
                way.push(to);
                return Some(way.clone());
            }
            if !way.contains(&to.as_str()) {
                way.push(to);
                if let Some(circle) = self.back_to(start, way) {
                    return Some(circle);
                }
                way.pop();
            }
        }
        None
    }
}
