//! A runtime gives its descriptors back. A test of its own process: it counts all that are open.

mod workers;

use futures_util::future::poll_fn;
use std::future::{Future, pending};
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;
use waterwheel::{sleep, spawn, yield_now};
use workers::block_on;

fn open() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A waker whose destructor panics.
struct PanicOnDrop;

impl Wake for PanicOnDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic!("the waker's destructor");
    }
}

/// One test, so that no other opens descriptors meanwhile.
#[test]
fn block_on_again_and_again_leaks_none() {
    block_on(async {});
    let before = open();
    for round in 0..1000 {
        block_on(async {
            let each = 3;
            assert_eq!(
                open(),
                before + each * workers::count(),
                "epoll, eventfd, timerfd"
            );
            drop(spawn(pending::<()>()));
            drop(spawn(sleep(Duration::MAX)));
            yield_now().await;
        });
        if round % 100 == 0 {
            let panicked = catch_unwind(|| block_on(async { panic!("round {round}") }));
            assert!(panicked.is_err());
        }
        assert_eq!(open(), before, "round {round}");
    }

    // A waker keeps what it needs to be used, and gives it back.
    let waker = block_on(async {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone()));
        spawn(waker).await.unwrap()
    });
    waker.wake_by_ref();
    thread::spawn(move || waker.wake()).join().unwrap();
    assert_eq!(open(), before);

    // So does a handle, even one with a waker that panics when it is let go.
    block_on(async {
        let mut handle = spawn(pending::<()>());
        let waker = Waker::from(Arc::new(PanicOnDrop));
        let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(waker);
        drop(handle);
    });
    assert_eq!(open(), before, "the task leaked, and its runtime with it");
}
