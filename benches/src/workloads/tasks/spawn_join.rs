//! The main future hands out one task at a time, and waits for it: the way from the main future to a worker and back.

use super::{Bound, Described, Part, Workload, timed};
use crate::runtimes::Tasks;
use std::time::Duration;

const TASKS: u32 = 1_000;

pub(crate) struct SpawnJoin;

impl Described for SpawnJoin {
    const WHAT: &'static str = "the main future spawns a task and joins it";
    const OPERATIONS: u32 = TASKS;
    const ON_THREAD: Part = Part {
        name: "spawn_join",
        bounds: &[Bound::Best(0.5)],
    };
    const ON_WORKERS: Part = Part {
        name: "spawn_join_2",
        bounds: &[Bound::Ratio("tokio", 0.2)],
    };
}

impl<R: Tasks> Workload<R> for SpawnJoin {
    async fn measure(iterations: u32) -> Duration {
        timed(iterations, iteration::<R>).await
    }
}

async fn iteration<R: Tasks>() {
    let mut joined = 0;
    for _ in 0..TASKS {
        joined += R::join(R::spawn(async { 1 })).await;
    }
    assert_eq!(joined, TASKS);
}
