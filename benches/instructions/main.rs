//! A guard against slow growth: instructions of the hot paths, counted by callgrind and compared with what is recorded.
//!
//! ```text
//! .ci/instructions              counts, and fails if a path takes over 5 % more than is recorded
//! .ci/instructions echo         counts this path alone
//! .ci/instructions --record     counts, and writes `benches/instructions/recorded.txt` anew
//! ```
//!
//! Times differ from run to run, by more than most mistakes cost; counts do not. Each [`Path`] is a program that does one thing over
//! and over, by the public API and in a process of its own. What is counted is all that it does in user space, on all of its
//! threads, as the difference of a long run and a short one, so that neither start nor warm-up is in it. No path looks at what time
//! it is to decide anything, and none has two threads that run at once: five runs in a row give the same counts, to 0.2 %.
//!
//! A count is that of the compiler, the C library (of which the allocator is) and the valgrind that it was made with, and the record
//! names them. Where they are others the table is for reading only: a difference is nobody's fault, and fails nothing. A path that
//! got dearer for a good reason is recorded anew, with the reason in the commit.
//!
//! What is generic is compiled here, and what the compiler inlines of it depends on what else is here: a new path has changed others by
//! up to 2.7 %. So record before and after a change of these programs, and never together with one of the crates.
//!
//! | module | what is there |
//! |---|---|
//! | `paths` | what is counted: programs, and the list of all |
//! | `callgrind` | how it is counted |
//! | `record` | the file |
//! | `tools` | by what it was counted |
//!
//! It is a bench of the facade and not of the workspace in `benches`, as it knows no peers: it needs nothing that the tests do not
//! build anyway. It is no harness's (gungraun, formerly iai-callgrind, is the one for this): that keeps what it compares with in the
//! target folder and not in the repository, and wants a runner of its very version to be installed beside it.

mod callgrind;
mod paths;
mod record;
mod tools;

use paths::Path;
use record::Record;
use std::io;
use std::process::ExitCode;

/// How much more than is recorded is too much.
const MOST: f64 = 1.05;

/// What takes less than this has room to grow unseen until it is recorded anew.
const LEAST: f64 = 0.95;

/// In the process that is counted: what to run, and how often.
const RUN: &str = "--run";

fn main() -> io::Result<ExitCode> {
    // `cargo bench` adds a flag of its own.
    let arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let arguments: Vec<_> = arguments.collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [RUN, name, operations] => {
            let operations = operations.parse().map_err(io::Error::other)?;
            (paths::by_name(name)?.run)(operations);
            Ok(ExitCode::SUCCESS)
        }
        ["--record"] => record().map(|()| ExitCode::SUCCESS),
        [] => check(paths::ALL.iter().collect()),
        _ => check(
            words
                .into_iter()
                .map(paths::by_name)
                .collect::<io::Result<_>>()?,
        ),
    }
}

/// Counts all paths, and writes the file.
fn record() -> io::Result<()> {
    let mut counts = Vec::new();
    for path in paths::ALL {
        let counted = callgrind::count(path)?;
        println!("{:<16}{counted:>12.1}  {}", path.name, path.what);
        counts.push((path.name.to_owned(), counted));
    }
    let tools = tools::in_use()?;
    Record { tools, counts }.write()
}

/// Counts these paths, prints each as it is counted, and judges.
fn check(chosen: Vec<&Path>) -> io::Result<ExitCode> {
    let record = Record::read()?;
    let (mut grown, mut shrunk) = (Vec::new(), Vec::new());
    println!(
        "{:<16}{:>12}{:>12}{:>8}",
        "path", "recorded", "counted", "ratio"
    );
    for path in chosen {
        let counted = callgrind::count(path)?;
        // A path that is not recorded is an infinity dearer than nothing, and so fails.
        let recorded = record.count(path.name).unwrap_or(0.0);
        let ratio = counted / recorded;
        println!(
            "{:<16}{recorded:>12.1}{counted:>12.1}{ratio:>8.3}",
            path.name
        );
        match ratio {
            MOST.. => grown.push(path),
            ..LEAST => shrunk.push(path),
            _ => {}
        }
    }
    println!();

    let tools = tools::in_use()?;
    if tools != record.tools {
        println!(
            "recorded by {}\ncounted by  {}",
            record.tools.join(", "),
            tools.join(", ")
        );
        println!("not judged: other tools give other counts");
        return Ok(ExitCode::SUCCESS);
    }
    for path in &shrunk {
        println!(
            "{} takes less than is recorded: record it anew, with --record",
            path.name
        );
    }
    for path in &grown {
        let Path {
            name,
            what,
            operations,
            ..
        } = path;
        println!("{name} takes over 5 % more than is recorded ({what}). To see where:");
        println!("    {}", callgrind::command_line(name, *operations)?);
    }
    Ok(if grown.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!(
            "If that is what it must cost, record it anew, with --record, and say why in the commit"
        );
        ExitCode::FAILURE
    })
}
