//! [`Record`]: what the paths took when somebody last said that it was right.
//!
//! The file is a table for reading: a line that begins with `by` names a tool, any other a path and what it took; `#` begins a comment.

use std::{fmt, fs, io};

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/benches/instructions/recorded.txt"
);

pub(crate) struct Record {
    pub(crate) tools: Vec<String>,
    /// Paths by name, and instructions an operation.
    pub(crate) counts: Vec<(String, f64)>,
}

impl Record {
    pub(crate) fn read() -> io::Result<Self> {
        let (mut tools, mut counts) = (Vec::new(), Vec::new());
        for line in fs::read_to_string(FILE)?.lines() {
            match line.split_once(' ') {
                None | Some(("#", _)) => {}
                Some(("by", tool)) => tools.push(tool.to_owned()),
                Some((name, count)) => {
                    let count = count.trim().parse();
                    let count = count
                        .map_err(|error| io::Error::other(format!("{FILE}: {line}: {error}")))?;
                    counts.push((name.to_owned(), count));
                }
            }
        }
        Ok(Self { tools, counts })
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        fs::write(FILE, self.to_string())
    }

    pub(crate) fn count(&self, name: &str) -> Option<f64> {
        let found = self.counts.iter().find(|(path, _)| path == name);
        found.map(|(_, count)| *count)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Instructions an operation, in user space, counted by callgrind."
        )?;
        writeln!(
            f,
            "# `.ci/instructions` compares with this, and `.ci/instructions --record` writes it."
        )?;
        for tool in &self.tools {
            writeln!(f, "by {tool}")?;
        }
        for (name, count) in &self.counts {
            writeln!(f, "{name:<16}{count:>12.1}")?;
        }
        Ok(())
    }
}
