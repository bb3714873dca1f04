//! That every runtime does what the workloads take for granted, so that none of them measures something that does not work.

use super::*;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc::channel;
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

fn on_workers<R: OnWorkers>() -> R {
    R::new(2).expect("a runtime")
}

#[test]
fn every_runtime_on_one_thread() {
    Waterwheel::block_on(serves::<Waterwheel>());
    <Tokio as OnThread>::block_on(serves::<Tokio>());
    TokioLocalSet::block_on(serves::<TokioLocalSet>());
    SmolLocal::block_on(serves::<SmolLocal>());
    <Smol as OnThread>::block_on(serves::<Smol>());
    Monoio::block_on(serves::<Monoio>());
}

#[test]
fn every_runtime_on_workers() {
    OnWorkers::block_on(&on_workers::<Waterwheel>(), serves::<Waterwheel>());
    OnWorkers::block_on(&on_workers::<Tokio>(), serves::<Tokio>());
    OnWorkers::block_on(&on_workers::<Smol>(), serves::<Smol>());
}

#[test]
fn every_runtime_from_outside() {
    <Waterwheel as OnThread>::block_on(is_reached_from_outside::<Waterwheel>());
    <Tokio as OnThread>::block_on(is_reached_from_outside::<Tokio>());
    <Smol as OnThread>::block_on(is_reached_from_outside::<Smol>());
    let main = is_reached_from_outside::<Waterwheel>;
    OnWorkers::block_on(&on_workers::<Waterwheel>(), main());
    OnWorkers::block_on(&on_workers::<Tokio>(), is_reached_from_outside::<Tokio>());
    OnWorkers::block_on(&on_workers::<Smol>(), is_reached_from_outside::<Smol>());
}

/// Two workers are two threads: two tasks that wait for each other on theirs come to an end.
#[test]
fn two_workers_run_two_tasks_at_a_time() {
    async fn meet<R: Tasks>() {
        let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
        let tasks = [barrier.clone(), barrier].map(|barrier| {
            R::spawn(async move {
                barrier.wait();
            })
        });
        for task in tasks {
            R::join(task).await;
        }
    }
    OnWorkers::block_on(&on_workers::<Waterwheel>(), meet::<Waterwheel>());
    OnWorkers::block_on(&on_workers::<Tokio>(), meet::<Tokio>());
    OnWorkers::block_on(&on_workers::<Smol>(), meet::<Smol>());
}
