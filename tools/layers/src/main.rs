//! `.ci/layers`: checks the workspace that it is built in, or the one whose root is named. `--draft` prints the table that its sources would need.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, iter};

fn main() -> ExitCode {
    let (options, paths): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|word| word.starts_with("--"));
    let here = iter::once(env!("CARGO_MANIFEST_DIR").to_owned() + "/../..");
    let root = PathBuf::from(paths.into_iter().chain(here).next().unwrap_or_default());
    match options.first().map(String::as_str) {
        None => {}
        Some("--draft") => {
            print!("{}", waterwheel_layers::draft(&root));
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!("there is no option {other}: write `.ci/layers`, or `.ci/layers --draft`");
            return ExitCode::FAILURE;
        }
    }
    let (faults, seen) = waterwheel_layers::check(&root);
    for fault in &faults {
        println!("{fault}");
    }
    println!(
        "{} crates, {} rooms, {} source files, {} imports between rooms; {} faults",
        seen.crates,
        seen.rooms,
        seen.files,
        seen.imports,
        faults.len()
    );
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
