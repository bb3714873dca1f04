//! The rules: compares the sources with the table.

use std::collections::BTreeSet;
use std::path::Path;

use crate::crates::Crate;
use crate::source::{Import, Source};
use crate::table::{CRATES, Layer, Section, Table, Way};
use crate::{Fault, Seen, TABLE};

/// The most lines that a source file may have, without its tests.
pub const MOST_LINES: usize = 400;

/// What is found as crates are looked at.
pub(crate) struct Rules<'a> {
    table: &'a Table,
    faults: &'a mut Vec<Fault>,
    seen: Seen,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(table: &'a Table, faults: &'a mut Vec<Fault>) -> Self {
        Rules {
            table,
            faults,
            seen: Seen::default(),
        }
    }

    pub(crate) fn faults(&mut self) -> &mut Vec<Fault> {
        self.faults
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    fn fault(&mut self, file: &str, line: usize, message: String) {
        self.faults.push(Fault::new(file, line, message));
    }

    /// Between crates: each is in the table, and depends only on those below it.
    pub(crate) fn check_dependencies(&mut self, root: &Path, crates: &[Crate]) {
        let Some(section) = self.table.section(CRATES) else {
            self.fault(
                TABLE,
                0,
                format!("has no section [{CRATES}], which lists the crates from top to bottom"),
            );
            return;
        };
        self.check_circles(section);
        for layer in &section.layers {
            for folder in layer
                .rooms
                .iter()
                .filter(|room| !crates.iter().any(|one| one.folder == **room))
            {
                self.fault(
                    TABLE,
                    layer.line,
                    format!(
                        "{folder} is no member of the workspace; take it out, or name its folder"
                    ),
                );
            }
        }
        for section in self
            .table
            .sections()
            .filter(|section| section.name != CRATES)
        {
            if !root.join(&section.name).join("src").is_dir() {
                self.fault(
                    TABLE,
                    section.line,
                    format!(
                        "there is no folder {}/src; name a crate's folder",
                        section.name
                    ),
                );
            }
        }
        for each in crates {
            let manifest = each.path("Cargo.toml");
            if section.layer_of(&each.folder).is_none() {
                let message = format!(
                    "{TABLE} does not have this crate: add {} to the section [{CRATES}], on the layer that is above all that it uses",
                    each.folder
                );
                self.fault(&manifest, 0, message);
                continue;
            }
            for (name, line) in &each.dependencies {
                let Some(other) = crates.iter().find(|other| other.name == *name) else {
                    continue;
                };
                if matches!(
                    section.way(&each.folder, &other.folder),
                    Way::Up | Way::Sideways
                ) {
                    let message = format!(
                        "{} may not depend on {name}, which is not below it in the section [{CRATES}] of {TABLE}; DESIGN.md says who may use \
                         whom. Move what it needs to a crate below both, or hand it in as a trait or a function",
                        each.name
                    );
                    self.fault(&manifest, *line, message);
                }
            }
        }
        self.seen.crates = crates.len();
    }

    /// Inside a crate.
    pub(crate) fn check_crate(&mut self, this: &Crate) {
        for source in this.sources.iter().filter(|source| !source.is_test) {
            self.seen.files += 1;
            if source.lines > MOST_LINES {
                let message = format!(
                    "{} lines without its tests, and {MOST_LINES} are the most: it holds a second idea. Give that a file of its own",
                    source.lines
                );
                self.fault(&source.file, 0, message);
            }
        }
        let nothing = Section {
            name: this.folder.clone(),
            line: 0,
            layers: Vec::new(),
        };
        let section = self.table.section(&this.folder).unwrap_or(&nothing);
        self.check_rooms(this, section);
        self.check_circles(section);
        let mut used = BTreeSet::new();
        for source in this.sources.iter().filter(|source| !source.is_test) {
            // `lib.rs` is above all rooms.
            let Some(from) = source.module.first() else {
                continue;
            };
            for import in &source.imports {
                self.check_import(this, section, source, from, import, &mut used);
            }
        }
        for layer in &section.layers {
            self.check_arrows_are_used(this, layer, &used);
        }
    }

    /// The table and the disk have the same rooms.
    fn check_rooms(&mut self, this: &Crate, section: &Section) {
        for (room, only_tests) in &this.rooms {
            if section.layer_of(room).is_none() && !only_tests {
                let message = format!(
                    "{TABLE} does not have the room {room}: add it to the section [{}], on a layer above all that it imports",
                    this.folder
                );
                let source = this
                    .sources
                    .iter()
                    .find(|source| source.module.first() == Some(room));
                self.fault(
                    source.map_or(this.folder.as_str(), |source| source.file.as_str()),
                    0,
                    message,
                );
            }
            self.seen.rooms += 1;
        }
        for layer in &section.layers {
            for room in layer
                .rooms
                .iter()
                .filter(|room| !this.rooms.contains_key(*room))
            {
                let message = format!(
                    "the crate {} has no room {room}: there is neither {} nor a folder of that name; take it out",
                    this.folder,
                    this.path(&format!("src/{room}.rs"))
                );
                self.fault(TABLE, layer.line, message);
            }
        }
    }

    fn check_import(
        &mut self,
        this: &Crate,
        section: &Section,
        source: &Source,
        from: &str,
        import: &Import,
        used: &mut BTreeSet<(String, String)>,
    ) {
        let to = import
            .path
            .first()
            .filter(|name| this.rooms.contains_key(*name));
        let Some(to) = to else {
            let what = import.path.first().map_or("everything", String::as_str);
            let defined = this.defined_at(what);
            if let Some(path) = defined {
                used.insert((from.to_owned(), path[0].clone()));
            }
            let room = defined.map_or(format!("ROOM::{what}"), |path| path.join("::"));
            let message = format!(
                "the room {from} takes {what} from lib.rs, which is above all rooms: name the room that defines it, as `crate::{room}`"
            );
            self.fault(&source.file, import.line, message);
            return;
        };
        if to == from {
            return;
        }
        self.seen.imports += 1;
        used.insert((from.to_owned(), to.clone()));
        match section.way(from, to) {
            Way::Down | Way::Allowed | Way::Unknown => {}
            Way::Up => {
                let message = format!(
                    "the room {from} imports {}, and {to} is on a layer above it. Move what is needed down to {from} or below, or let {to} hand it \
                     in, as a trait that {from} defines or as an argument",
                    import.path.join("::")
                );
                self.fault(&source.file, import.line, message);
            }
            Way::Sideways => {
                let message = format!(
                    "the room {from} imports {}, and {to} is on the same layer. Move what both need to a layer below; or, if {to} never imports \
                     {from}, write `{from} -> {to}` behind the `:` of that layer in {TABLE}",
                    import.path.join("::")
                );
                self.fault(&source.file, import.line, message);
            }
        }
    }

    fn check_circles(&mut self, section: &Section) {
        for layer in &section.layers {
            if let Some(circle) = layer.circle() {
                let message = format!(
                    "the arrows make a circle, {}: no room of it can be read without the others. Move what they share to a layer below",
                    circle.join(" -> ")
                );
                self.fault(TABLE, layer.line, message);
            }
        }
    }

    fn check_arrows_are_used(
        &mut self,
        this: &Crate,
        layer: &Layer,
        used: &BTreeSet<(String, String)>,
    ) {
        for arrow in layer.arrows.iter().filter(|arrow| !used.contains(*arrow)) {
            let (from, to) = arrow;
            if this.rooms.contains_key(from) && this.rooms.contains_key(to) {
                self.fault(
                    TABLE,
                    layer.line,
                    format!("no import needs the arrow `{from} -> {to}` any more; take it out"),
                );
            }
        }
    }
}
