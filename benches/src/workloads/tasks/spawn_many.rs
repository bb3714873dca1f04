//! Many spawns by one task, which is on a worker: what a server does that starts a task for each request.

use super::{Bound, Described, Part, Workload, timed};
use crate::countdown::Countdown;
use crate::runtimes::Tasks;
use std::sync::Arc;
use std::time::Duration;

const SPAWNS: u32 = 100_000;

pub(crate) struct SpawnMany;

impl Described for SpawnMany {
    const WHAT: &'static str =
        "a task spawns 100,000 others; the last one to run tells the main future";
    const OPERATIONS: u32 = SPAWNS;
    const ON_THREAD: Part = Part {
        name: "spawn_many",
        bounds: &[Bound::Best(0.75)],
    };
    const ON_WORKERS: Part = Part {
        name: "spawn_many_2",
        bounds: &[Bound::Ratio("tokio", 0.6)],
    };
}

impl<R: Tasks> Workload<R> for SpawnMany {
    async fn measure(iterations: u32) -> Duration {
        timed(iterations, iteration::<R>).await
    }
}

async fn iteration<R: Tasks>() {
    let (countdown, finished) = Countdown::new(SPAWNS as usize);
    R::detach(R::spawn(async move {
        for _ in 0..SPAWNS {
            let countdown = Arc::clone(&countdown);
            R::detach(R::spawn(async move { countdown.done(1) }));
        }
    }));
    finished.await.expect("every task runs");
}
