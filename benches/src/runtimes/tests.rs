//! That every runtime does what the workloads take for granted, so that none of them measures something that does not work.

use super::*;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;

/// A `yield_now` that is ready at once would make a workload of yields a loop of nothing.
async fn yields<R: Tasks>() {
    let polls = R::join(R::spawn(async {
        let mut polls = 0;
        let mut future = pin!(R::yield_now());
        poll_fn(|cx| {
            polls += 1;
            match future.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(polls),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }))
    .await;
    assert_eq!(polls, 2, "{}", R::NAME);
}

async fn detaches<R: Tasks>() {
    let (told, tells) = ::tokio::sync::oneshot::channel();
    R::detach(R::spawn(
        async move { told.send(7).expect("it is awaited") },
    ));
    assert_eq!(tells.await, Ok(7), "{}", R::NAME);
}

async fn serves<R: Tasks>() {
    yields::<R>().await;
    detaches::<R>().await;
}

async fn is_reached_from_outside<R: FromOutside>() {
    let (told, tells) = ::tokio::sync::oneshot::channel();
    let spawner = R::spawner();
    let foreign = thread::spawn(move || {
        let (ran, runs) = channel();
        R::spawn_from_outside(&spawner, async move {
            ran.send(thread::current().id()).expect("it is received");
        });
        let ran_on = runs.recv().expect("the task runs");
        assert_ne!(ran_on, thread::current().id(), "{}", R::NAME);
        told.send(()).expect("the main future waits");
    });
    tells.await.expect("the thread has told");
    foreign.join().expect("the thread ends well");
}

fn on_thread<R: OnThread>() {
    R::block_on(serves::<R>());
}

fn on_workers<R: OnWorkers>() {
    R::new(2).expect("a runtime").block_on(async {
        serves::<R>().await;
        two_run_at_a_time::<R>().await;
    });
}

#[test]
fn every_runtime_on_one_thread() {
    on_thread::<Waterwheel>();
    on_thread::<Tokio>();
    on_thread::<TokioLocalSet>();
    on_thread::<SmolLocal>();
    on_thread::<Smol>();
    on_thread::<Monoio>();
}

#[test]
fn every_runtime_on_workers() {
    on_workers::<Waterwheel>();
    on_workers::<Tokio>();
    on_workers::<Smol>();
}

#[test]
fn every_runtime_from_outside() {
    fn test<R: FromOutside + OnThread + OnWorkers>() {
        <R as OnThread>::block_on(is_reached_from_outside::<R>());
        let runtime = R::new(2).expect("a runtime");
        OnWorkers::block_on(&runtime, is_reached_from_outside::<R>());
    }
    test::<Waterwheel>();
    test::<Tokio>();
    test::<Smol>();
}

/// Why monoio has no part in the workload of many tasks that yield: there, a task that yields is the next to run.
#[test]
fn all_but_monoio_let_another_task_run_when_one_yields() {
    assert!(takes_turns::<Waterwheel>());
    assert!(takes_turns::<Tokio>());
    assert!(takes_turns::<TokioLocalSet>());
    assert!(takes_turns::<SmolLocal>());
    assert!(!takes_turns::<Monoio>());
}

/// Whether, of two tasks that yield over and over, the second begins before the first ends.
fn takes_turns<R: OnThread>() -> bool {
    R::block_on(async {
        let began = Arc::new(AtomicU32::new(0));
        let tasks = [1, 2].map(|_| {
            let began = Arc::clone(&began);
            R::spawn(async move {
                began.fetch_add(1, Ordering::Relaxed);
                for _ in 0..10 {
                    R::yield_now().await;
                }
                began.load(Ordering::Relaxed)
            })
        });
        let [first, second] = tasks;
        let first = R::join(first).await;
        assert_eq!(R::join(second).await, 2, "{}", R::NAME);
        first == 2
    })
}

/// Two workers are two threads: two tasks that wait for each other on theirs come to an end.
async fn two_run_at_a_time<R: Tasks>() {
    let barrier = Arc::new(Barrier::new(2));
    let tasks = [1, 2].map(|_| {
        let barrier = Arc::clone(&barrier);
        R::spawn(async move {
            barrier.wait();
        })
    });
    for task in tasks {
        R::join(task).await;
    }
}
