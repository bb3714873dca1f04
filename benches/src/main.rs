//! Waterwheel beside its peers: the same programs, in one run, interleaved.
//!
//! | module | what is there |
//! |---|---|
//! | `workloads` | a folder for each group of workloads, one file for each workload, and the list of all |
//! | `runtimes` | what a workload of tasks needs of a runtime, and one file for each runtime |
//! | `local` | what a workload of timers needs of a runtime on one thread, and one file for each runtime |
//! | `net` | what a workload of sockets needs of a runtime, one file for each runtime, and servers in processes of their own |
//! | `resident` | a contestant that stays in its `block_on` on a thread of its own |
//! | `contest` | warm-up and rounds: who runs when, and for how long |
//! | `statistics` | medians, quartiles and ratios |
//! | `report` | the table, and the verdicts |
//! | `machine` | on what it was measured |
//! | `allocator` | the system's, which counts the bytes in use when asked to |
//! | `countdown` | how the last task of a workload tells the main future |
//! | `random` | numbers from a seed |

mod allocator;
mod contest;
mod countdown;
mod local;
mod machine;
mod net;
mod random;
mod report;
mod resident;
mod runtimes;
mod statistics;
mod workloads;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::io;
use std::process::ExitCode;

/// Compares Waterwheel with its peers: the same programs, in one run, interleaved.
#[derive(Parser)]
struct Arguments {
    /// The groups or workloads to run; all of them if none is named
    #[arg(value_parser = PossibleValuesParser::new(workloads::names()))]
    workloads: Vec<String>,

    /// How many times each contestant is measured in each workload
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Exit with a failure if a target is missed
    #[arg(long)]
    check: bool,
}

impl Arguments {
    fn choose(&self, entry: &workloads::Entry) -> bool {
        let mut names = self.workloads.iter();
        self.workloads.is_empty() || names.any(|name| name == entry.name || name == entry.group)
    }
}

fn main() -> io::Result<ExitCode> {
    net::serve_if_asked()?;
    let arguments = Arguments::parse();
    let mut chosen = workloads::all();
    chosen.retain(|entry| arguments.choose(entry));
    machine::print(arguments.rounds);
    let mut rows = Vec::new();
    for entry in &chosen {
        eprintln!("{}: {}", entry.name, entry.what);
        let samples = contest::run((entry.contestants)()?, entry.pace, arguments.rounds);
        rows.push(report::Row::new(entry, &samples));
    }
    report::print(&rows);
    let met = rows.iter().all(report::Row::is_met);
    Ok(if arguments.check && !met {
        eprintln!("a target is missed");
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
