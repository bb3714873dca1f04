//! When the runtime ends, every task that is still alive is dropped: then, on a thread of the runtime, and once. A task that is pinned
//! to a thread is dropped when that leaves the runtime, and there.

mod workers;

use futures_util::future::poll_fn;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;
use waterwheel::{JoinHandle, sleep, spawn, spawn_local, yield_now};
use workers::block_on;

/// Tells of its drop, and of the thread.
struct TellDrop(mpsc::Sender<ThreadId>);

impl Drop for TellDrop {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    fn new(run: F) -> Self {
        Self(Some(run))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0.take().expect("dropped once")();
    }
}

/// A task that lives for ever, and runs `f` when it is dropped.
fn linger(f: impl FnOnce() + 'static) -> JoinHandle<()> {
    let on_drop = OnDrop::new(f);
    spawn_local(async move {
        let _on_drop = on_drop;
        pending().await
    })
}

#[test]
fn on_a_thread_of_the_runtime() {
    let here = thread::current().id();
    let (dropped, drops) = mpsc::channel();
    block_on(async {
        for kind in 0..4 {
            let tell = TellDrop(dropped.clone());
            drop(spawn(async move {
                let _tell = tell;
                match kind {
                    0 => pending().await,
                    1 => sleep(Duration::MAX).await,
                    2 => loop {
                        yield_now().await;
                    },
                    _ => drop(spawn(pending::<()>()).await),
                }
            }));
        }
        yield_now().await;
        // Never polled, on one worker.
        let tell = TellDrop(dropped.clone());
        drop(spawn(async move {
            let _tell = tell;
            pending::<()>().await
        }));
        assert!(drops.try_recv().is_err(), "nothing has ended");
    });
    drop(dropped);
    let threads: Vec<_> = drops.iter().collect();
    assert_eq!(threads.len(), 5);
    let seated = |thread: &ThreadId| workers::is_seated(*thread, here);
    assert!(threads.iter().all(seated), "{threads:?}, not {here:?}");
}

/// Pitfall: a wake during the executor's drop is a use after free (async-executor#163). Pitfall: a task that is not Send is
/// dropped on another thread (RUSTSEC-2021-0072). Other threads wake local tasks all the time while the runtime ends.
#[test]
fn while_other_threads_wake() {
    let here = thread::current().id();
    for _ in 0..100 {
        let (dropped, drops) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let waking = block_on(async {
            let (send, receive) = mpsc::channel::<Waker>();
            let polls = Rc::new(Cell::new(0));
            for _ in 0..4 {
                let (tell, send) = (TellDrop(dropped.clone()), send.clone());
                let (here, polls) = (thread::current().id(), Rc::clone(&polls));
                drop(spawn_local(async move {
                    let _tell = tell;
                    poll_fn(|cx| {
                        assert_eq!(thread::current().id(), here);
                        polls.set(polls.get() + 1);
                        send.send(cx.waker().clone()).unwrap();
                        Poll::<()>::Pending
                    })
                    .await
                }));
            }
            let stop = Arc::clone(&stop);
            let waking = thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match receive.try_recv() {
                        // By value and by reference.
                        Ok(waker) => {
                            waker.wake_by_ref();
                            let clone = waker.clone();
                            clone.wake();
                            waker.wake();
                        }
                        Err(_) => thread::yield_now(),
                    }
                }
            });
            while polls.get() < 20 {
                yield_now().await;
            }
            waking
        });
        stop.store(true, Ordering::Relaxed);
        waking.join().unwrap();
        drop(dropped);
        assert_eq!(drops.iter().collect::<Vec<_>>(), [here; 4]);
    }
}

#[test]
fn when_the_main_future_panics() {
    let alive = Rc::new(());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            for _ in 0..10 {
                let theirs = Rc::clone(&alive);
                drop(linger(move || drop(theirs)));
            }
            yield_now().await;
            assert_eq!(Rc::strong_count(&alive), 11);
            panic!("the main future");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(Rc::strong_count(&alive), 1);
    // The thread is out of the runtime.
    block_on(async { spawn(async {}).await.unwrap() });
}

/// The main future is dropped while the runtime still stands.
#[test]
fn the_main_future_first() {
    let order = Rc::new(RefCell::new(Vec::new()));
    block_on({
        let ours = Rc::clone(&order);
        let main = OnDrop::new(move || {
            let theirs = Rc::clone(&ours);
            drop(linger(move || {
                theirs.borrow_mut().push("spawned by the main")
            }));
            ours.borrow_mut().push("main");
        });
        let theirs = Rc::clone(&order);
        let mut first = true;
        poll_fn(move |_| {
            let _main = &main;
            if std::mem::take(&mut first) {
                let theirs = Rc::clone(&theirs);
                drop(linger(move || theirs.borrow_mut().push("task")));
            }
            Poll::Ready(())
        })
    });
    assert_eq!(*order.borrow(), ["main", "task", "spawned by the main"]);
}

/// A destructor spawns: the new future is dropped at once, and its handle says «cancelled».
#[test]
fn a_destructor_that_spawns() {
    let alive = Rc::new(());
    let kept = Rc::new(RefCell::new(Vec::new()));
    block_on(async {
        for _ in 0..3 {
            let (theirs, kept) = (Rc::clone(&alive), Rc::clone(&kept));
            drop(linger(move || {
                let inner = Rc::clone(&theirs);
                // Which spawns when it is dropped in turn.
                let handle = linger(move || {
                    let handle = spawn_local(async move {
                        let _inner = inner;
                        unreachable!("polled after the end")
                    });
                    assert!(handle.is_finished());
                });
                assert!(handle.is_finished());
                kept.borrow_mut().push(handle);
                drop(theirs);
            }));
        }
        yield_now().await;
    });
    assert_eq!(Rc::strong_count(&alive), 1);
    let handles = kept.take();
    assert_eq!(handles.len(), 3);
    for handle in handles {
        assert!(block_on(handle).unwrap_err().is_cancelled());
    }
}

/// Destructors wake, abort and let go of tasks before and after them in the order of their dropping.
#[test]
fn destructors_that_wake_abort_and_let_go() {
    let drops = Rc::new(Cell::new(0));
    block_on(async {
        let wakers = Rc::new(RefCell::new(Vec::<Waker>::new()));
        let handles = Rc::new(RefCell::new(Vec::<JoinHandle<()>>::new()));
        for _ in 0..6 {
            let on_drop = {
                let (wakers, handles) = (Rc::clone(&wakers), Rc::clone(&handles));
                let drops = Rc::clone(&drops);
                OnDrop::new(move || {
                    drops.set(drops.get() + 1);
                    wakers.borrow().iter().for_each(Waker::wake_by_ref);
                    handles.borrow().iter().for_each(JoinHandle::abort);
                    // Two at a time, among them the one that is being dropped.
                    let rest = handles.borrow().len().saturating_sub(2);
                    drop(handles.borrow_mut().split_off(rest));
                    let waker = wakers.borrow_mut().pop();
                    waker.into_iter().for_each(Waker::wake);
                })
            };
            let theirs = Rc::clone(&wakers);
            let handle = spawn_local(async move {
                let _on_drop = on_drop;
                poll_fn(|cx| {
                    theirs.borrow_mut().push(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .await
            });
            handles.borrow_mut().push(handle);
        }
        yield_now().await;
        assert_eq!(wakers.borrow().len(), 6);
        assert_eq!(drops.get(), 0);
    });
    assert_eq!(drops.get(), 6);
}

/// A destructor that enters a runtime is told that it is in one.
#[test]
fn a_destructor_that_blocks() {
    let mut handle = None;
    block_on(async {
        handle = Some(linger(|| block_on(async {})));
        yield_now().await;
    });
    let handle = handle.expect("spawned above");
    let error = block_on(handle).unwrap_err();
    assert!(error.to_string().contains("`block_on` was called inside"));
}

/// Who awaits a task of a runtime that ends is told so, on whatever thread.
#[test]
fn who_awaits_elsewhere_is_told() {
    let (send, receive) = mpsc::channel::<JoinHandle<()>>();
    let waiting = Arc::new(Mutex::new(None::<Waker>));
    let theirs = Arc::clone(&waiting);
    let other = thread::spawn(move || {
        let mut handle = receive.recv().unwrap();
        block_on(poll_fn(|cx| {
            let polled = std::pin::Pin::new(&mut handle).poll(cx);
            // By now the waker is left with the handle.
            if let Some(waker) = theirs.lock().unwrap().take() {
                waker.wake();
            }
            polled
        }))
    });
    block_on(async {
        let mut handle = Some(spawn(pending::<()>()));
        poll_fn(|cx| match handle.take() {
            Some(handle) => {
                *waiting.lock().unwrap() = Some(cx.waker().clone());
                send.send(handle).unwrap();
                Poll::Pending
            }
            None if waiting.lock().unwrap().is_none() => Poll::Ready(()),
            None => Poll::Pending,
        })
        .await;
    });
    assert!(other.join().unwrap().unwrap_err().is_cancelled());
}

/// Many runtimes at the same time, one a thread, wake each other's tasks and end.
#[test]
fn many_runtimes_at_once() {
    let threads: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || {
                for round in 0..50 {
                    let sum = block_on(async {
                        let handles: Vec<_> = (0..10)
                            .map(|task| {
                                spawn(async move {
                                    yield_now().await;
                                    task + number + round
                                })
                            })
                            .collect();
                        let mut sum = 0;
                        for handle in handles {
                            sum += handle.await.unwrap();
                        }
                        sum
                    });
                    assert_eq!(sum, 45 + 10 * (number + round));
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}
