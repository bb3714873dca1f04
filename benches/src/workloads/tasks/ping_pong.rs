//! Pairs of tasks that wake each other through channels, in the shape of tokio's own benchmark of that name.

use super::{Workload, in_main};
use crate::countdown::Countdown;
use crate::runtimes::Runtime;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

const PAIRS: usize = 1_000;

pub(crate) struct PingPong;

impl Workload for PingPong {
    const NAME: &'static str = "ping_pong";
    const WHAT: &'static str =
        "1,000 tasks, each spawning another and exchanging a message with it";
    const TARGET: f64 = 0.7;

    fn measure<R: Runtime>(runtime: &R, iterations: u32) -> Duration {
        in_main(runtime, iterations, iteration::<R>)
    }
}

async fn iteration<R: Runtime>() {
    let (countdown, finished) = Countdown::new(PAIRS);
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

async fn exchange<R: Runtime>(pair: usize) {
    let (ping, pinged) = oneshot::channel();
    let (pong, ponged) = oneshot::channel();
    R::detach(R::spawn(async move {
        let message: usize = pinged.await.expect("the ping is sent");
        pong.send(message).expect("the pong is awaited");
    }));
    ping.send(pair).expect("the ping is awaited");
    assert_eq!(ponged.await, Ok(pair));
}
