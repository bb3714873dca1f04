//! Tasks: from spawn to join, and what wakes them.

use super::CROWD;
use std::cell::Cell;
use std::future::poll_fn;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use waterwheel::{JoinSet, block_on, spawn, yield_now};

pub(super) fn spawn_join(operations: usize) {
    block_on(async {
        for number in 0..operations {
            let task = spawn(async move { black_box(number) });
            assert_eq!(task.await.expect("no panic"), number);
        }
    });
}

pub(super) fn spawn_local(operations: usize) {
    block_on(async {
        let ran = Rc::new(Cell::new(0));
        for crowd in 1..=operations / CROWD {
            for _ in 0..CROWD {
                let ran = Rc::clone(&ran);
                drop(waterwheel::spawn_local(
                    async move { ran.set(ran.get() + 1) },
                ));
            }
            while ran.get() < crowd * CROWD {
                yield_now().await;
            }
        }
    });
}

pub(super) fn join_set(operations: usize) {
    block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..operations / CROWD {
            for _ in 0..CROWD {
                set.spawn(async { black_box(1) });
            }
            let mut joined = 0;
            while let Some(one) = set.join_next().await {
                joined += one.expect("no panic");
            }
            assert_eq!(joined, CROWD);
        }
    });
}

pub(super) fn yield_many(operations: usize) {
    block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..CROWD {
            set.spawn(async move {
                for _ in 0..operations / CROWD {
                    yield_now().await;
                }
            });
        }
        while let Some(task) = set.join_next().await {
            task.expect("no panic");
        }
    });
}

/// Whose turn it is, and who waits for it.
struct Table {
    turn: Cell<usize>,
    waiting: Cell<Option<Waker>>,
}

/// Each round trip is one operation: two wakes, two polls.
pub(super) fn ping_pong(operations: usize) {
    block_on(async {
        let table = Rc::new(Table {
            turn: Cell::new(0),
            waiting: Cell::new(None),
        });
        let other = waterwheel::spawn_local(play(Rc::clone(&table), 1, operations));
        play(table, 0, operations).await;
        other.await.expect("no panic");
    });
}

async fn play(table: Rc<Table>, place: usize, rounds: usize) {
    for _ in 0..rounds {
        poll_fn(|cx| {
            if table.turn.get() == place {
                return Poll::Ready(());
            }
            table.waiting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
        table.turn.set(1 - place);
        if let Some(other) = table.waiting.take() {
            other.wake();
        }
    }
}

/// The thread wakes while the task is being polled, and the task waits for it in the kernel: never do both run, and the count does
/// not depend on who is faster.
pub(super) fn remote_wake(operations: usize) {
    let left: Arc<Mutex<Option<Waker>>> = Arc::default();
    let taken = Arc::clone(&left);
    let (mut here, mut there) = UnixStream::pair().expect("a pair of sockets");
    let thread = std::thread::spawn(move || {
        let mut request = [0];
        while there.read(&mut request).expect("a request, or the end") > 0 {
            let waker = taken.lock().expect("nobody panics with it").take();
            waker.expect("it was left before the request").wake();
            there.write_all(&request).expect("somebody waits");
        }
    });
    let task = async move {
        for _ in 0..operations {
            let mut was_woken = false;
            poll_fn(|cx| {
                if was_woken {
                    return Poll::Ready(());
                }
                was_woken = true;
                *left.lock().expect("nobody panics with it") = Some(cx.waker().clone());
                here.write_all(&[1]).expect("the thread reads");
                here.read_exact(&mut [0]).expect("the thread answers");
                Poll::Pending
            })
            .await;
        }
    };
    block_on(async { spawn(task).await.expect("no panic") });
    thread.join().expect("no panic");
}
