//! Tasks that do nothing but let each other run: the path through the queue of a worker, again and again.

use super::{Bound, Described, Part, Workload, timed};
use crate::countdown::Countdown;
use crate::runtimes::Tasks;
use std::sync::Arc;
use std::time::Duration;

/// By so many tasks.
pub(crate) struct Yield<const TASKS: u32>;

/// In all. A task is to yield often for the once that it is spawned.
const fn yields(tasks: u32) -> u32 {
    if tasks == 1 { 10_000 } else { 100_000 }
}

impl<const TASKS: u32> Described for Yield<TASKS> {
    const WHAT: &'static str = if TASKS == 1 {
        "a task yields 10,000 times"
    } else {
        "1,000 tasks yield 100 times each"
    };
    const OPERATIONS: u32 = yields(TASKS);
    const ON_THREAD: Part = Part {
        name: if TASKS == 1 {
            "yield_one"
        } else {
            "yield_many"
        },
        bounds: &[Bound::Best(0.45)],
    };
    const ON_WORKERS: Part = Part {
        name: if TASKS == 1 {
            "yield_one_2"
        } else {
            "yield_many_2"
        },
        bounds: &[Bound::Ratio("tokio", 0.6)],
    };
}

impl<const TASKS: u32, R: Tasks> Workload<R> for Yield<TASKS> {
    async fn measure(iterations: u32) -> Duration {
        timed(iterations, iteration::<R, TASKS>).await
    }
}

async fn iteration<R: Tasks, const TASKS: u32>() {
    let (countdown, finished) = Countdown::new(yields(TASKS) as usize);
    R::detach(R::spawn(async move {
        for _ in 0..TASKS {
            let countdown = Arc::clone(&countdown);
            R::detach(R::spawn(async move {
                let yields = yields(TASKS) / TASKS;
                for _ in 0..yields {
                    R::yield_now().await;
                }
                countdown.done(yields as usize);
            }));
        }
    }));
    finished.await.expect("every task yields to its end");
}
