//! What there is to await and to poll: found in the sources of the crates, as rustfmt lays them out.
//!
//! | what stands in a source | its name |
//! |---|---|
//! | `impl … Future for Sleep`, or any other trait whose methods poll | `Future for time::Sleep` |
//! | `pub fn poll_tick(…)` in `impl Interval`, or in none | `time::Interval::poll_tick` |
//! | `pub async fn bind(…)` in `impl TcpListener`, or in none | `net::TcpListener::bind` |
//! | a function of a public type that returns `impl Future`, `impl Stream` or a boxed trait object | `net::Timer::sleep` |
//!
//! A type counts if it is declared `pub`: the workspace denies `unreachable_pub`, so what is declared so can be reached. What stands in
//! a module that a feature brings counts if this test has that feature.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 5] = ["poll_context", "reactor", "timer", "executor", "net"];

/// The features by which a module is left out of this build.
fn is_off(feature: &str) -> bool {
    match feature {
        "futures-io" => cfg!(not(feature = "futures-io")),
        "hyper" => cfg!(not(feature = "hyper")),
        other => panic!("the feature `{other}` is not known here: add it to `is_off`"),
    }
}

/// The names of all that can be awaited or polled.
pub(crate) fn names() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for of in CRATES {
        let sources = sources(&root.join(of).join("src"));
        let public = public_types(&sources);
        for lines in &sources {
            scan(of, lines, &public, &mut names);
        }
    }
    // What the facade itself might add.
    let facade = sources(&root.join("src"));
    let public = public_types(&facade);
    for lines in &facade {
        scan("waterwheel", lines, &public, &mut names);
    }
    names
}

/// A file, without comments and tests.
type Lines = Vec<String>;

fn sources(folder: &Path) -> Vec<Lines> {
    let mut files = Vec::new();
    find(folder, &mut files);
    let texts: Vec<(PathBuf, String)> = files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).expect("a source");
            (file, text)
        })
        .collect();
    let left_out = left_out(&texts);
    texts
        .iter()
        .filter(|(file, _)| {
            !left_out
                .iter()
                .any(|out| file.starts_with(out) || file == out)
        })
        .map(|(_, text)| without_comments(text))
        .collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The files, and folders, of modules that are not in this build: those for tests, and those of features that are off.
fn left_out(texts: &[(PathBuf, String)]) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for (file, text) in texts {
        let folder = file.parent().expect("a folder");
        let stem = file.file_stem().expect("a name").to_string_lossy();
        let inner = match &*stem {
            "lib" | "mod" => folder.to_owned(),
            stem => folder.join(stem),
        };
        let mut is_out = false;
        for line in text.lines().map(str::trim) {
            if let Some(condition) = line.strip_prefix("#[cfg(") {
                let feature = condition.strip_prefix("feature = \"");
                let feature = feature.and_then(|rest| rest.split('"').next());
                is_out |= condition.starts_with("test)") || feature.is_some_and(is_off);
            } else if let Some(module) = line.strip_prefix("mod ").and_then(|m| m.strip_suffix(';'))
            {
                if is_out {
                    out.push(inner.join(module));
                    out.push(inner.join(format!("{module}.rs")));
                }
                is_out = false;
            } else if !line.starts_with("#[") {
                is_out = false;
            }
        }
    }
    out
}

fn without_comments(text: &str) -> Lines {
    text.lines()
        .take_while(|line| *line != "mod tests {")
        .map(|line| match line.trim_start() {
            code if code.starts_with("//") => String::new(),
            _ => line.to_owned(),
        })
        .collect()
}

/// The names of the types that are declared `pub`.
fn public_types(sources: &[Lines]) -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    for line in sources.iter().flatten() {
        let line = line.trim_start();
        for keyword in ["pub struct ", "pub enum ", "pub trait "] {
            if let Some(rest) = line.strip_prefix(keyword) {
                types.insert(identifier(rest).to_owned());
            }
        }
    }
    types
}

/// What `text` begins with.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The last segment of a path, without generics: `Read` of `hyper::rt::Read<'a, T>`.
fn last_segment(path: &str) -> &str {
    let path = path.split('<').next().expect("the first part");
    identifier(path.rsplit("::").next().expect("the last part").trim())
}

/// The block that an `impl` or a `trait` at the margin opens.
struct Block {
    /// `None`: an inherent `impl`, or a trait itself.
    of_trait: Option<String>,
    subject: String,
}

fn scan(of: &str, lines: &[String], public: &BTreeSet<String>, names: &mut BTreeSet<String>) {
    let mut block: Option<Block> = None;
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        if line.starts_with("impl") || line.starts_with("pub trait ") {
            block = Some(opened(&signature(lines, at)));
        } else if line == "}" {
            block = None;
        }
        if is_function(line) {
            let signature = signature(lines, at);
            if let Some(name) = name_of(of, &signature, block.as_ref(), public) {
                names.insert(name);
            }
        }
        at += 1;
    }
}

/// From a line on, up to the brace that opens its block, or the semicolon of a function without one.
fn signature(lines: &[String], at: usize) -> String {
    let mut signature = String::new();
    for line in &lines[at..] {
        signature.push_str(line.trim());
        signature.push(' ');
        if line.ends_with('{') || line.ends_with(';') || line.ends_with("{}") {
            break;
        }
    }
    signature
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.starts_with("fn ") || line.starts_with("const fn ")
}

fn opened(header: &str) -> Block {
    if let Some(rest) = header.strip_prefix("pub trait ") {
        return Block {
            of_trait: None,
            subject: identifier(rest).to_owned(),
        };
    }
    let rest = header.strip_prefix("impl").expect("an `impl`");
    let rest = rest[generics(rest)..].trim_start();
    // Not the `for` of a bound, which stands behind the `where`.
    let head = rest.split(" where ").next().expect("the first part");
    match head.split_once(" for ") {
        Some((of_trait, subject)) => Block {
            of_trait: Some(last_segment(of_trait).to_owned()),
            subject: last_segment(subject).to_owned(),
        },
        None => Block {
            of_trait: None,
            subject: last_segment(head).to_owned(),
        },
    }
}

/// How long the generics are that a text begins with.
fn generics(text: &str) -> usize {
    let mut depth = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if c == '>' { at + 1 } else { 0 };
        }
        before = c;
    }
    0
}

/// The name of a function by which something is awaited or polled, if it is one.
fn name_of(
    of: &str,
    signature: &str,
    block: Option<&Block>,
    public: &BTreeSet<String>,
) -> Option<String> {
    let name = identifier(signature.split("fn ").nth(1).expect("a function"));
    let is_pub = signature.starts_with("pub ");
    let subject_is_public = block.is_none_or(|block| public.contains(&block.subject));
    if !subject_is_public {
        return None;
    }
    let polls = name.starts_with("poll") && signature.contains("Context<");
    if let Some(Block {
        of_trait: Some(of_trait),
        subject,
    }) = block
        && polls
    {
        return Some(format!("{of_trait} for {of}::{subject}"));
    }
    // A trait's methods are as public as the trait.
    let returned = signature
        .rsplit_once("-> ")
        .map_or("", |(_, returned)| returned);
    let gives = [
        "impl Future",
        "impl Stream",
        "impl IntoFuture",
        "Pin<Box<dyn ",
    ]
    .iter()
    .any(|what| returned.starts_with(what));
    let in_trait = block.is_some_and(|block| block.of_trait.is_some());
    let is_async = signature.contains("async fn ");
    if (is_pub && (polls || is_async || gives)) || (in_trait && gives) {
        return Some(match block {
            Some(Block { subject, .. }) => format!("{of}::{subject}::{name}"),
            None => format!("{of}::{name}"),
        });
    }
    None
}

/// The names are what they are said to be.
#[test]
fn names_are_found() {
    let source = "
impl<F: Future> Future
    for Outer<F>
{
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
}
impl<T: Fn() -> u8> Inner<T> {
    pub async fn first(
        &self,
    ) -> u8 {
    pub(crate) async fn second(&self) {
    pub fn poll_third(&mut self, cx: &mut Context<'_>) -> Poll<()> {
    pub fn fourth(&self) -> impl Future<Output = u8> {
    fn fifth(&self, cx: &mut Context<'_>) {
}
impl Private {
    pub async fn sixth(&self) {
}
impl other::Timer for Inner<u8> {
    fn seventh(&self) -> Pin<Box<dyn Sleep>> {
}
pub async fn eighth() {
";
    let lines: Lines = source.lines().map(str::to_owned).collect();
    let public = ["Outer", "Inner"].map(str::to_owned).into();
    let mut names = BTreeSet::new();
    scan("x", &lines, &public, &mut names);
    let expected = [
        "Future for x::Outer",
        "x::Inner::first",
        "x::Inner::fourth",
        "x::Inner::poll_third",
        "x::Inner::seventh",
        "x::eighth",
    ];
    assert_eq!(Vec::from_iter(names), expected);
}
