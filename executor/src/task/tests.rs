//! Tasks by themselves: with a scheduler that keeps what is ready, and runs it when it is told to.

use super::stand_in::World;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

type Handle<T> = super::join_handle::JoinHandle<T, super::stand_in::StandIn>;

fn poll<T>(handle: &mut Handle<T>) -> Poll<Result<T, super::join_error::JoinError>> {
    let handle = Pin::new(handle);
    std::future::Future::poll(handle, &mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_task_is_polled_once_a_wake_and_its_output_is_delivered() {
    let world = World::new();
    let mut left = 3;
    let mut handle = world.spawn(poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(7);
        }
        left -= 1;
        // However often: there is one poll for it.
        cx.waker().wake_by_ref();
        let another = cx.waker().clone();
        another.wake();
        Poll::Pending
    }));
    assert!(poll(&mut handle).is_pending());
    assert_eq!(world.run(), 4);
    assert_eq!(world.owned().len(), 0);
    assert!(matches!(poll(&mut handle), Poll::Ready(Ok(7))));
}

#[test]
fn a_panic_is_told_to_the_scheduler_and_is_the_output() {
    let world = World::new();
    let mut handle = world.spawn(poll_fn(|_| -> Poll<()> { panic!("as it must") }));
    assert_eq!(world.run(), 1);
    assert_eq!(world.panics(), [handle.header().id]);
    match poll(&mut handle) {
        Poll::Ready(Err(error)) => assert!(error.is_panic()),
        _ => panic!("it has ended by a panic"),
    }
}

#[test]
fn an_aborted_task_is_dropped_by_whoever_runs_it() {
    let world = World::new();
    let captured = Rc::new(());
    let seen = Rc::downgrade(&captured);
    let mut handle = world.spawn(async move {
        pending::<()>().await;
        drop(captured);
    });
    assert_eq!(world.run(), 1);
    handle.abort_handle().abort();
    assert!(seen.upgrade().is_some(), "the one who aborts drops nothing");
    assert_eq!(world.run(), 1);
    assert!(seen.upgrade().is_none());
    assert!(matches!(poll(&mut handle), Poll::Ready(Err(error)) if error.is_cancelled()));
}

#[test]
fn the_end_of_a_world_drops_what_is_left_and_wakers_outlive_it() {
    let captured = Rc::new(());
    let seen = Rc::downgrade(&captured);
    let world = World::new();
    let waker = std::sync::Arc::new(std::sync::Mutex::new(None::<Waker>));
    let kept = std::sync::Arc::clone(&waker);
    drop(world.spawn(poll_fn(move |cx| {
        let _ = &captured;
        *kept.lock().unwrap() = Some(cx.waker().clone());
        Poll::<()>::Pending
    })));
    assert_eq!(world.run(), 1);
    let waker = waker.lock().unwrap().take().expect("it was polled");
    assert!(waker.will_wake(&waker.clone()));
    drop(world);
    assert!(seen.upgrade().is_none());
    waker.wake();
}
