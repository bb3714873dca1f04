//! The documents for newcomers name files, functions and types that exist.
//!
//! A name is what stands between backticks as `folder/file.rs`, or `folder/file.rs::name`, and begins in the root of the repository. What such a file
//! defines is found by its lines: `fn name`, `struct Name`, and so on. `docs/reliability.md` names tests, and `.ci/unsafe` checks it.

use std::fs;
use std::path::Path;

const DOCUMENTS: [&str; 4] = [
    "docs/architecture.md",
    "docs/glossary.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
];

/// The files that a text names, each with what is named in it.
fn named(text: &str) -> Vec<(&str, Option<&str>)> {
    let inline = text.split('`').skip(1).step_by(2);
    inline
        .filter_map(|name| {
            let (file, item) = match name.split_once(".rs::") {
                Some((file, item)) => (&name[..file.len() + ".rs".len()], Some(item)),
                None => (name, None),
            };
            let is_path = file.contains('/')
                && file.ends_with(".rs")
                && file
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
            is_path.then_some((file, item))
        })
        .collect()
}

/// Whether a source defines a function, a type, a constant or a macro of that name.
fn defines(source: &str, name: &str) -> bool {
    let keywords = [
        "fn ",
        "struct ",
        "enum ",
        "trait ",
        "const ",
        "type ",
        "mod ",
        "macro_rules! ",
    ];
    source
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .any(|line| {
            keywords.iter().any(|keyword| {
                line.split(keyword).skip(1).any(|rest| {
                    rest.strip_prefix(name).is_some_and(|rest| {
                        !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                    })
                })
            })
        })
}

#[test]
fn what_the_documents_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).expect("the document");
        // Code blocks have backticks of their own.
        let prose: String = text.split("```").step_by(2).collect();
        for (file, item) in named(&prose) {
            match fs::read_to_string(root.join(file)) {
                Err(_) => wrong.push(format!(
                    "{document} names `{file}`, and there is no such file"
                )),
                Ok(source) => {
                    if let Some(item) = item.filter(|item| !defines(&source, item)) {
                        wrong.push(format!(
                            "{document} names `{file}::{item}`, and there is no `{item}`"
                        ));
                    }
                }
            }
        }
        let links = prose
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let folder = root.join(document).parent().expect("a folder").to_owned();
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let file = link.split('#').next().expect("the part before the anchor");
            if !folder.join(file).exists() {
                wrong.push(format!("{document} links to {link}, and that is not there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_architecture_names_enough() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(DOCUMENTS[0])).expect("the document");
    let prose: String = text.split("```").step_by(2).collect();
    let items = named(&prose)
        .iter()
        .filter(|(_, item)| item.is_some())
        .count();
    assert!(
        items > 50,
        "{items} functions are named: has the form of names changed?"
    );
}

#[test]
fn names_are_found_in_prose_and_in_sources() {
    let text =
        "Read `a/b.rs::run` and `a/c.rs`, but neither `c.rs` nor `x/NAME.patch` nor `a/{b,c}.rs`.";
    assert_eq!(named(text), [("a/b.rs", Some("run")), ("a/c.rs", None)]);
    let source = "    pub(crate) unsafe fn run<F: Future>(\n// fn gone()\npub struct Task;\n";
    assert!(defines(source, "run") && defines(source, "Task"));
    assert!(!defines(source, "ru") && !defines(source, "gone"));
}
