//! Every order of the locked steps, and the memory that is left.

use super::*;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use waterwheel_executor::{JoinHandle, block_on, spawn, yield_now};

#[derive(Debug)]
struct NoListener;

impl Close for NoListener {
    fn close(&self) {}
}

/// What one thread does to the register under one lock each, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The acceptor's: it takes a place and accepts, or neither.
    Accept,
    /// It spawns the task.
    Spawn,
    /// It gives the task's handle to the register.
    Spawned,
    /// A shutdown's: it stops the server.
    Stop,
    /// Its deadline has passed.
    Cancel,
    /// The peer's: the handler returns, if there is one.
    Return,
}

use Step::{Accept, Cancel, Return, Spawn, Spawned, Stop};

/// All orders of the steps of these threads.
fn orders(threads: &[&[Step]]) -> Vec<Vec<Step>> {
    if threads.iter().all(|steps| steps.is_empty()) {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (number, steps) in threads.iter().enumerate() {
        if let [first, rest @ ..] = *steps {
            let mut others = threads.to_vec();
            others[number] = rest;
            all.extend(orders(&others).into_iter().map(|mut order| {
                order.insert(0, *first);
                order
            }));
        }
    }
    all
}

/// What the acceptor has in its hands.
#[derive(Default)]
struct Acceptor {
    accepting: Option<Acceptance>,
    place: Option<Place>,
    named: Option<(usize, u64)>,
    task: Option<JoinHandle<()>>,
}

/// A connection is ended by the shutdown, or was never accepted, whatever the order: here are all orders of the locked steps of an acceptor,
/// of a shutdown (or two), and of a handler that returns by itself.
#[test]
fn in_every_order_a_shutdown_ends_a_connection_or_it_was_never_accepted() {
    let acceptor: &[Step] = &[Accept, Spawn, Spawned];
    let shutdown: &[Step] = &[Stop, Cancel];
    let mut tried = 0;
    for threads in [
        vec![acceptor, shutdown],
        vec![acceptor, shutdown, shutdown],
        // One that is dropped before its deadline, and one that takes up where it was.
        vec![acceptor, &[Stop], shutdown],
        vec![acceptor, shutdown, &[Return]],
    ] {
        for order in orders(&threads) {
            block_on(run(&order));
            tried += 1;
        }
    }
    assert_eq!(tried, 10 + 210 + 60 + 60);
}

async fn run(order: &[Step]) {
    let register = Register::new(1);
    let mut acceptor = Acceptor {
        accepting: Some(register.acceptor_begins(Arc::new(NoListener))),
        ..Acceptor::default()
    };
    let returns = Arc::new(Mutex::new(false));
    let (mut accepted, mut stopped) = (false, false);
    for step in order {
        match step {
            Accept => {
                acceptor.place = register.try_place();
                assert_eq!(acceptor.place.is_some(), !stopped, "{order:?}");
                if let Some(place) = &mut acceptor.place {
                    accepted = true;
                    place.accepted();
                    acceptor.named = Some(place.name());
                }
            }
            Spawn => {
                if let Some(mut place) = acceptor.place.take() {
                    let returns = Arc::clone(&returns);
                    acceptor.task = Some(spawn(async move {
                        if *returns.lock().unwrap() {
                            place.ends(Ending::Finished);
                            return;
                        }
                        pending().await
                    }));
                }
            }
            Spawned => {
                if let (Some(name), Some(task)) = (acceptor.named, &acceptor.task) {
                    register.spawned(name, task.abort_handle());
                }
                acceptor.accepting = None;
            }
            Stop => {
                register.stop();
                stopped = true;
            }
            Cancel => register.cancel(),
            Return => *returns.lock().unwrap() = true,
        }
        yield_now().await;
    }
    let mut key = None;
    let mut end = pin!(poll_fn(|cx| register.poll_end(&mut key, cx)));
    for _ in 0..10 {
        if poll_fn(|cx| Poll::Ready(end.as_mut().poll(cx).is_ready())).await {
            let counts = register.counts();
            assert_eq!(counts.accepted, u64::from(accepted), "{order:?}");
            assert_eq!(counts.ended(), counts.accepted, "{order:?}");
            return;
        }
        yield_now().await;
    }
    panic!("a connection outlives the shutdown: {order:?}");
}

#[test]
fn many_connections_that_have_ended_leave_no_memory() {
    let register = Register::new(usize::MAX);
    let mut places: Vec<_> = (0..10_000).map(|_| register.try_place()).collect();
    assert!(register.lock().places.capacity() >= 10_000);
    places.truncate(1);
    assert_eq!(register.connections(), 1);
    assert!(register.lock().places.capacity() <= 10_000 / 4);
    drop(places);
    assert!(register.lock().places.capacity() <= 64);
}
