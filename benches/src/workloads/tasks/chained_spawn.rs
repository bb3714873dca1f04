//! Tasks that are never two at a time: each spawns the next, and ends.

use super::{Bound, Described, Part, Workload, timed};
use crate::runtimes::Tasks;
use std::time::Duration;
use tokio::sync::oneshot;

const LINKS: u32 = 1_000;

pub(crate) struct ChainedSpawn;

impl Described for ChainedSpawn {
    const WHAT: &'static str = "a chain of 1,000 tasks, each spawning the next; the last one tells";
    const OPERATIONS: u32 = LINKS;
    const ON_THREAD: Part = Part {
        name: "chained_spawn",
        bounds: &[],
    };
    const ON_WORKERS: Part = Part {
        name: "chained_spawn_2",
        bounds: &[Bound::Ratio("tokio", 0.6)],
    };
}

impl<R: Tasks> Workload<R> for ChainedSpawn {
    async fn measure(iterations: u32) -> Duration {
        timed(iterations, iteration::<R>).await
    }
}

async fn iteration<R: Tasks>() {
    let (finished, links) = oneshot::channel();
    link::<R>(finished, 0);
    assert_eq!(links.await, Ok(LINKS));
}

/// Spawns the task after so many, or tells how many there were.
fn link<R: Tasks>(finished: oneshot::Sender<u32>, before: u32) {
    if before == LINKS {
        finished.send(before).expect("the main future waits");
    } else {
        R::detach(R::spawn(async move { link::<R>(finished, before + 1) }));
    }
}
