//! What takes code of users, by the sources, and by `docs/reliability.md`.
//!
//! The sources are read as text, in the layout that rustfmt gives.

use super::Fates;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Of each name: the file.
pub(super) fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    let members = workspace
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .expect("the members of the workspace")
        .0;
    let members = members.split('"').skip(1).step_by(2);
    let mut files = Vec::new();
    for member in members
        .filter(|member| !member.contains("sim"))
        .chain(["."])
    {
        collect(&root().join(member).join("src"), &mut files);
    }
    assert!(files.len() > 100, "the sources are elsewhere");
    for file in files {
        // Files of tests, by the names that `.ci/unsafe` knows them by.
        if file.ends_with("tests.rs") || file.ends_with("oracle.rs") {
            continue;
        }
        let source = fs::read_to_string(&file).expect("a source");
        let shown = file.strip_prefix(root()).unwrap_or(&file);
        for name in of_source(&source) {
            found.insert(name, shown.display().to_string());
        }
    }
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The public functions of a file that are given code, as `name` or `Type::name`, and the public traits that anybody may implement.
pub(super) fn of_source(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let source = source.split("\nmod tests {").next().unwrap_or_default();
    let lines: Vec<&str> = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let mut block = String::new();
    for (number, line) in lines.iter().enumerate() {
        if line.starts_with("impl") || line.starts_with("unsafe impl") {
            block = header(&lines[number..]);
        } else if line.starts_with('}') {
            block.clear();
        }
        if line.starts_with("pub trait ") {
            let header = header(&lines[number..]);
            let name = identifier(&header["pub trait ".len()..]);
            // The latter are sealed by what they extend.
            let is_sealed = header.contains("ealed") || header.contains(": Io ");
            if !is_sealed {
                found.insert(name.to_owned());
            }
        }
        let Some(name) = public_function(line) else {
            continue;
        };
        if is_hidden(&lines[..number]) {
            continue;
        }
        let header = header(&lines[number..]);
        if takes_code(&header) || takes_closure(&block) {
            let name = match subject(&block) {
                Some(subject) => format!("{subject}::{name}"),
                None => name.to_owned(),
            };
            found.insert(name);
        }
    }
    found
}

/// From here to the opening brace.
fn header(lines: &[&str]) -> String {
    let mut header = String::new();
    for line in lines {
        match line.split_once(['{', ';']) {
            Some((last, _)) => return header + last,
            None => header += line,
        }
        header.push(' ');
    }
    header
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Whether one of the attributes right above is `#[doc(hidden)]`: then the function is for the project's own crates.
fn is_hidden(above: &[&str]) -> bool {
    let attributes = above.iter().rev().map(|line| line.trim());
    let mut attributes = attributes.take_while(|line| line.starts_with("#["));
    attributes.any(|line| line == "#[doc(hidden)]")
}

fn public_function(line: &str) -> Option<&str> {
    let mut rest = line.trim_start().strip_prefix("pub ")?;
    for word in ["const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.strip_prefix("fn ").map(identifier)
}

/// The type that an `impl` is of, if it is not one of a trait.
fn subject(block: &str) -> Option<&str> {
    let mut rest = block.strip_prefix("impl")?;
    if rest.starts_with('<') {
        let mut depth = 0;
        let arrow = |index: usize| rest[..index].ends_with('-');
        let end = rest.char_indices().find(|&(index, c)| {
            match c {
                '<' => depth += 1,
                '>' if !arrow(index) => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        rest = &rest[end?.0 + 1..];
    }
    Some(identifier(rest.trim_start()))
}

/// Whether the parameters or bounds of a function tell of code: a closure, a function, a future or a waker. What it returns is not asked.
fn takes_code(header: &str) -> bool {
    let bounds = header.split_once(" where").map_or("", |(_, bounds)| bounds);
    let (mut angles, mut parentheses, mut last) = (0, 0, ' ');
    let end = header.char_indices().find(|&(_, c)| {
        match c {
            '<' => angles += 1,
            '>' if last != '-' => angles -= 1,
            '(' => parentheses += 1,
            ')' => parentheses -= 1,
            _ => {}
        }
        last = c;
        // Those of `pub(crate)` are not there.
        c == ')' && parentheses == 0 && angles == 0
    });
    let parameters = &header[..end.map_or(header.len(), |(end, _)| end)];
    [parameters, bounds].into_iter().any(|part| {
        takes_closure(part)
            || part.contains(": Future")
            || part.contains("+ Future")
            || part.contains("impl Future")
            || part.contains("Waker")
    })
}

fn takes_closure(text: &str) -> bool {
    ["Fn(", "FnMut(", "FnOnce(", " fn("]
        .iter()
        .any(|how| text.contains(how))
}

/// Of each name in the table of the document: the fate, which its row begins with in bold.
pub(super) fn document() -> Fates {
    let document = fs::read_to_string(root().join("docs/reliability.md")).expect("the document");
    let section = document
        .split_once("### Code of yours that panics")
        .expect("the section")
        .1;
    let section = section.split("\n#").next().unwrap_or_default();
    let mut found = Fates::new();
    for row in section.lines().filter(|line| line.starts_with("| **")) {
        let cells: Vec<&str> = row.split('|').collect();
        let fate = cells[1].split("**").nth(1).expect("a fate in bold");
        for name in cells[2].split('`').skip(1).step_by(2) {
            let fate = fate.trim_end_matches('.').to_lowercase();
            let before = found.insert(name.to_owned(), fate);
            assert!(before.is_none(), "{name} is twice in the document");
        }
    }
    found
}
