//! The public functions that take a time, as the sources have them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What such a function has among its parameters.
const TIMES: [&str; 4] = ["Duration", "Instant", "SystemTime", "Schedule"];

/// `Type::function`, or `function` where there is no type: of each public function, and each one of a trait, in the workspace.
pub(crate) fn that_take_a_time() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("the workspace");
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = "))
        .expect("the members are in one line");
    let mut found = BTreeSet::new();
    search(&root.join("src"), &mut found);
    for member in members.split('"').skip(1).step_by(2) {
        search(&root.join(member).join("src"), &mut found);
    }
    found
}

fn search(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            search(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            of_file(&fs::read_to_string(&path).expect("a source"), found);
        }
    }
}

/// By the form that rustfmt gives: an `impl` begins at the margin, and tests are at the end.
fn of_file(source: &str, found: &mut BTreeSet<String>) {
    let mut owner = Owner::default();
    let mut lines = source
        .lines()
        .map(|line| line.split("//").next().expect("a first part"));
    while let Some(line) = lines.next() {
        if line.starts_with("mod tests {") {
            return;
        }
        let at_the_margin = line.starts_with(|first: char| !first.is_whitespace());
        if at_the_margin {
            if let Some(begun) = Owner::of(line) {
                owner = begun;
            } else if line.starts_with('}') {
                owner = Owner::default();
            }
        }
        let code = line.trim_start();
        let (visible, code) = match code.strip_prefix("pub ") {
            Some(code) => (true, code),
            None => (owner.functions_are_public && !at_the_margin, code),
        };
        let modifiers = ["const ", "async ", "unsafe "];
        let code = modifiers.iter().fold(code, |code, modifier| {
            code.strip_prefix(modifier).unwrap_or(code)
        });
        let Some(code) = code.strip_prefix("fn ").filter(|_| visible) else {
            continue;
        };
        let mut signature = code.to_owned();
        while !signature.contains('{') && !signature.contains(';') {
            signature += " ";
            signature += lines.next().expect("the rest of a signature");
        }
        if takes_a_time(&signature) {
            let end = signature.find(['(', '<']).expect("parameters");
            let function = signature[..end].trim();
            found.insert(match &owner.name {
                Some(name) if !at_the_margin => format!("{name}::{function}"),
                _ => function.to_owned(),
            });
        }
    }
}

/// Whose functions these are.
#[derive(Default)]
struct Owner {
    name: Option<String>,
    /// Those of traits are so without saying it.
    functions_are_public: bool,
}

impl Owner {
    fn of(line: &str) -> Option<Self> {
        let is_macro = line.starts_with("macro_rules!");
        let is_trait = line.starts_with("pub trait ");
        if is_macro {
            return Some(Self::default());
        }
        if !(is_trait || line.starts_with("impl ") || line.starts_with("impl<")) {
            return None;
        }
        let named = line
            .split_once(" for ")
            .map_or_else(|| after_generics(line), |(_, named)| named);
        let name = named
            .trim_start()
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .expect("a first part");
        Some(Self {
            name: Some(name.to_owned()),
            functions_are_public: is_trait || line.contains(" for "),
        })
    }
}

/// What follows `impl<…>` or `pub trait`.
fn after_generics(line: &str) -> &str {
    if let Some(rest) = line.strip_prefix("pub trait ") {
        return rest;
    }
    let rest = line.strip_prefix("impl").expect("an impl");
    let (mut depth, mut before) = (0, ' ');
    for (at, c) in rest.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        before = c;
        if depth == 0 {
            return &rest[at + 1..];
        }
    }
    rest
}

/// Whether a time is among the parameters, or in what generic ones must be; the type that is returned does not count.
fn takes_a_time(signature: &str) -> bool {
    let begin = signature.find('(').expect("parameters");
    let mut depth = 0;
    let end = signature[begin..]
        .char_indices()
        .find_map(|(at, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(begin + at)
        })
        .expect("the end of the parameters");
    let bounds = signature.split_once(" where ").map_or("", |(_, rest)| rest);
    [&signature[..end], bounds]
        .iter()
        .any(|part| words(part).any(|word| TIMES.contains(&word)))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

#[test]
fn the_search_finds_what_it_is_to_find() {
    let source = "
/// pub fn of_a_comment(time: Duration) {}
pub fn free(time: std::time::Duration) -> u32 {
}
pub(crate) fn inside(time: Duration) {}
pub fn returned() -> Duration {
}
impl<T: Fn() -> Instant> Type<T>
where
    T: Send,
{
    pub async fn method<F>(
        &self,
        deadline: Option<Instant>,
    ) -> io::Result<()>
    where
        F: Send,
    {
    }
    fn hidden(time: Duration) {}
    pub const fn bounded<F>(&self, f: F)
    where
        F: Into<Duration>,
    {
    }
}
impl foreign::Timer for Timer<'_> {
    fn of_a_trait(&self, until: SystemTime) {}
}
pub trait Limits {
    fn provided(&self, limit: Duration);
}
macro_rules! both {
    () => {
        pub fn of_a_macro(&self, time: Duration) {}
    };
}
fn private(time: Duration) {}
#[cfg(test)]
mod tests {
    pub fn of_a_test(time: Duration) {}
}
";
    let mut found = BTreeSet::new();
    of_file(source, &mut found);
    let expected = [
        "Limits::provided",
        "Timer::of_a_trait",
        "Type::bounded",
        "Type::method",
        "free",
        "of_a_macro",
    ];
    assert!(found.iter().eq(expected), "{found:?}");
}
