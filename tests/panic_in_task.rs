//! A panic in a task stays in the task, wherever it comes from: the poll, a destructor, whoever awaits it.

mod workers;

use futures_util::FutureExt;
use futures_util::future::abortable;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use waterwheel::{JoinError, spawn, yield_now};
use workers::block_on;

/// Panics when it is dropped, with this message.
struct PanicOnDrop(&'static str);

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic_any(self.0);
    }
}

/// A future that comes to `output`, or never, and panics in its destructor.
struct Bomb {
    output: Option<u32>,
    _on_drop: PanicOnDrop,
}

impl Bomb {
    fn new(output: Option<u32>) -> Self {
        let _on_drop = PanicOnDrop("the future's destructor");
        Self { output, _on_drop }
    }
}

impl Future for Bomb {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        self.output.map_or(Poll::Pending, Poll::Ready)
    }
}

#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct CountDrop(Count);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

fn message(error: JoinError) -> &'static str {
    assert!(error.is_panic(), "{error:?}");
    assert!(!error.is_cancelled());
    *error.into_panic().downcast().expect("the message")
}

#[test]
fn in_poll() {
    let dropped = Count::default();
    block_on(async {
        let theirs = CountDrop(dropped.clone());
        let handle = spawn(async move {
            let _theirs = theirs;
            yield_now().await;
            panic_any("in poll")
        });
        let error = handle.await.unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: in poll");
        assert_eq!(message(error), "in poll");
        assert_eq!(dropped.get(), 1, "the future is dropped with its panic");
        assert_eq!(spawn(ready(1)).await.unwrap(), 1, "the worker lives on");
    });
}

#[test]
fn in_poll_of_a_detached_task() {
    block_on(async {
        drop(spawn(async { panic!("nobody asks") }));
        yield_now().await;
        assert_eq!(spawn(ready(1)).await.unwrap(), 1);
    });
}

/// Pitfall: a panic in a destructor escapes (tokio#3967).
#[test]
fn in_the_destructor_of_a_future_that_is_ready() {
    block_on(async {
        let error = spawn(Bomb::new(Some(1))).await.unwrap_err();
        assert_eq!(message(error), "the future's destructor");
    });
}

#[test]
fn in_poll_and_then_in_the_destructor() {
    struct Both(#[expect(dead_code, reason = "held to be dropped")] PanicOnDrop);

    impl Future for Both {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            panic_any("the poll")
        }
    }

    block_on(async {
        let error = spawn(Both(PanicOnDrop("the destructor")))
            .await
            .unwrap_err();
        assert_eq!(message(error), "the poll", "the first panic is told");
    });
}

#[test]
fn in_the_destructor_of_a_future_that_is_aborted() {
    block_on(async {
        for polled in [false, true] {
            let handle = spawn(Bomb::new(None));
            if polled {
                yield_now().await;
            }
            handle.abort();
            assert_eq!(
                message(handle.await.unwrap_err()),
                "the future's destructor"
            );
        }
    });
}

#[test]
fn in_destructors_at_the_end_of_the_runtime() {
    let dropped = Count::default();
    let handles = block_on(async {
        let mut handles = Vec::new();
        for _ in 0..3 {
            handles.push(spawn(Bomb::new(None)));
            let theirs = CountDrop(dropped.clone());
            drop(spawn(async move {
                let _theirs = theirs;
                pending::<()>().await
            }));
        }
        yield_now().await;
        handles
    });
    assert_eq!(
        dropped.get(),
        3,
        "a panic keeps no other from being dropped"
    );
    for handle in handles {
        let error = block_on(handle).unwrap_err();
        assert_eq!(message(error), "the future's destructor");
    }
}

/// Destructors of tasks run while the main future's panic passes through, and panic themselves: that is no abort.
#[test]
fn in_destructors_while_the_main_future_panics() {
    let (dropped, refused) = (Count::default(), Count::default());
    let panicked = catch_unwind(|| {
        block_on(async {
            for _ in 0..3 {
                drop(spawn(Bomb::new(None)));
                let theirs = CountDrop(dropped.clone());
                drop(spawn(async move {
                    let _theirs = theirs;
                    pending::<()>().await
                }));
            }
            let spawns = SpawnOnDrop(refused.clone());
            drop(spawn(async move {
                let _spawns = spawns;
                pending::<()>().await
            }));
            yield_now().await;
            panic_any("the main future");
        })
    });
    assert_eq!(
        *panicked.unwrap_err().downcast::<&str>().unwrap(),
        "the main future"
    );
    assert_eq!(dropped.get(), 3);
    assert_eq!(refused.get(), 1);
    assert_eq!(block_on(async { spawn(ready(1)).await.unwrap() }), 1);
}

struct SpawnOnDrop(Count);

impl Drop for SpawnOnDrop {
    fn drop(&mut self) {
        let handle = spawn(pending::<()>());
        assert!(handle.is_finished(), "the runtime is ending");
        handle.abort();
        self.0.add();
    }
}

/// Pitfall: a panic in the drop of an output escapes or leaks (tokio#4412, #3967).
#[test]
fn in_the_destructor_of_an_output_that_nobody_wants() {
    block_on(async {
        // Detached before it ends, and after.
        drop(spawn(async { PanicOnDrop("detached early") }));
        let late = spawn(async { PanicOnDrop("detached late") });
        while !late.is_finished() {
            yield_now().await;
        }
        drop(late);
        assert_eq!(spawn(ready(1)).await.unwrap(), 1, "the worker lives on");
    });
}

#[test]
fn in_the_destructor_of_an_output_that_a_panic_displaces() {
    struct ReadyBomb(#[expect(dead_code, reason = "held to be dropped")] PanicOnDrop);

    impl Future for ReadyBomb {
        type Output = PanicOnDrop;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<PanicOnDrop> {
            Poll::Ready(PanicOnDrop("the output"))
        }
    }

    block_on(async {
        let handle = spawn(ReadyBomb(PanicOnDrop("the future")));
        let error = handle.await.map(|_| ()).unwrap_err();
        assert_eq!(message(error), "the future");
    });
}

#[test]
fn in_the_destructor_of_a_panic() {
    block_on(async {
        drop(spawn(async { panic_any(PanicOnDrop("the payload")) }));
        drop(spawn(async { panic_any(PanicOnDrop("the payload")) }));
        yield_now().await;
        let late = spawn(async { panic_any(PanicOnDrop("the payload")) });
        while !late.is_finished() {
            yield_now().await;
        }
        drop(late);
        assert_eq!(spawn(ready(1)).await.unwrap(), 1, "the worker lives on");
    });
}

/// A panic that panics again when it is dropped. What it then throws may be leaked, so it is nothing.
struct PanicAgain;

impl Drop for PanicAgain {
    fn drop(&mut self) {
        panic_any(());
    }
}

/// A waker whose parts panic as they are told to.
#[derive(Default)]
struct Panicking {
    wake: bool,
    drop: bool,
    count: Count,
}

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        self.count.add();
        if self.wake {
            panic_any(PanicAgain);
        }
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        if self.drop {
            panic_any("the waker's destructor");
        }
    }
}

#[test]
fn in_the_waker_of_who_awaits() {
    block_on(async {
        let count = Count::default();
        let waker = Waker::from(Arc::new(Panicking {
            wake: true,
            drop: false,
            count: count.clone(),
        }));
        let (told, tell) = abortable(pending::<()>());
        let mut handle = spawn(told.map(|_| 1));
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut handle).poll(&mut cx).is_pending());
        tell.abort();
        workers::until(1, || count.get() > 0).await;
        assert_eq!(handle.await.unwrap(), 1);
        assert_eq!(count.get(), 1, "it was woken, and panicked");
        assert_eq!(spawn(ready(1)).await.unwrap(), 1, "the worker lives on");
    });
}

/// The handle lets its waker go, and the waker's destructor panics: whoever drops the handle does not hear of it, and the task goes
/// on. (That nothing leaks then, `shutdown_descriptors.rs` shows.)
#[test]
fn in_the_destructor_of_the_waker_of_who_awaits() {
    block_on(async {
        let ended = Count::default();
        let theirs = ended.clone();
        let (told, tell) = abortable(pending::<()>());
        let mut handle = spawn(told.map(move |_| theirs.add()));
        let waker = Waker::from(Arc::new(Panicking {
            drop: true,
            wake: false,
            count: Count::default(),
        }));
        let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        // The handle has the last one from here on.
        drop(waker);
        drop(handle);
        tell.abort();
        while ended.get() == 0 {
            yield_now().await;
        }
    });
}

/// A waker whose clone panics leaves nothing behind in the handle, and the handle can be awaited still.
#[test]
fn in_the_clone_of_the_waker_of_who_awaits() {
    use std::task::{RawWaker, RawWakerVTable};
    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic_any("the clone"), |_| (), |_| (), |_| ());

    block_on(async {
        let (told, tell) = abortable(pending::<()>());
        let mut handle = spawn(told.map(|_| 1));
        // SAFETY: the table's functions take no notice of the data.
        let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
        let good = Arc::new(Panicking::default());
        let good_waker = Waker::from(Arc::clone(&good));
        let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&good_waker));
        assert!(polled.is_pending());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            Pin::new(&mut handle).poll(&mut Context::from_waker(&waker))
        }));
        assert!(panicked.is_err());
        drop(good_waker);
        assert_eq!(Arc::strong_count(&good), 1, "the old waker is let go");
        tell.abort();
        assert_eq!(handle.await.unwrap(), 1);
    });
}

/// A descriptor that outlives the runtime has a waiter, whose waker panics with something that panics again. Whatever
/// becomes of that panic, the thread is left fit for the next runtime.
#[test]
fn in_a_foreign_waker_while_the_runtime_ends() {
    use std::io::pipe;
    use waterwheel::reactor::AsyncFd;

    let (reader, _writer) = pipe().unwrap();
    let reader = AsyncFd::new(reader).unwrap();
    let mut readable = pin!(reader.readable());
    let waker = Waker::from(Arc::new(Panicking {
        wake: true,
        drop: false,
        count: Count::default(),
    }));
    let _ = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            let polled = readable.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        });
    }));
    let outside = catch_unwind(|| drop(spawn(ready(()))));
    assert!(outside.is_err(), "this thread is in no runtime any more");
    assert_eq!(block_on(async { spawn(ready(1)).await.unwrap() }), 1);
}
