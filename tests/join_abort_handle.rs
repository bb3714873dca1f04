//! Abort handles: a task is aborted by who does not await it.

mod workers;

use futures_util::future::abortable;
use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use waterwheel::{AbortHandle, JoinHandle, spawn, spawn_local, yield_now};
use workers::block_on;

/// Tells of its drop, and of the thread.
struct TellDrop(mpsc::Sender<ThreadId>);

impl Drop for TellDrop {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

/// A task that waits for ever, and has a part in `alive`.
fn linger(alive: &Rc<()>) -> JoinHandle<()> {
    let theirs = Rc::clone(alive);
    spawn_local(async move {
        let _theirs = theirs;
        pending().await
    })
}

#[test]
fn the_join_handle_tells_that_it_was_used() {
    block_on(async {
        let alive = Rc::new(());
        let handle = linger(&alive);
        let abort = handle.abort_handle();
        yield_now().await;
        abort.abort();
        assert!(!abort.is_finished(), "its worker drops it, not the caller");
        assert!(handle.await.unwrap_err().is_cancelled());
        assert!(abort.is_finished());
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn it_tells_when_the_task_is_over() {
    block_on(async {
        let (told, tell) = abortable(pending::<()>());
        let handle = spawn(told);
        let abort = handle.abort_handle();
        assert!(!abort.is_finished());
        assert_eq!(
            format!("{abort:?}"),
            "AbortHandle { is_finished: false, .. }"
        );
        tell.abort();
        assert!(handle.await.unwrap().is_err(), "told by its own means");
        assert!(abort.is_finished());
        assert_eq!(
            format!("{abort:?}"),
            "AbortHandle { is_finished: true, .. }"
        );
    });
}

#[test]
fn dropping_it_changes_nothing() {
    block_on(async {
        let handle = spawn(async {
            yield_now().await;
            5
        });
        for _ in 0..100 {
            drop(handle.abort_handle());
        }
        let abort = handle.abort_handle();
        drop(abort.clone());
        drop(abort);
        assert_eq!(handle.await.unwrap(), 5);
    });
}

#[test]
fn it_reaches_a_task_that_was_detached() {
    block_on(async {
        let alive = Rc::new(());
        let abort = linger(&alive).abort_handle();
        yield_now().await;
        assert_eq!(Rc::strong_count(&alive), 2);
        abort.clone().abort();
        yield_now().await;
        assert!(abort.is_finished());
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn after_its_end_it_changes_nothing() {
    block_on(async {
        let handle = spawn(ready(1));
        let abort = handle.abort_handle();
        workers::until(1, || abort.is_finished()).await;
        abort.abort();
        assert_eq!(handle.await.unwrap(), 1);
        abort.abort();
    });
}

/// It keeps the task's memory, and nothing that is in it.
#[test]
fn it_keeps_neither_future_nor_output() {
    block_on(async {
        let alive = Rc::new(());
        let (future, output) = (Rc::clone(&alive), Rc::clone(&alive));
        let handle = spawn_local(async move {
            yield_now().await;
            drop(future);
            output
        });
        let abort = handle.abort_handle();
        yield_now().await;
        yield_now().await;
        assert!(abort.is_finished());
        assert_eq!(Rc::strong_count(&alive), 2, "the output");
        drop(handle);
        assert_eq!(Rc::strong_count(&alive), 1);
        abort.abort();
    });
}

/// Pitfall: a cycle through a join handle leaks (tokio#6505). The memory that this would leak is seen by the leak
/// detector, the future by the count.
#[test]
fn it_may_be_in_its_own_task() {
    type Slot = Rc<RefCell<Option<AbortHandle>>>;
    block_on(async {
        let alive = Rc::new(());
        for way in 0..4 {
            let slot = Slot::default();
            let (own, theirs) = (Rc::clone(&slot), Rc::clone(&alive));
            let handle = spawn_local(async move {
                let _theirs = theirs;
                yield_now().await;
                let abort = own.take().unwrap();
                match way {
                    // Used inside, and then kept in the future.
                    0 | 1 => {
                        abort.abort();
                        yield_now().await;
                        unreachable!("it was aborted, and has pended");
                    }
                    // Given out as its output.
                    _ => abort,
                }
            });
            *slot.borrow_mut() = Some(handle.abort_handle());
            yield_now().await;
            yield_now().await;
            assert!(handle.is_finished());
            assert_eq!(Rc::strong_count(&alive), 1);
            match way {
                0 => assert!(handle.await.unwrap_err().is_cancelled()),
                2 => assert!(handle.await.unwrap().is_finished()),
                _ => drop(handle),
            }
        }
        // Left to the end of the runtime.
        let slot = Slot::default();
        let own = Rc::clone(&slot);
        let handle = spawn_local(async move {
            let _own = own.borrow().clone();
            pending::<()>().await
        });
        *slot.borrow_mut() = Some(handle.abort_handle());
        yield_now().await;
    });
}

#[test]
fn it_outlives_the_runtime() {
    let alive = Rc::new(());
    let abort = block_on(async {
        let abort = linger(&alive).abort_handle();
        yield_now().await;
        abort
    });
    assert!(abort.is_finished());
    assert_eq!(Rc::strong_count(&alive), 1);
    abort.abort();
    let clone = abort.clone();
    drop(abort);
    // Within another runtime, and on another thread, which has the last one.
    block_on(async { clone.abort() });
    thread::spawn(move || clone.abort()).join().unwrap();
}

/// Pitfall: a task that is not Send is dropped on another thread (RUSTSEC-2021-0072).
#[test]
fn from_another_thread_a_local_future_stays() {
    let here = thread::current().id();
    for _ in 0..200 {
        let (dropped, drops) = mpsc::channel();
        block_on(async {
            let (tell, local) = (TellDrop(dropped), Rc::new(Cell::new(0)));
            let handle = spawn_local(async move {
                let _tell = tell;
                loop {
                    local.set(local.get() + 1);
                    pending::<()>().await;
                }
            });
            yield_now().await;
            let abort = handle.abort_handle();
            let aborting = thread::spawn(move || abort.abort());
            // It sleeps in the kernel, and nothing else would wake it.
            assert!(handle.await.unwrap_err().is_cancelled());
            aborting.join().unwrap();
        });
        assert_eq!(drops.try_iter().collect::<Vec<_>>(), [here]);
    }
}

/// Several threads clone, use and drop handles of the same tasks while the runtime ends.
#[test]
fn from_many_threads_while_the_runtime_ends() {
    let here = thread::current().id();
    for _ in 0..100 {
        let (dropped, drops) = mpsc::channel();
        let threads = block_on(async {
            let handles: Vec<AbortHandle> = (0..10)
                .map(|_| {
                    let tell = TellDrop(dropped.clone());
                    let handle = spawn_local(async move {
                        let _tell = tell;
                        pending::<()>().await
                    });
                    handle.abort_handle()
                })
                .collect();
            yield_now().await;
            [(); 3].map(|()| {
                let handles = handles.clone();
                thread::spawn(move || {
                    for handle in handles {
                        let clone = handle.clone();
                        clone.abort();
                        drop(clone);
                        handle.abort();
                    }
                })
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        drop(dropped);
        assert_eq!(drops.iter().collect::<Vec<_>>(), [here; 10]);
    }
}
