//! Aborting a task: when, from where, and what it leaves.

mod workers;

use futures_util::future::{AbortHandle, abortable};
use std::cell::Cell;
use std::future::{pending, ready};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use waterwheel::{JoinHandle, spawn, spawn_local, yield_now};
use workers::block_on;

/// Tells of its drop, and of the thread.
struct TellDrop(mpsc::Sender<ThreadId>);

impl Drop for TellDrop {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

#[test]
fn before_the_first_poll() {
    block_on(async {
        let polled = Rc::new(Cell::new(false));
        let theirs = Rc::clone(&polled);
        let handle = spawn_local(async move { theirs.set(true) });
        handle.abort();
        assert!(!handle.is_finished(), "its worker drops it, not the caller");
        assert!(handle.await.unwrap_err().is_cancelled());
        assert!(!polled.get());
        assert_eq!(Rc::strong_count(&polled), 1, "it has been dropped");
    });
}

#[test]
fn while_it_waits_and_twice() {
    block_on(async {
        let alive = Rc::new(());
        let theirs = Rc::clone(&alive);
        let handle = spawn_local(async move {
            let _theirs = theirs;
            pending::<()>().await
        });
        yield_now().await;
        handle.abort();
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn and_then_detached() {
    block_on(async {
        let alive = Rc::new(());
        let theirs = Rc::clone(&alive);
        let handle = spawn_local(async move {
            let _theirs = theirs;
            pending::<()>().await
        });
        yield_now().await;
        handle.abort();
        drop(handle);
        yield_now().await;
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn after_its_end_it_changes_nothing() {
    block_on(async {
        let handle = spawn(ready(1));
        workers::until(1, || handle.is_finished()).await;
        handle.abort();
        handle.abort();
        assert_eq!(handle.await.unwrap(), 1);
    });
}

/// It goes on to its next await that pends; if it ends before that, it has ended.
#[test]
fn from_within_itself() {
    async fn with_own_handle(then: impl AsyncFnOnce() -> u32 + 'static) -> JoinHandle<u32> {
        let slot = Rc::new(Cell::new(None::<JoinHandle<u32>>));
        let theirs = Rc::clone(&slot);
        let handle = spawn_local(async move {
            yield_now().await;
            let own = theirs.take().expect("put there by the parent");
            own.abort();
            theirs.set(Some(own));
            then().await
        });
        slot.set(Some(handle));
        loop {
            yield_now().await;
            if let Some(handle) = slot.take() {
                if handle.is_finished() {
                    return handle;
                }
                slot.set(Some(handle));
            }
        }
    }
    block_on(async {
        let ended = with_own_handle(async || 5).await;
        assert_eq!(ended.await.unwrap(), 5);
        let pended = with_own_handle(async || {
            yield_now().await;
            unreachable!("it was woken, and aborted before that");
        });
        assert!(pended.await.await.unwrap_err().is_cancelled());
    });
}

/// An abort from another thread: the future is dropped by its own thread all the same.
///
/// Pitfall: a task that is not Send is dropped on another thread (RUSTSEC-2021-0072).
#[test]
fn from_another_thread() {
    let here = thread::current().id();
    let (dropped, drops) = mpsc::channel();
    block_on(async {
        let tell = TellDrop(dropped);
        let local = Rc::new(Cell::new(0));
        let handle = spawn_local(async move {
            let _tell = tell;
            let local = local;
            loop {
                local.set(local.get() + 1);
                pending::<()>().await;
            }
        });
        yield_now().await;
        let aborting = thread::spawn(move || {
            handle.abort();
            handle
        });
        let handle = aborting.join().unwrap();
        assert!(handle.await.unwrap_err().is_cancelled());
    });
    assert_eq!(drops.try_iter().collect::<Vec<_>>(), [here]);
}

/// As above, while the runtime's thread sleeps in the kernel: nothing else would ever wake it.
#[test]
fn from_another_thread_it_wakes_the_sleeper() {
    /// Ends the wait of the main future.
    struct Tell(AbortHandle);

    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.abort();
        }
    }

    for _ in 0..200 {
        block_on(async {
            let (dropped, tell) = abortable(pending::<()>());
            let tell = Tell(tell);
            let victim = spawn(async move {
                let _tell = tell;
                pending::<()>().await
            });
            yield_now().await;
            let aborting = thread::spawn(move || victim.abort());
            assert!(dropped.await.is_err());
            aborting.join().unwrap();
        });
    }
}

/// Aborts of many threads at once, and the end of the runtime among them: each future is dropped once, here.
#[test]
fn from_many_threads_while_the_runtime_ends() {
    let here = thread::current().id();
    for _ in 0..50 {
        let (dropped, drops) = mpsc::channel();
        let aborting = block_on(async {
            let mut aborting = Vec::new();
            for _ in 0..3 {
                let handles: Vec<_> = (0..10)
                    .map(|_| {
                        let tell = TellDrop(dropped.clone());
                        spawn_local(async move {
                            let _tell = tell;
                            pending::<()>().await
                        })
                    })
                    .collect();
                yield_now().await;
                aborting.push(thread::spawn(move || {
                    handles.iter().for_each(JoinHandle::abort);
                    handles.iter().for_each(JoinHandle::abort);
                }));
            }
            aborting
        });
        aborting
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        drop(dropped);
        assert_eq!(drops.iter().collect::<Vec<_>>(), [here; 30]);
    }
}
