//! Crates as they are on disk: their rooms, their source files, and the crates that they depend on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Fault;
use crate::source::Source;

/// A member of the workspace.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its folder, from the workspace's root; `.` for the root itself.
    pub(crate) folder: String,
    /// The name of the package, in its manifest.
    pub(crate) name: String,
    /// What its manifest lists as dependencies, but for those of tests: the name, and the line.
    pub(crate) dependencies: Vec<(String, usize)>,
    /// Each room, and whether only tests have it.
    pub(crate) rooms: BTreeMap<String, bool>,
    pub(crate) sources: Vec<Source>,
}

impl Crate {
    /// The path, from the crate's root, of what `lib.rs` takes from a room under this name.
    pub(crate) fn defined_at(&self, name: &str) -> Option<&[String]> {
        let names = self
            .sources
            .iter()
            .filter(|source| source.module.is_empty())
            .flat_map(|source| &source.names);
        let mut paths =
            names.filter(|(known, path)| known == name && self.rooms.contains_key(&path[0]));
        paths.next().map(|(_, path)| path.as_slice())
    }

    /// A path below the crate's folder, from the workspace's root.
    pub(crate) fn path(&self, below: &str) -> String {
        match self.folder.as_str() {
            "." => below.to_owned(),
            folder => format!("{folder}/{below}"),
        }
    }
}

/// Reads the members of the workspace at `root`, but for those in `tools/`.
pub(crate) fn read_all(root: &Path, faults: &mut Vec<Fault>) -> Vec<Crate> {
    let manifest = read(root, "Cargo.toml", faults);
    let mut folders: Vec<String> = members(&manifest)
        .filter(|folder| !folder.starts_with("tools/"))
        .map(str::to_owned)
        .collect();
    if manifest.contains("\n[package]") {
        folders.push(".".to_owned());
    }
    folders
        .iter()
        .map(|folder| read_one(root, folder, faults))
        .collect()
}

fn read_one(root: &Path, folder: &str, faults: &mut Vec<Fault>) -> Crate {
    let mut this = Crate {
        folder: folder.to_owned(),
        name: String::new(),
        dependencies: Vec::new(),
        rooms: BTreeMap::new(),
        sources: Vec::new(),
    };
    let manifest = read(root, &this.path("Cargo.toml"), faults);
    this.name = name(&manifest).unwrap_or_default().to_owned();
    this.dependencies = dependencies(&manifest);

    let mut files = Vec::new();
    list(root, &this.path("src"), &mut files);
    files.sort();
    for file in files {
        let module = module_path(&file[this.path("src").len() + 1..]);
        let text = read(root, &file, faults);
        match Source::read(file.clone(), module, &text) {
            Ok(source) => this.sources.push(source),
            Err(error) => faults.push(Fault::new(file, 0, format!("is no Rust: {error}"))),
        }
    }
    let tests: Vec<Vec<String>> = this
        .sources
        .iter()
        .flat_map(|source| source.test_modules.clone())
        .collect();
    for source in &mut this.sources {
        source.is_test |= tests.iter().any(|module| source.module.starts_with(module));
        if let Some(room) = source.module.first() {
            let only_tests = this.rooms.entry(room.clone()).or_insert(true);
            *only_tests &= source.is_test;
        }
    }
    this
}

/// The Rust files in a folder, with their paths from `root`.
fn list(root: &Path, folder: &str, files: &mut Vec<String>) {
    // A folder that is not there has no files; that its crate has none is told as rooms that are missing.
    for entry in fs::read_dir(root.join(folder))
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            list(root, &path, files);
        } else if path.ends_with(".rs") {
            files.push(path);
        }
    }
}

/// The module that a file of `src/` is; nothing for `lib.rs`.
fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

fn read(root: &Path, file: &str, faults: &mut Vec<Fault>) -> String {
    fs::read_to_string(root.join(file)).unwrap_or_else(|error| {
        faults.push(Fault::new(file, 0, format!("cannot be read: {error}")));
        String::new()
    })
}

// --- Manifests. What this needs of TOML is so little that it reads lines: a table's header, `key = …` and `key.…`, and strings.

fn members(manifest: &str) -> impl Iterator<Item = &str> {
    let list = manifest
        .lines()
        .skip_while(|line| !line.starts_with("members"))
        .scan(false, |over, line| {
            (!std::mem::replace(over, line.contains(']'))).then_some(line)
        });
    list.flat_map(|line| line.split('"').skip(1).step_by(2))
}

fn name(manifest: &str) -> Option<&str> {
    let line = manifest
        .lines()
        .skip_while(|line| line.trim() != "[package]")
        .find(|line| line.starts_with("name"))?;
    line.split('"').nth(1)
}

fn dependencies(manifest: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut within = false;
    for (at, line) in manifest.lines().map(str::trim).enumerate() {
        let at = at + 1;
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let (table, one) = match header.split_once("dependencies") {
                Some((before, rest)) => (before, rest.strip_prefix('.')),
                None => ("dev-", None),
            };
            // Not `[dev-dependencies]`, and not `[workspace.dependencies]`, which only gives versions.
            within = !table.ends_with("dev-") && !table.starts_with("workspace");
            if let Some(one) = one.filter(|_| within) {
                found.push((one.to_owned(), at));
            }
        } else if within && !line.starts_with('#') {
            // What it is called here; or what it is called by itself, where that is another name.
            let key = line.split(['=', '.']).next().unwrap_or_default().trim();
            let renamed = line
                .split_once("package =")
                .and_then(|(_, rest)| rest.split('"').nth(1));
            let name = renamed.unwrap_or(key);
            if !name.is_empty() {
                found.push((name.to_owned(), at));
            }
        }
    }
    found
}
