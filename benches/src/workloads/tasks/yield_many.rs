//! Tasks that do nothing but let each other run: the path through the queue of a worker, again and again.

use super::{Workload, in_main};
use crate::countdown::Countdown;
use crate::runtimes::Runtime;
use std::sync::Arc;
use std::time::Duration;

const TASKS: usize = 200;
const YIELDS: usize = 1_000;

pub(crate) struct YieldMany;

impl Workload for YieldMany {
    const NAME: &'static str = "yield_many";
    const WHAT: &'static str = "200 tasks, each yielding 1,000 times";
    const TARGET: f64 = 0.7;

    fn measure<R: Runtime>(runtime: &R, iterations: u32) -> Duration {
        in_main(runtime, iterations, iteration::<R>)
    }
}

async fn iteration<R: Runtime>() {
    let (countdown, finished) = Countdown::new(TASKS * YIELDS);
    R::detach(R::spawn(async move {
        for _ in 0..TASKS {
            let countdown = Arc::clone(&countdown);
            R::detach(R::spawn(async move {
                for _ in 0..YIELDS {
                    R::yield_now().await;
                }
                countdown.done(YIELDS);
            }));
        }
    }));
    finished.await.expect("every task yields to its end");
}
