//! Tasks: how fast they are spawned, woken, run and joined. Two groups of the same workloads: on one thread of each runtime, and on two
//! workers.
//!
//! Each workload is a file here and a line in [`all`]; a runtime is a file in `runtimes` and a line in the
//! lists of contestants.

mod chained_spawn;
mod ping_pong_oneshot;
mod ring;
mod spawn_foreign;
mod spawn_join;
mod spawn_many;
mod wake_foreign;
mod yield_now;

use super::{Bound, Entry, Unit};
use crate::contest::{Contestant, Pace, Sample};
use crate::resident::resident;
use crate::runtimes::{
    Monoio, OnThread, OnWorkers, Smol, SmolLocal, Tokio, TokioLocalSet, Waterwheel,
};
use chained_spawn::ChainedSpawn;
use ping_pong_oneshot::PingPong;
use ring::Ring;
use spawn_foreign::SpawnForeign;
use spawn_join::SpawnJoin;
use spawn_many::SpawnMany;
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};
use wake_foreign::WakeForeign;
use yield_now::Yield;

/// The groups.
const ON_THREAD: &str = "tasks";
const ON_WORKERS: &str = "workers";

/// How many workers each runtime has in the second group. Its targets are for this many, and the names of its workloads end in it.
const WORKERS: usize = 2;

/// What there is to say of a program before it runs.
trait Described: 'static {
    /// What it does, in a line.
    const WHAT: &'static str;
    /// How many operations an iteration is. The figure is the time of one.
    const OPERATIONS: u32;
    const ON_THREAD: Part;
    const ON_WORKERS: Part;
}

/// A workload in one of the groups: its name there, and what Waterwheel must keep to.
struct Part {
    name: &'static str,
    bounds: &'static [Bound],
}

/// A program that is measured, written once for every runtime. It asserts that all of its work was done.
trait Workload<R>: Described {
    /// In the main future of the runtime: repeats it so many times, one after another, and tells how long that took in all.
    fn measure(iterations: u32) -> impl Future<Output = Duration>;
}

/// Every workload of both groups, in the order in which they run.
pub(super) fn all() -> Vec<Entry> {
    vec![
        on_thread::<SpawnJoin>(all_on_thread::<SpawnJoin>),
        on_thread::<SpawnMany>(all_on_thread::<SpawnMany>),
        on_thread::<Yield<1>>(all_on_thread::<Yield<1>>),
        on_thread::<Yield<1_000>>(all_that_take_turns::<Yield<1_000>>),
        on_thread::<Ring<2>>(all_on_thread::<Ring<2>>),
        on_thread::<PingPong>(all_on_thread::<PingPong>),
        on_thread::<ChainedSpawn>(all_on_thread::<ChainedSpawn>),
        on_thread::<Ring<300>>(all_on_thread::<Ring<300>>),
        on_thread::<SpawnForeign>(all_within_reach::<SpawnForeign>),
        on_thread::<WakeForeign>(all_within_reach::<WakeForeign>),
        on_workers::<SpawnJoin>(),
        on_workers::<SpawnMany>(),
        on_workers::<Yield<1>>(),
        on_workers::<Yield<1_000>>(),
        on_workers::<Ring<2>>(),
        on_workers::<PingPong>(),
        on_workers::<ChainedSpawn>(),
        on_workers::<Ring<300>>(),
        on_workers::<SpawnForeign>(),
        on_workers::<WakeForeign>(),
    ]
}

type Contestants = io::Result<Vec<Contestant>>;

fn on_thread<W: Described>(contestants: fn() -> Contestants) -> Entry {
    entry::<W>(ON_THREAD, &W::ON_THREAD, contestants)
}

fn all_on_thread<W>() -> Contestants
where
    W: Workload<Waterwheel>
        + Workload<Tokio>
        + Workload<TokioLocalSet>
        + Workload<SmolLocal>
        + Workload<Monoio>,
{
    let mut contestants = all_that_take_turns::<W>()?;
    contestants.push(stays::<Monoio, W>()?);
    Ok(contestants)
}

/// Those where a task that yields lets others run.
fn all_that_take_turns<W>() -> Contestants
where
    W: Workload<Waterwheel> + Workload<Tokio> + Workload<TokioLocalSet> + Workload<SmolLocal>,
{
    Ok(vec![
        stays::<Waterwheel, W>()?,
        stays::<Tokio, W>()?,
        stays::<TokioLocalSet, W>()?,
        stays::<SmolLocal, W>()?,
    ])
}

/// Those whose tasks other threads may start and wake.
fn all_within_reach<W>() -> Contestants
where
    W: Workload<Waterwheel> + Workload<Tokio> + Workload<Smol>,
{
    Ok(vec![
        stays::<Waterwheel, W>()?,
        stays::<Tokio, W>()?,
        stays::<Smol, W>()?,
    ])
}

fn on_workers<W>() -> Entry
where
    W: Workload<Waterwheel> + Workload<Tokio> + Workload<Smol>,
{
    entry::<W>(ON_WORKERS, &W::ON_WORKERS, || {
        Ok(vec![
            enters::<Waterwheel, W>()?,
            enters::<Tokio, W>()?,
            enters::<Smol, W>()?,
        ])
    })
}

fn entry<W: Described>(
    group: &'static str,
    part: &Part,
    contestants: fn() -> Contestants,
) -> Entry {
    Entry {
        group,
        name: part.name,
        what: W::WHAT,
        unit: Unit::Time,
        pace: Pace::Filled,
        quick: true,
        bounds: part.bounds.to_vec(),
        contestants,
    }
}

/// A runtime that lives as long as its `block_on`, which is not left between two samples.
fn stays<R: OnThread, W: Workload<R>>() -> io::Result<Contestant> {
    resident(R::NAME, |requests| {
        R::block_on(requests.answer(async |iterations| sample::<R, W>(iterations).await))
    })
}

/// A runtime that is entered for each sample. To enter and leave it is not in the time: a program does that once.
fn enters<R: OnWorkers, W: Workload<R>>() -> io::Result<Contestant> {
    let runtime = R::new(WORKERS)?;
    Ok(Contestant {
        name: R::NAME,
        measure: Box::new(move |iterations| runtime.block_on(sample::<R, W>(iterations))),
    })
}

async fn sample<R, W: Workload<R>>(iterations: u32) -> Sample {
    let took = W::measure(iterations).await;
    Sample::of_time(took, u64::from(iterations) * u64::from(W::OPERATIONS))
}

/// Times iterations that the main future makes, one after another.
async fn timed<F: Future<Output = ()>>(iterations: u32, iteration: impl Fn() -> F) -> Duration {
    let began = Instant::now();
    for _ in 0..iterations {
        iteration().await;
    }
    began.elapsed()
}
