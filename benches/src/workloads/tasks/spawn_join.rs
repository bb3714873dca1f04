//! The main future hands out one task at a time, and waits for it: the way from the main future to a worker and back.

use super::{Workload, in_main};
use crate::runtimes::Runtime;
use std::time::Duration;

const TASKS: usize = 1_000;

pub(crate) struct SpawnJoin;

impl Workload for SpawnJoin {
    const NAME: &'static str = "spawn_join";
    const WHAT: &'static str = "1,000 tasks, spawned and joined one at a time by the main future";
    const TARGET: f64 = 0.2;

    fn measure<R: Runtime>(runtime: &R, iterations: u32) -> Duration {
        in_main(runtime, iterations, iteration::<R>)
    }
}

async fn iteration<R: Runtime>() {
    let mut joined = 0;
    for _ in 0..TASKS {
        joined += R::join(R::spawn(async { 1 })).await;
    }
    assert_eq!(joined, TASKS);
}
