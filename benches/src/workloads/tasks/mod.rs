//! Tasks: how fast they are spawned, woken, run and joined, by two workers of each runtime.
//!
//! Each workload is a file here and a line in [`all`]; a runtime is a file in `runtimes` and a line in [`entry`].

mod chained_spawn;
mod ping_pong;
mod spawn_join;
mod spawn_local_many;
mod spawn_remote;
mod yield_many;

use super::{Bound, Entry, Unit};
use crate::contest::{Contestant, Pace, Sample};
use crate::runtimes::{Runtime, Tokio, Waterwheel};
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

pub(crate) const GROUP: &str = "tasks";

/// How many workers each runtime has. The targets are for this many.
pub(crate) const WORKERS: usize = 2;

/// A program that is measured, written once for every runtime. It asserts that all of its work was done.
trait Workload: 'static {
    const NAME: &'static str;
    /// What it does, in a line.
    const WHAT: &'static str;
    /// How long Waterwheel may take, where tokio takes 1.
    const TARGET: f64;

    /// Runs it so many times, one after another, and tells how long that took in all.
    fn measure<R: Runtime>(runtime: &R, iterations: u32) -> Duration;
}

/// Every workload of the group, in the order in which they run.
pub(super) fn all() -> Vec<Entry> {
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
        group: GROUP,
        name: W::NAME,
        what: W::WHAT,
        unit: Unit::Time,
        pace: Pace::Filled,
        bounds: vec![Bound::Ratio(Tokio::NAME, W::TARGET)],
        contestants: || {
            Ok(vec![
                contestant::<Waterwheel, W>()?,
                contestant::<Tokio, W>()?,
            ])
        },
    }
}

fn contestant<R: Runtime, W: Workload>() -> io::Result<Contestant> {
    let runtime = R::new(WORKERS)?;
    Ok(Contestant {
        name: R::NAME,
        measure: Box::new(move |iterations| {
            Sample::of_time(W::measure(&runtime, iterations), u64::from(iterations))
        }),
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
