//! How much of the machine's memory goes into a task that waits for ever: the allocator's own part, and what it loses by alignment,
//! included.
//!
//! Pages that an allocator has got it rarely gives back, so that each sample is taken in a process of its own: this program again, which is
//! told by its environment which runtime to enter.

use super::GROUP;
use super::idle_task::spawn_idle;
use crate::contest::{Contestant, Pace, Sample};
use crate::runtimes::{Monoio, OnThread, SmolLocal, Tasks, Tokio, TokioLocalSet, Waterwheel};
use crate::workloads::{Bound, Entry, Unit};
use std::env;
use std::fs;
use std::process::Command;
use std::time::Instant;

/// The figure is the mean of so many.
const TASKS: u32 = 200_000;

/// Holds the name of the runtime, in a process that is there for a sample.
const CHILD: &str = "WATERWHEEL_BENCHES_CHILD";

pub(super) fn entry() -> Entry {
    Entry {
        group: GROUP,
        name: "idle_task_pages",
        what: "memory resident for a task that waits for ever, the mean of 200,000 in a process of their own",
        unit: Unit::Bytes,
        pace: Pace::Single,
        quick: true,
        bounds: vec![
            Bound::Absolute(112.0),
            Bound::Ratio("smol", 0.95),
            Bound::Ratio("tokio", 0.35),
        ],
        contestants: || {
            let names = RUNTIMES.iter().map(|(name, _)| *name);
            Ok(names.map(contestant).collect())
        },
    }
}

/// Its name, and what takes a sample of it.
type Runtime = (&'static str, fn() -> u64);

/// Who takes part.
const RUNTIMES: [Runtime; 5] = [
    (Waterwheel::NAME, resident::<Waterwheel>),
    (Tokio::NAME, resident::<Tokio>),
    (TokioLocalSet::NAME, resident::<TokioLocalSet>),
    (SmolLocal::NAME, resident::<SmolLocal>),
    (Monoio::NAME, resident::<Monoio>),
];

fn contestant(name: &'static str) -> Contestant {
    Contestant {
        name,
        measure: Box::new(move |_| {
            let began = Instant::now();
            let program = env::current_exe().expect("this program has a path");
            let child = Command::new(program).env(CHILD, name).output();
            let child = child.expect("this program can be run again");
            assert!(child.status.success(), "{name}: {child:?}");
            let bytes = String::from_utf8(child.stdout).expect("a number is text");
            let bytes: f64 = bytes.trim().parse().expect("the child tells a number");
            Sample::new(began.elapsed(), bytes / f64::from(TASKS))
        }),
    }
}

/// If this process is there for a sample, takes and prints it.
pub(crate) fn run_as_child() -> bool {
    let Ok(asked) = env::var(CHILD) else {
        return false;
    };
    let mut runtimes = RUNTIMES.iter();
    let (_, resident) = runtimes
        .find(|(name, _)| *name == asked)
        .expect("the parent names a runtime that takes part");
    println!("{}", resident());
    true
}

/// The bytes by which this process grows.
fn resident<R: OnThread>() -> u64 {
    R::block_on(async {
        let mut handles = Vec::with_capacity(TASKS as usize);
        let before = pages();
        spawn_idle::<R>(TASKS, &mut handles).await;
        let grown = pages() - before;
        // Where the handles stand is the workload's own.
        let places = handles.len() * size_of_val(&handles[0]);
        handles.into_iter().for_each(R::detach);
        grown - places as u64
    })
}

/// The bytes of all pages of this process that are in memory.
fn pages() -> u64 {
    let pages = fs::read_to_string("/proc/self/smaps_rollup").expect("the kernel tells");
    let line = pages.lines().find(|line| line.starts_with("Rss:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
    let kibibytes: u64 = kibibytes
        .and_then(|number| number.parse().ok())
        .expect("the resident pages are among it");
    kibibytes * 1024
}
