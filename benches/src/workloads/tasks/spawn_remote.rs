//! Many spawns by a thread that is not in the runtime, while the main future waits in it.

use super::Workload;
use crate::countdown::Countdown;
use crate::runtimes::Runtime;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const SPAWNS: usize = 10_000;

pub(crate) struct SpawnRemote;

impl Workload for SpawnRemote {
    const NAME: &'static str = "spawn_remote";
    const WHAT: &'static str =
        "10,000 spawns by a thread outside the runtime, until the last has run";
    const TARGET: f64 = 0.8;

    /// The clock is the foreign thread's, so that its start and end are not in the time.
    fn measure<R: Runtime>(runtime: &R, iterations: u32) -> Duration {
        let spawner = runtime.spawner();
        let (told, took) = oneshot::channel();
        runtime.block_on(async {
            let foreign = thread::spawn(move || {
                let began = Instant::now();
                for _ in 0..iterations {
                    iteration::<R>(&spawner);
                }
                told.send(began.elapsed()).expect("the main future waits");
            });
            let took = took.await;
            foreign.join().expect("every task runs");
            took.expect("the thread has told")
        })
    }
}

fn iteration<R: Runtime>(spawner: &R::Spawner) {
    let (countdown, finished) = Countdown::new(SPAWNS);
    for _ in 0..SPAWNS {
        let countdown = Arc::clone(&countdown);
        R::spawn_from_outside(spawner, async move { countdown.done(1) });
    }
    drop(countdown);
    finished.blocking_recv().expect("every task runs");
}
