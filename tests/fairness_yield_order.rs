//! Whoever is ready runs in the order of becoming so: tasks, and the main future among them.

mod workers;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use waterwheel::{Runtime, spawn, spawn_local, yield_now};
use workers::block_on;

type Trace = Rc<RefCell<Vec<(&'static str, u32)>>>;

async fn step(trace: Trace, name: &'static str, steps: u32) {
    for step in 0..steps {
        trace.borrow_mut().push((name, step));
        yield_now().await;
    }
}

#[test]
fn spawned_and_yielding_tasks_take_turns() {
    let trace = Trace::default();
    block_on(async {
        let a = spawn_local(step(Rc::clone(&trace), "a", 3));
        let b = spawn_local(step(Rc::clone(&trace), "b", 2));
        step(Rc::clone(&trace), "main", 3).await;
        a.await.unwrap();
        b.await.unwrap();
    });
    let expected = [
        ("main", 0),
        ("a", 0),
        ("b", 0),
        ("main", 1),
        ("a", 1),
        ("b", 1),
        ("main", 2),
        ("a", 2),
    ];
    assert_eq!(*trace.borrow(), expected);
}

/// What is spawned or woken goes behind who is ready already; so does who spawns and yields.
#[test]
fn who_becomes_ready_goes_to_the_end() {
    let trace = Trace::default();
    block_on(async {
        let outer = {
            let trace = Rc::clone(&trace);
            spawn_local(async move {
                let inner = spawn_local(step(Rc::clone(&trace), "inner", 1));
                trace.borrow_mut().push(("outer", 0));
                inner.await.unwrap();
                trace.borrow_mut().push(("outer", 1));
            })
        };
        let beside = spawn_local(step(Rc::clone(&trace), "beside", 4));
        outer.await.unwrap();
        trace.borrow_mut().push(("main", 0));
        beside.await.unwrap();
    });
    let expected = [
        ("outer", 0),
        ("beside", 0),
        ("inner", 0),
        // `inner` yields once more before it ends, and wakes `outer` at its end.
        ("beside", 1),
        ("beside", 2),
        ("outer", 1),
        ("beside", 3),
        ("main", 0),
    ];
    assert_eq!(*trace.borrow(), expected);
}

/// `yield_now` lets all that are ready run once, however many they are.
#[test]
fn a_yield_lets_a_thousand_run() {
    block_on(async {
        let ran = Rc::new(std::cell::Cell::new(0));
        for _ in 0..1000 {
            let ran = Rc::clone(&ran);
            drop(spawn_local(async move { ran.set(ran.get() + 1) }));
        }
        yield_now().await;
        assert_eq!(ran.get(), 1000);
    });
}

/// Two tasks that wake each other run out of turn, and at most three times in a row: nobody takes the third task to another thread.
#[test]
fn with_siblings_three_in_a_row_run_out_of_turn() {
    const OUT_OF_TURN: usize = 3;
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    let (begun, has_begun) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let stuck = runtime.handle().spawn_on_worker(1, async move {
        begun.send(()).unwrap();
        let _ended = ends.recv();
    });
    has_begun.recv().unwrap();
    let polls = Arc::new(AtomicUsize::new(0));
    let seen = runtime.block_on(async {
        let wakers: Arc<[Mutex<Option<Waker>>; 2]> = Arc::default();
        let pair = [0, 1].map(|own| {
            let (wakers, polls) = (Arc::clone(&wakers), Arc::clone(&polls));
            spawn(poll_fn(move |cx| {
                *wakers[own].lock().unwrap() = Some(cx.waker().clone());
                if let Some(other) = wakers[1 - own].lock().unwrap().take() {
                    other.wake();
                }
                match polls.fetch_add(1, Ordering::Relaxed) {
                    ..10_000 => Poll::Pending,
                    _ => Poll::Ready(()),
                }
            }))
        });
        let polls = Arc::clone(&polls);
        let third = spawn(async move { polls.load(Ordering::Relaxed) });
        let seen = third.await.unwrap();
        pair.iter().for_each(|task| task.abort());
        seen
    });
    end.send(()).unwrap();
    runtime.block_on(stuck).unwrap();
    assert!(
        (3..=2 + OUT_OF_TURN).contains(&seen),
        "the two had {seen} polls before the third"
    );
}
