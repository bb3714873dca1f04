//! Tasks that are never two at a time: each spawns the next, and ends.

use super::{Workload, in_main};
use crate::runtimes::Runtime;
use std::time::Duration;
use tokio::sync::oneshot;

const LINKS: usize = 1_000;

pub(crate) struct ChainedSpawn;

impl Workload for ChainedSpawn {
    const NAME: &'static str = "chained_spawn";
    const WHAT: &'static str = "a chain of 1,000 tasks, each spawning the next; the last one tells";
    const TARGET: f64 = 0.7;

    fn measure<R: Runtime>(runtime: &R, iterations: u32) -> Duration {
        in_main(runtime, iterations, iteration::<R>)
    }
}

async fn iteration<R: Runtime>() {
    let (finished, links) = oneshot::channel();
    link::<R>(finished, 0);
    assert_eq!(links.await, Ok(LINKS));
}

/// Spawns the task after so many, or tells how many there were.
fn link<R: Runtime>(finished: oneshot::Sender<usize>, before: usize) {
    if before == LINKS {
        finished.send(before).expect("the main future waits");
    } else {
        R::detach(R::spawn(async move { link::<R>(finished, before + 1) }));
    }
}
