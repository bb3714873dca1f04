//! The check that the layers of the project are what its table says: imports run down only, no two rooms need each other in a circle, and no
//! source file grows past [`MOST_LINES`].
//!
//! A *room* is a folder or a file at the top of a crate's `src/`; `net/src/copy/` and `net/src/copy.rs` would be the room `copy`. The table,
//! `.ci/layers.table`, lists the rooms of each crate in layers from top to bottom. `lib.rs` is above all of them.
//!
//! The check reads `use` items and every other path that begins with `crate::`, `super::` or `self::`, also inside macros. Comments and
//! strings do not count. Code that only tests or checks itself is exempt from the rules on imports and on length: items under `#[test]` or
//! under a `cfg` that needs `test` or `debug_assertions` (so also the files of such modules), files named `tests.rs`, and folders named `tests`.
//!
//! | file | what it does |
//! |---|---|
//! | `table.rs` | reads the table |
//! | `source.rs` | reads one source file: imports, length, and which modules are tests |
//! | `crates.rs` | reads a crate: its rooms, its files, what it depends on |
//! | `rules.rs` | compares the two; each fault is a [`Fault`] |
//! | `draft.rs` | writes the table that the sources would need |

#![forbid(unsafe_code)]

mod crates;
mod draft;
mod rules;
mod source;
mod table;

use std::fmt;
use std::path::Path;

pub use draft::draft;
pub use rules::MOST_LINES;

use rules::Rules;
use table::Table;

/// The table's path, from the root of the workspace.
pub const TABLE: &str = ".ci/layers.table";

/// Something that breaks a rule: where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The path from the root of the workspace.
    pub file: String,
    /// The line, from 1; 0 says that the fault is the file itself.
    pub line: usize,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Fault {
    fn new(file: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Fault {
            file: file.into(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Crates in the table.
    pub crates: usize,
    /// Their rooms.
    pub rooms: usize,
    /// Their source files, without tests.
    pub files: usize,
    /// Imports between two rooms of a crate.
    pub imports: usize,
}

/// Checks the workspace at `root`. The faults are in the order of files and lines.
pub fn check(root: &Path) -> (Vec<Fault>, Seen) {
    let mut faults = Vec::new();
    let table = Table::read(root, &mut faults);
    let mut rules = Rules::new(&table, &mut faults);
    let crates = crates::read_all(root, rules.faults());
    rules.check_dependencies(root, &crates);
    for each in &crates {
        rules.check_crate(each);
    }
    let seen = rules.seen();
    faults.sort();
    faults.dedup();
    (faults, seen)
}
