//! [`Workload`]: a program that is measured, one file each, written once for every runtime.
//!
//! Each asserts that all of its work was done. A new one is a file here and a line in [`all`]; a new runtime is a file in
//! `runtimes` and a line in [`entry`].

mod chained_spawn;
mod ping_pong;
mod spawn_join;
mod spawn_local_many;
mod spawn_remote;
mod yield_many;

use crate::contest::Contestant;
use crate::runtimes::{Runtime, Tokio, Waterwheel};
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

pub(crate) trait Workload: 'static {
    const NAME: &'static str;
    /// What it does, in a line.
    const WHAT: &'static str;
    /// How long Waterwheel may take, where tokio takes 1.
    const TARGET: f64;

    /// Runs it so many times, one after another, and tells how long that took in all.
    fn measure<R: Runtime>(runtime: &R, iterations: u32) -> Duration;
}

/// A workload in the list, with the runtimes that take part in it.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) target: f64,
    /// Makes the runtimes, with so many workers each: Waterwheel first, then tokio, then any others.
    pub(crate) contestants: fn(usize) -> io::Result<Vec<Contestant>>,
}

/// Every workload, in the order in which they run.
pub(crate) fn all() -> Vec<Entry> {
    vec![
        entry::<spawn_local_many::SpawnLocalMany>(),
        entry::<yield_many::YieldMany>(),
        entry::<ping_pong::PingPong>(),
        entry::<chained_spawn::ChainedSpawn>(),
        entry::<spawn_remote::SpawnRemote>(),
        entry::<spawn_join::SpawnJoin>(),
    ]
}

fn entry<W: Workload>() -> Entry {
    Entry {
        name: W::NAME,
        what: W::WHAT,
        target: W::TARGET,
        contestants: |workers| {
            Ok(vec![
                contestant::<Waterwheel, W>(workers)?,
                contestant::<Tokio, W>(workers)?,
            ])
        },
    }
}

fn contestant<R: Runtime, W: Workload>(workers: usize) -> io::Result<Contestant> {
    let runtime = R::new(workers)?;
    Ok(Contestant {
        name: R::NAME,
        measure: Box::new(move |iterations| W::measure(&runtime, iterations)),
    })
}

/// Times iterations that the main future of one `block_on` makes, one after another. To enter and leave the runtime is
/// not in the time: a program does that once.
fn in_main<R, F>(runtime: &R, iterations: u32, iteration: impl Fn() -> F) -> Duration
where
    R: Runtime,
    F: Future<Output = ()>,
{
    runtime.block_on(async {
        let began = Instant::now();
        for _ in 0..iterations {
            iteration().await;
        }
        began.elapsed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_ends_on_every_runtime() {
        for entry in all() {
            let mut contestants = (entry.contestants)(2).expect("runtimes");
            for contestant in &mut contestants {
                let took = (contestant.measure)(2);
                assert!(!took.is_zero(), "{} on {}", entry.name, contestant.name);
            }
        }
    }
}
