//! Waterwheel beside its peers: the same programs, in one run, interleaved.
//!
//! | module | what is there |
//! |---|---|
//! | `runtimes` | what a workload needs of a runtime, and one file for each runtime |
//! | `workloads` | one file for each workload, written once for every runtime, and the list of all |
//! | `contest` | warm-up and rounds: who runs when, and for how long |
//! | `statistics` | medians, quartiles and ratios |
//! | `report` | the table, and the verdicts |
//! | `machine` | on what it was measured |
//! | `countdown` | how the last task of a workload tells the main future |

mod contest;
mod countdown;
mod machine;
mod report;
mod runtimes;
mod statistics;
mod workloads;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::io;
use std::process::ExitCode;

/// How many workers each runtime has. The targets are for this many.
const WORKERS: usize = 2;

/// Compares Waterwheel with its peers: the same programs, in one run, interleaved.
#[derive(Parser)]
struct Arguments {
    /// The workloads to run; all of them if none is named
    #[arg(value_parser = PossibleValuesParser::new(workloads::all().iter().map(|entry| entry.name)))]
    workloads: Vec<String>,

    /// How many times each runtime is measured in each workload
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Exit with a failure if a ratio is above its target
    #[arg(long)]
    check: bool,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut chosen = workloads::all();
    if !arguments.workloads.is_empty() {
        chosen.retain(|entry| arguments.workloads.iter().any(|name| name == entry.name));
    }
    machine::print(WORKERS, arguments.rounds);
    let mut rows = Vec::new();
    for entry in &chosen {
        eprintln!("{}: {}", entry.name, entry.what);
        let samples = contest::run((entry.contestants)(WORKERS)?, arguments.rounds);
        rows.push(report::Row::new(entry, samples));
    }
    report::print(&rows);
    let met = rows.iter().all(report::Row::is_met);
    Ok(if arguments.check && !met {
        eprintln!("a ratio is above its target");
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
