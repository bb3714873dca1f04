//! Where the kernel has no descriptors, a runtime is not made, and says so; what has been made of it is given back. A test of its own
//! process, whose limit it lowers.

mod common;

use common::{descriptors, eventually, threads};
use futures_util::future::poll_fn;
use std::fs::File;
use std::iter;
use std::panic::catch_unwind;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;
use waterwheel::net::UnixStream;
use waterwheel::{Runtime, sleep, spawn};

#[test]
fn a_runtime_or_a_guest_without_descriptors() {
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    runtime.block_on(async { spawn(async {}).await.unwrap() });
    let limit = libc::rlimit {
        rlim_cur: 100,
        rlim_max: 100,
    };
    // SAFETY: the pointer is to a limit that outlives the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
    let mut files: Vec<_> = iter::from_fn(|| File::open("/dev/null").ok()).collect();
    // There are some for one worker, and not for two: three each. `descriptors` needs one itself.
    files.truncate(files.len() - 4);
    let before = (descriptors(), threads().len());

    for workers in [2, 8] {
        let error = Runtime::builder().worker_threads(workers).build();
        assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        assert_eq!(descriptors(), before.0);
        eventually("no thread is left", || threads().len() == before.1);
    }
    drop(Runtime::builder().worker_threads(1).build().unwrap());

    // Guests need none to wait for others and for time.
    let (tell, told) = mpsc::channel::<Waker>();
    let wait = || {
        let tell = tell.clone();
        let mut pended = false;
        poll_fn(move |cx| {
            if std::mem::replace(&mut pended, true) {
                return Poll::Ready(());
            }
            tell.send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
    };
    thread::scope(|scope| {
        scope.spawn(|| runtime.block_on(wait()));
        let first = told.recv().unwrap();
        scope.spawn(|| runtime.block_on(wait()));
        let second = told.recv().unwrap();
        runtime.block_on(async { spawn(sleep(Duration::from_millis(1))).await.unwrap() });
        // One that waits for a socket meets the want of them there, and goes on.
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        runtime.block_on(async {
            let ours = UnixStream::from_std(ours).unwrap();
            let error = ours.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            sleep(Duration::from_millis(1)).await;
        });
        drop(theirs);
        first.wake();
        second.wake();
    });
    // A runtime of its own needs three. There are two.
    let pair = std::os::unix::net::UnixStream::pair().unwrap();
    let payload = catch_unwind(|| waterwheel::block_on(async {})).unwrap_err();
    let payload = payload.downcast::<String>().unwrap();
    assert!(
        payload.starts_with("`block_on` could not make a reactor"),
        "{payload}"
    );
    drop(pair);
    // The runtime is as it was.
    assert_eq!(
        runtime.block_on(async { spawn(async { 7 }).await.unwrap() }),
        7
    );
    drop(runtime);
    assert_eq!(descriptors(), before.0 - 6);
}
