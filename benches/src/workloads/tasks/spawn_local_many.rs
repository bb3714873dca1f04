//! Many spawns by one task, which is on a worker: what a server does that starts a task for each request.

use super::{Workload, in_main};
use crate::countdown::Countdown;
use crate::runtimes::Runtime;
use std::sync::Arc;
use std::time::Duration;

const SPAWNS: usize = 10_000;

pub(crate) struct SpawnLocalMany;

impl Workload for SpawnLocalMany {
    const NAME: &'static str = "spawn_local_many";
    const WHAT: &'static str = "10,000 spawns by a task; the last one to run tells the main future";
    const TARGET: f64 = 0.7;

    fn measure<R: Runtime>(runtime: &R, iterations: u32) -> Duration {
        in_main(runtime, iterations, iteration::<R>)
    }
}

async fn iteration<R: Runtime>() {
    let (countdown, finished) = Countdown::new(SPAWNS);
    R::detach(R::spawn(async move {
        for _ in 0..SPAWNS {
            let countdown = Arc::clone(&countdown);
            R::detach(R::spawn(async move { countdown.done(1) }));
        }
    }));
    finished.await.expect("every task runs");
}
