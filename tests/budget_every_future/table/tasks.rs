//! Futures of `executor` and `poll_context`.

use super::{Row, row};
use futures_util::StreamExt;
use std::future::poll_fn;
use std::time::Instant;
use waterwheel::poll_context::budget::{self, GaveWay};
use waterwheel::{JoinHandle, JoinSet, spawn, spawn_blocking, yield_now};

/// Tasks that are over.
async fn finished(how_many: usize) -> Vec<JoinHandle<()>> {
    let handles: Vec<_> = (0..how_many).map(|_| spawn(async {})).collect();
    while !handles.iter().all(JoinHandle::is_finished) {
        yield_now().await;
    }
    handles
}

/// Blocking jobs that are over.
async fn finished_jobs() -> Vec<JoinHandle<()>> {
    let handles: Vec<_> = (0..300).map(|_| spawn_blocking(|| ())).collect();
    while !handles.iter().all(JoinHandle::is_finished) {
        yield_now().await;
    }
    handles
}

/// A set of tasks that are over.
async fn finished_set() -> JoinSet<()> {
    let mut set = JoinSet::new();
    let aborts: Vec<_> = (0..1000).map(|_| set.spawn(async {})).collect();
    while !aborts.iter().all(|task| task.is_finished()) {
        yield_now().await;
    }
    set
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!(
            Ready,
            "Future for executor::JoinHandle",
            "of tasks that are over",
            {
                let mut over = Vec::new();
            },
            {
                if over.is_empty() {
                    over = finished(2000).await;
                }
                over.pop().expect("one").await.expect("no panic");
            }
        ),
        row!(
            Ready,
            "Future for executor::JoinHandle",
            "of aborted tasks",
            {
                let mut over = Vec::new();
            },
            {
                if over.is_empty() {
                    over = (0..2000)
                        .map(|_| spawn(std::future::pending::<()>()))
                        .collect();
                    over.iter().for_each(JoinHandle::abort);
                    while !over.iter().all(JoinHandle::is_finished) {
                        yield_now().await;
                    }
                }
                assert!(over.pop().expect("one").await.is_err());
            }
        ),
        row!(
            Ready,
            "Future for executor::JoinHandle",
            "of blocking jobs that are over",
            {
                let mut over = Vec::new();
            },
            {
                if over.is_empty() {
                    over = finished_jobs().await;
                }
                over.pop().expect("one").await.expect("no panic");
            }
        ),
        row!(
            Ready,
            "Future for executor::JoinNext",
            "of an empty set",
            {
                let mut set = JoinSet::<()>::new();
            },
            {
                assert!(set.join_next().await.is_none());
            }
        ),
        row!(
            Ready,
            "Future for executor::JoinNext",
            "of tasks that are over",
            {
                let mut set = JoinSet::new();
            },
            {
                if set.is_empty() {
                    set = finished_set().await;
                }
                set.join_next().await.expect("one").expect("no panic");
            }
        ),
        row!(
            Ready,
            "Stream for executor::JoinSet",
            "of an empty set",
            {
                let mut set = JoinSet::<()>::new();
            },
            {
                assert!(set.next().await.is_none());
            }
        ),
        row!(
            Ready,
            "executor::JoinSet::poll_join_next",
            "of an empty set",
            {
                let mut set = JoinSet::<()>::new();
            },
            {
                assert!(poll_fn(|cx| set.poll_join_next(cx)).await.is_none());
            }
        ),
        row!(
            Ready,
            "executor::JoinSet::shutdown",
            "of an empty set",
            {
                let mut set = JoinSet::<()>::new();
            },
            {
                set.shutdown().await;
            }
        ),
        row!(
            Waits,
            "executor::JoinSet::shutdown",
            "of tasks that are over",
            {
                let mut set = finished_set().await;
                set.shutdown().await;
            }
        ),
        row!(Waits, "Future for executor::YieldNow", "as it is", {
            yield_now().await;
        }),
        row!(Ready, "Future for poll_context::Consume", "as it is", {
            budget::consume().await;
        }),
        row!(Ready, "poll_context::poll_spend", "as it is", {
            let mut gave_way = GaveWay::NO;
            poll_fn(|cx| budget::poll_spend(cx, &mut gave_way)).await;
        }),
        row!(Ready, "poll_context::poll_spend_at", "as it is", {
            let (mut gave_way, now) = (GaveWay::NO, Instant::now());
            poll_fn(|cx| budget::poll_spend_at(cx, &mut gave_way, now)).await;
        }),
        row!(Ready, "poll_context::poll_left", "as it is", {
            let mut gave_way = GaveWay::NO;
            poll_fn(|cx| budget::poll_left(cx, &mut gave_way)).await;
            budget::spend();
        }),
    ]
}
