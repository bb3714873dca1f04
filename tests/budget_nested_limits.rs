//! Limits on time, each around another, in a task that spends its budget before it polls them: each costs one poll.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::time::Duration;
use waterwheel::poll_context::budget;
use waterwheel::time::IdleTimeout;
use waterwheel::{Runtime, block_on, spawn, timeout};

const LONG: Duration = Duration::from_secs(3600);
const DEPTH: usize = 12;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

fn timeouts(inner: Boxed) -> Boxed {
    (0..DEPTH).fold(inner, |inner, _| {
        Box::pin(async move { timeout(LONG, inner).await.expect("an hour is long") })
    })
}

fn idle_timeouts(inner: Boxed) -> Boxed {
    (0..DEPTH).fold(inner, |inner, _| {
        Box::pin(async move {
            let mut idle = IdleTimeout::new(LONG);
            // Again and again, with one limit.
            for _ in 0..3 {
                idle.watch(budget::consume())
                    .await
                    .expect("an hour is long");
            }
            idle.watch(inner).await.expect("an hour is long");
        })
    })
}

/// How many polls it takes.
async fn polls(mut future: Boxed) -> usize {
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        for _ in 0..budget::PER_POLL {
            budget::spend();
        }
        future.as_mut().poll(cx)
    })
    .await;
    polls
}

fn inner() -> Boxed {
    Box::pin(budget::consume())
}

async fn all() {
    assert!(polls(inner()).await <= 2);
    let of_timeouts = polls(timeouts(inner())).await;
    assert!(of_timeouts <= 2 + DEPTH, "{of_timeouts}");
    let of_idle_timeouts = polls(idle_timeouts(inner())).await;
    assert!(of_idle_timeouts <= 2 + 8 * DEPTH, "{of_idle_timeouts}");
}

#[test]
fn limits_around_limits_cost_a_poll_each() {
    block_on(all());
    for workers in [1, 2, 4] {
        let runtime = Runtime::builder().worker_threads(workers).build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(async { spawn(all()).await.expect("no panic") });
    }
}
