//! Waterwheel beside its peers: the same programs, in one run, interleaved.
//!
//! | module | what is there |
//! |---|---|
//! | `workloads` | a folder for each group of workloads, one file for each workload, and the list of all |
//! | `runtimes` | what a workload of tasks needs of a runtime, and one file for each runtime |
//! | `local` | what a workload of timers needs of a runtime on one thread, and one file for each runtime |
//! | `net` | what a workload of sockets needs of a runtime, one file for each runtime, and servers in processes of their own |
//! | `resident` | a contestant that stays in its `block_on` on a thread of its own |
//! | `arguments` | what the user asks for: which workloads, how many rounds |
//! | `contest` | warm-up and rounds: who runs when, and for how long |
//! | `progress` | how far the run has come |
//! | `statistics` | medians, quartiles and ratios |
//! | `report` | the verdicts; the table, and the files with the same in Markdown, in JSON, and as charts |
//! | `machine` | on what it was measured |
//! | `allocator` | the system's, which counts the bytes in use when asked to |
//! | `countdown` | how the last task of a workload tells the main future |
//! | `random` | numbers from a seed |

mod allocator;
mod arguments;
mod contest;
mod countdown;
mod local;
mod machine;
mod net;
mod progress;
mod random;
mod report;
mod resident;
mod runtimes;
mod statistics;
mod workloads;

use arguments::Arguments;
use clap::Parser;
use progress::Progress;
use report::{Report, Row};
use std::io;
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    net::serve_if_asked()?;
    if workloads::memory::run_as_child() {
        return Ok(ExitCode::SUCCESS);
    }
    let arguments = Arguments::parse();
    let chosen = arguments.choose();
    if arguments.list {
        arguments::print_list(&chosen);
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report::new(arguments.set(), arguments.rounds());
    report::table::print_head(&report);
    report.rows = measure(&chosen, arguments.rounds())?;
    report::table::print(&report);
    if let Some(directory) = arguments.report() {
        report.write(&directory)?;
        println!("\nwritten to {}", directory.display());
    }
    let missed = report.missed();
    if missed > 0 {
        println!("\ntargets missed: {missed}");
    }
    Ok(if arguments.check && missed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Runs one workload after another.
fn measure(chosen: &[workloads::Entry], rounds: u32) -> io::Result<Vec<Row>> {
    let progress = Progress::new(chosen.iter().map(|entry| entry.pace.rounds(rounds)).sum());
    let mut rows = Vec::new();
    for entry in chosen {
        progress.begin(entry);
        let contestants = match (entry.contestants)() {
            Err(lacks) if lacks.kind() == io::ErrorKind::Unsupported => {
                progress.say(&format!("{} is left out: {lacks}", entry.name));
                continue;
            }
            contestants => contestants?,
        };
        let samples = contest::run(contestants, entry.pace, rounds, || progress.round());
        rows.push(Row::new(entry, samples));
    }
    progress.end();
    Ok(rows)
}
