//! Pairs of tasks that wake each other through channels, in the shape of tokio's own benchmark of that name.

use super::{Bound, Described, Part, Workload, timed};
use crate::countdown::Countdown;
use crate::runtimes::Tasks;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

const PAIRS: u32 = 1_000;

pub(crate) struct PingPong;

impl Described for PingPong {
    const WHAT: &'static str =
        "1,000 tasks, each of which spawns another and exchanges a message with it";
    const OPERATIONS: u32 = PAIRS;
    const ON_THREAD: Part = Part {
        name: "ping_pong_oneshot",
        bounds: &[],
    };
    const ON_WORKERS: Part = Part {
        name: "ping_pong_oneshot_2",
        bounds: &[Bound::Ratio("tokio", 0.6)],
    };
}

impl<R: Tasks> Workload<R> for PingPong {
    async fn measure(iterations: u32) -> Duration {
        timed(iterations, iteration::<R>).await
    }
}

async fn iteration<R: Tasks>() {
    let (countdown, finished) = Countdown::new(PAIRS as usize);
    R::detach(R::spawn(async move {
        for pair in 0..PAIRS {
            let countdown = Arc::clone(&countdown);
            R::detach(R::spawn(async move {
                exchange::<R>(pair).await;
                countdown.done(1);
            }));
        }
    }));
    finished.await.expect("every pair exchanges its messages");
}

async fn exchange<R: Tasks>(pair: u32) {
    let (ping, pinged) = oneshot::channel();
    let (pong, ponged) = oneshot::channel();
    R::detach(R::spawn(async move {
        let message: u32 = pinged.await.expect("the ping is sent");
        pong.send(message).expect("the pong is awaited");
    }));
    ping.send(pair).expect("the ping is awaited");
    assert_eq!(ponged.await, Ok(pair));
}
