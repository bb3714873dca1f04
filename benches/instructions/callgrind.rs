//! Counting: a path under valgrind's callgrind, in a process of its own, by a long run and a short one.

use crate::RUN;
use crate::paths::Path;
use std::io;
use std::process::Command;

/// How many times longer the long run is.
const LONGER: usize = 5;

/// Instructions that an operation of the path takes in user space.
pub(crate) fn count(path: &Path) -> io::Result<f64> {
    let short = total(path.name, path.operations)?;
    let long = total(path.name, path.operations * LONGER)?;
    let more = path.operations * (LONGER - 1);
    Ok((long - short) as f64 / more as f64)
}

/// Instructions of the whole process.
fn total(name: &str, operations: usize) -> io::Result<i64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([RUN, name, &operations.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    match collected.map(|(_, total)| total.trim().parse()) {
        Some(Ok(total)) if output.status.success() => Ok(total),
        _ => Err(io::Error::other(format!(
            "callgrind of {name} failed:\n{said}"
        ))),
    }
}

/// What tells where the instructions of a path are; `callgrind_annotate` shows what it writes.
pub(crate) fn command_line(name: &str, operations: usize) -> io::Result<String> {
    let program = std::env::current_exe()?;
    let program = program.display();
    Ok(format!(
        "valgrind --tool=callgrind {program} {RUN} {name} {operations}"
    ))
}
