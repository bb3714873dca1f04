//! Pitfall: user code consumes the parker's token (futures-rs#2010). The runtime sleeps in `epoll_wait(2)`, and has nothing to
//! do with `std::thread::park`.

mod workers;

use futures_util::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;
use waterwheel::{sleep, spawn};
use workers::block_on;

/// The runtime's thread parks and is unparked by others in the middle of polls, right after it has been woken: no wake is lost
/// by it.
#[test]
fn parking_in_a_poll_eats_no_wake() {
    for main in [false, true] {
        for _ in 0..100 {
            let woken = Arc::new(AtomicBool::new(false));
            let theirs = Arc::clone(&woken);
            let (send, receive) = mpsc::channel::<(Waker, thread::Thread)>();
            let waking = thread::spawn(move || {
                let (waker, runtime) = receive.recv().unwrap();
                theirs.store(true, Ordering::SeqCst);
                waker.wake();
                runtime.unpark();
            });
            let mut polls = 0;
            let future = poll_fn(move |cx| {
                polls += 1;
                if polls == 1 {
                    let here = thread::current();
                    send.send((cx.waker().clone(), here)).unwrap();
                    // Takes the token that the other thread gives after the wake.
                    while !woken.load(Ordering::SeqCst) {
                        thread::park();
                    }
                    return Poll::Pending;
                }
                assert!(woken.load(Ordering::SeqCst));
                Poll::Ready(())
            });
            block_on(async {
                if main {
                    future.await;
                } else {
                    spawn(future).await.unwrap();
                }
            });
            waking.join().unwrap();
        }
    }
}

/// And the runtime takes no token that is the user's.
#[test]
fn the_runtime_takes_no_token() {
    thread::current().unpark();
    let (send, receive) = mpsc::channel::<Waker>();
    let waking = thread::spawn(move || receive.iter().for_each(Waker::wake));
    block_on(async {
        for _ in 0..10 {
            let mut polled = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut polled, true) {
                    return Poll::Ready(());
                }
                send.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
        }
        // However quick the other thread was, here it sleeps.
        for _ in 0..3 {
            sleep(Duration::from_millis(1)).await;
        }
        drop(send);
    });
    waking.join().unwrap();
    // Would wait for ever, had the runtime taken it.
    thread::park();
}
