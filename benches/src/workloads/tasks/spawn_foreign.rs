//! Many spawns by a thread that is not in the runtime, while the main future waits in it.

use super::{Bound, Described, Part, Workload};
use crate::countdown::Countdown;
use crate::runtimes::FromOutside;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const SPAWNS: u32 = 10_000;

pub(crate) struct SpawnForeign;

impl Described for SpawnForeign {
    const WHAT: &'static str =
        "a thread outside the runtime spawns 10,000 tasks, and waits until the last has run";
    const OPERATIONS: u32 = SPAWNS;
    const ON_THREAD: Part = Part {
        name: "spawn_foreign",
        bounds: &[Bound::Ratio("tokio", 0.35)],
    };
    const ON_WORKERS: Part = Part {
        name: "spawn_foreign_2",
        bounds: &[Bound::Ratio("tokio", 0.75)],
    };
}

impl<R: FromOutside> Workload<R> for SpawnForeign {
    /// The clock is the foreign thread's, so that its start and end are not in the time.
    async fn measure(iterations: u32) -> Duration {
        let spawner = R::spawner();
        let (told, took) = oneshot::channel();
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
    }
}

fn iteration<R: FromOutside>(spawner: &R::Spawner) {
    let (countdown, finished) = Countdown::new(SPAWNS as usize);
    for _ in 0..SPAWNS {
        let countdown = Arc::clone(&countdown);
        R::spawn_from_outside(spawner, async move { countdown.done(1) });
    }
    drop(countdown);
    finished.blocking_recv().expect("every task runs");
}
