//! Wakers that are kept: after their task, after their runtime, on another thread.

mod workers;

use futures_util::future::poll_fn;
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use waterwheel::{spawn, spawn_local, yield_now};
use workers::block_on;

/// The waker of whoever awaits this.
async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

fn use_in_every_way(waker: Waker) {
    waker.wake_by_ref();
    let clone = waker.clone();
    assert!(clone.will_wake(&waker));
    clone.wake();
    waker.wake_by_ref();
    drop(waker.clone());
    waker.wake();
}

/// Pitfall: a waker keeps a finished future alive (tokio#5861).
#[test]
fn the_task_it_keeps_no_future_alive() {
    block_on(async {
        let alive = Rc::new(());
        let theirs = Rc::clone(&alive);
        let waker = spawn_local(async move {
            let _theirs = theirs;
            yield_now().await;
            own_waker().await
        });
        let waker = waker.await.unwrap();
        assert_eq!(Rc::strong_count(&alive), 1);
        use_in_every_way(waker);

        // Of a task that was aborted.
        let theirs = Rc::clone(&alive);
        let slot = Rc::new(Cell::new(None));
        let place = Rc::clone(&slot);
        let handle = spawn_local(async move {
            let _theirs = theirs;
            place.set(Some(own_waker().await));
            pending::<()>().await
        });
        yield_now().await;
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
        assert_eq!(Rc::strong_count(&alive), 1);
        use_in_every_way(slot.take().unwrap());
    });
}

#[test]
fn the_runtime() {
    let (send, wakers) = mpsc::channel();
    let alive = Rc::new(());
    block_on(async {
        send.send(own_waker().await).unwrap();
        for ends in [false, true] {
            let (send, theirs) = (send.clone(), Rc::clone(&alive));
            drop(spawn_local(async move {
                let _theirs = theirs;
                send.send(own_waker().await).unwrap();
                if !ends {
                    pending::<()>().await;
                }
            }));
        }
        yield_now().await;
    });
    drop(send);
    assert_eq!(Rc::strong_count(&alive), 1);
    let wakers: Vec<Waker> = wakers.iter().collect();
    assert_eq!(wakers.len(), 3);
    for waker in &wakers {
        use_in_every_way(waker.clone());
    }
    // In another runtime, on this thread.
    block_on(async {
        for waker in &wakers {
            use_in_every_way(waker.clone());
        }
        spawn(async {}).await.unwrap();
    });
    // On another thread, which has the last of them.
    thread::spawn(move || wakers.into_iter().for_each(use_in_every_way))
        .join()
        .unwrap();
}

/// Wakers and join handles go away on many threads while the runtime ends and drops the same tasks.
#[test]
fn and_go_while_the_runtime_ends() {
    for _ in 0..200 {
        let threads = block_on(async {
            let mut threads = Vec::new();
            for thread in 0..2 {
                let mut held = Vec::new();
                for _ in 0..4 {
                    let (send, waker) = mpsc::channel();
                    let handle = spawn(async move {
                        send.send(own_waker().await).unwrap();
                        pending::<()>().await
                    });
                    let mut received = None;
                    workers::until(1, || {
                        received = waker.try_recv().ok();
                        received.is_some()
                    })
                    .await;
                    held.push((handle, received.unwrap()));
                }
                threads.push(thread::spawn(move || {
                    for (handle, waker) in held {
                        waker.wake_by_ref();
                        if thread == 0 {
                            drop(handle);
                            waker.wake();
                        } else {
                            drop(waker);
                            assert!(block_on(handle).unwrap_err().is_cancelled());
                        }
                    }
                }));
            }
            threads
        });
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }
}

/// Wakers of one task wake one another, and no others.
#[test]
fn they_tell_whose_they_are() {
    block_on(async {
        let main = own_waker().await;
        let one = spawn(async {
            let first = own_waker().await;
            yield_now().await;
            (first, own_waker().await)
        });
        let other = spawn(own_waker());
        let (first, second) = one.await.unwrap();
        let other = other.await.unwrap();
        assert!(first.will_wake(&second));
        assert!(!first.will_wake(&other));
        assert!(!first.will_wake(&main));
        assert!(main.will_wake(&own_waker().await));
    });
}
