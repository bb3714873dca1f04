//! What a join handle gives, and when: outputs, errors, and the ways to ask for them.

mod workers;

use futures_util::future::{Either, FutureExt, abortable, select};
use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use waterwheel::{JoinError, JoinHandle, spawn, spawn_local, yield_now};
use workers::block_on;

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_with<T>(handle: &mut JoinHandle<T>, woken: &Arc<Woken>) -> bool {
    let waker = Waker::from(Arc::clone(woken));
    Pin::new(handle)
        .poll(&mut Context::from_waker(&waker))
        .is_ready()
}

#[test]
fn a_panic_is_told_and_given() {
    block_on(async {
        let error = spawn(async { panic_any(7) }).await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.to_string(), "the task panicked");
        assert_eq!(
            *error.try_into_panic().unwrap().downcast::<i32>().unwrap(),
            7
        );

        let seven = 7;
        let error = spawn(async move { panic!("no {seven}") })
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: no 7");
        assert_eq!(format!("{error:?}"), "JoinError::Panicked(\"no 7\")");
        assert_eq!(*error.into_panic().downcast::<String>().unwrap(), "no 7");
    });
}

#[test]
fn a_cancelled_task_has_no_panic_to_give() {
    block_on(async {
        let handle = spawn(pending::<()>());
        handle.abort();
        let error = handle.await.unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic());
        assert_eq!(error.to_string(), "the task was cancelled");
        assert_eq!(format!("{error:?}"), "JoinError::Cancelled");
        let error = error.try_into_panic().unwrap_err();
        let panicked = catch_unwind(AssertUnwindSafe(|| error.into_panic())).unwrap_err();
        let message = panicked.downcast::<&str>().unwrap();
        assert!(message.contains("`JoinError::into_panic`"), "{message}");
        assert!(message.contains("`try_into_panic`"), "{message}");
    });
}

#[test]
fn an_error_becomes_one_of_io() {
    fn is_error<E: std::error::Error + Send + Sync + 'static>(error: E) -> std::io::Error {
        std::io::Error::other(error)
    }
    block_on(async {
        let handle = spawn(pending::<()>());
        handle.abort();
        let error: JoinError = handle.await.unwrap_err();
        assert_eq!(is_error(error).to_string(), "the task was cancelled");
    });
}

#[test]
fn dropping_it_detaches_the_task() {
    block_on(async {
        let ran = Rc::new(Cell::new(0));
        let theirs = Rc::clone(&ran);
        drop(spawn_local(async move {
            for _ in 0..3 {
                yield_now().await;
                theirs.set(theirs.get() + 1);
            }
        }));
        while ran.get() < 3 {
            yield_now().await;
        }
        yield_now().await;
        assert_eq!(
            Rc::strong_count(&ran),
            1,
            "a task that has ended is dropped"
        );
    });
}

#[test]
fn is_finished_tells_that_it_would_not_wait() {
    block_on(async {
        let (told, tell) = abortable(pending::<()>());
        let handle = spawn(told);
        assert!(!handle.is_finished());
        assert!(format!("{handle:?}").contains("is_finished: false"));
        tell.abort();
        while !handle.is_finished() {
            yield_now().await;
        }
        assert!(format!("{handle:?}").contains("is_finished: true"));
        assert!(handle.now_or_never().expect("it would not wait").is_ok());
    });
}

#[test]
fn it_may_be_awaited_in_part_and_again() {
    block_on(async {
        let (finish, finished) = abortable(pending::<()>());
        let mut handle = spawn(finish);
        for _ in 0..3 {
            match select(&mut handle, pin!(yield_now())).await {
                Either::Left(_) => panic!("it was not told to finish"),
                Either::Right(((), _)) => assert!(!handle.is_finished()),
            }
        }
        finished.abort();
        assert!(
            (&mut handle).await.unwrap().is_err(),
            "aborted by its own means"
        );
    });
}

#[test]
fn polled_after_its_output_it_panics() {
    block_on(async {
        let mut handle = spawn(ready(5));
        assert_eq!((&mut handle).await.unwrap(), 5);
        assert!(handle.is_finished());
        let again = AssertUnwindSafe(&mut handle).catch_unwind().await;
        let panicked = again.map(|_| ()).unwrap_err();
        let message = panicked.downcast::<String>().unwrap();
        assert!(
            message.contains("a `JoinHandle` was polled again after it had given its output"),
            "{message}"
        );
    });
}

/// The one who polled last is woken, and nobody else; the wakers that it displaced are let go.
#[test]
fn polled_from_one_place_and_then_another() {
    block_on(async {
        let (told, tell) = abortable(pending::<()>());
        let mut handle = spawn(told);
        let first = Arc::new(Woken::default());
        let second = Arc::new(Woken::default());
        assert!(!poll_with(&mut handle, &first));
        assert!(!poll_with(&mut handle, &first));
        assert_eq!(Arc::strong_count(&first), 2, "one waker of each place");
        assert!(!poll_with(&mut handle, &second));
        assert_eq!(Arc::strong_count(&first), 1, "displaced");
        tell.abort();
        // Woken, and let go: after that the task's worker does nothing more.
        workers::until(1, || Arc::strong_count(&second) == 1).await;
        assert!(handle.is_finished());
        assert_eq!((first.get(), second.get()), (0, 1));
        assert!(poll_with(&mut handle, &first));
        assert_eq!(Arc::strong_count(&first), 1);
    });
}

#[test]
fn dropped_it_lets_its_waker_go() {
    block_on(async {
        let mut handle = spawn(pending::<()>());
        let woken = Arc::new(Woken::default());
        assert!(!poll_with(&mut handle, &woken));
        assert_eq!(Arc::strong_count(&woken), 2);
        drop(handle);
        assert_eq!(Arc::strong_count(&woken), 1);
        assert_eq!(woken.get(), 0);
    });
}

#[test]
fn awaited_on_another_thread() {
    let (send, receive) = mpsc::channel();
    let other = thread::spawn(move || {
        let handle: JoinHandle<thread::ThreadId> = receive.recv().unwrap();
        block_on(handle).unwrap()
    });
    let there = other.thread().id();
    let here = thread::current().id();
    block_on(async {
        let (release, released) = abortable(pending::<()>());
        send.send(spawn(async move {
            let _ = release.await;
            thread::current().id()
        }))
        .unwrap();
        released.abort();
        // The other runtime ends only when this one has run the task.
        while !other.is_finished() {
            yield_now().await;
        }
    });
    let ran = other.join().unwrap();
    assert!(ran != there && workers::is_seated(ran, here));
}

/// The handle outlives the runtime, and tells what became of the task.
#[test]
fn awaited_in_a_later_runtime() {
    let (finished, cut) = block_on(async {
        let finished = spawn(ready(String::from("output")));
        let cut = spawn(pending::<()>());
        workers::until(1, || finished.is_finished()).await;
        (finished, cut)
    });
    assert!(finished.is_finished() && cut.is_finished());
    cut.abort();
    block_on(async {
        assert_eq!(finished.await.unwrap(), "output");
        assert!(cut.await.unwrap_err().is_cancelled());
    });
}

/// The output of a local task need not be `Send`.
#[test]
fn an_output_that_stays_on_its_thread() {
    let output = block_on(async { spawn_local(async { Rc::new(3) }).await.unwrap() });
    assert_eq!(*output, 3);
    // And after its runtime.
    let mut handle = None;
    block_on(async {
        handle = Some(spawn_local(async { Rc::new(4) }));
        yield_now().await;
    });
    let handle = handle.expect("spawned above");
    assert_eq!(*block_on(handle).unwrap(), 4);
}

/// An output is dropped once: taken, with its handle, or, of a detached task, at its end.
#[test]
fn an_output_is_dropped_once() {
    struct Output(Rc<Cell<usize>>);

    impl Drop for Output {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    let drops = Rc::new(Cell::new(0));
    let make = || {
        let drops = Rc::clone(&drops);
        spawn_local(async move { Output(drops) })
    };
    block_on(async {
        let taken = make().await.unwrap();
        assert_eq!(drops.get(), 0);
        drop(taken);
        assert_eq!(drops.get(), 1);

        let finished = make();
        yield_now().await;
        assert!(finished.is_finished());
        assert_eq!(drops.get(), 1);
        drop(finished);
        assert_eq!(drops.get(), 2);

        drop(make());
        yield_now().await;
        assert_eq!(drops.get(), 3);

        drop(make());
    });
    assert_eq!(drops.get(), 3, "that one was never polled");
}

/// Pitfall: a cycle through a join handle leaks (tokio#6505): a task that holds its own handle, and one that awaits it.
#[test]
fn a_task_that_holds_its_own_handle_goes_with_the_runtime() {
    let alive = Rc::new(());
    block_on(async {
        for awaits in [false, true] {
            let slot = Rc::new(Cell::new(None::<JoinHandle<()>>));
            let (theirs, kept) = (Rc::clone(&slot), Rc::clone(&alive));
            let handle = spawn_local(async move {
                let _kept = kept;
                let own = theirs.take().expect("put there before the first poll");
                if awaits {
                    let _ = own.await;
                    unreachable!("it awaits its own end");
                }
                theirs.set(Some(own));
                pending().await
            });
            slot.set(Some(handle));
        }
        yield_now().await;
        assert_eq!(Rc::strong_count(&alive), 3);
    });
    assert_eq!(Rc::strong_count(&alive), 1);
}

/// Two tasks that await each other.
#[test]
fn tasks_that_await_each_other_go_with_the_runtime() {
    let alive = Rc::new(());
    block_on(async {
        let slot = Rc::new(Cell::new(None::<JoinHandle<()>>));
        let (theirs, kept) = (Rc::clone(&slot), Rc::clone(&alive));
        let first = spawn_local(async move {
            let _kept = kept;
            let other = theirs.take().expect("put there before the first poll");
            let _ = other.await;
        });
        let kept = Rc::clone(&alive);
        let second = spawn_local(async move {
            let _kept = kept;
            let _ = first.await;
        });
        slot.set(Some(second));
        yield_now().await;
        yield_now().await;
        assert_eq!(Rc::strong_count(&alive), 3);
    });
    assert_eq!(Rc::strong_count(&alive), 1);
}
