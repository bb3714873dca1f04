//! When the kernel gives no thread: a job waits for those there are, and if there are none, the call says so. A test of its own
//! process: it takes the process's address space away, so that there is none for a stack.

mod workers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::{fs, mem, thread};
use waterwheel::spawn_blocking;
use workers::block_on;

/// Sets how much address space the process may have, in bytes. Gives the limit that was.
fn limit_address_space(bytes: libc::rlim_t) -> libc::rlim_t {
    // SAFETY: plain data, for which zeros are a value.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a place of that type.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) }, 0);
    let before = mem::replace(&mut limit.rlim_cur, bytes);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    before
}

/// Runs `f` while no thread can be started.
fn without_threads<R>(f: impl FnOnce() -> R) -> R {
    let status = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: libc::rlim_t = status.split(' ').next().unwrap().parse().unwrap();
    // Less than the two megabytes of a stack, and enough for what is allocated meanwhile.
    let before = limit_address_space(pages * 4096 + (1 << 20));
    let result = f();
    limit_address_space(before);
    result
}

/// One test: it is the process's limit.
#[test]
fn none_can_be_started() {
    let panics = |f: &mut dyn FnMut()| {
        let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
        *payload.downcast::<String>().expect("a message")
    };
    block_on(async {
        // The runtime's own need memory to start.
        while workers::started() < workers::threads() {
            thread::yield_now();
        }
        // Nobody is there: the call panics, and the closure is dropped.
        let held = Arc::new(AtomicBool::new(false));
        let message = without_threads(|| {
            assert!(thread::Builder::new().spawn(|| ()).is_err(), "the premise");
            panics(&mut || {
                let theirs = Arc::clone(&held);
                drop(spawn_blocking(move || theirs.store(true, Ordering::SeqCst)));
            })
        });
        assert!(
            message.contains("`spawn_blocking` could not start a thread")
                && message.contains("os error 11")
                && message.contains("ulimit -u"),
            "{message}"
        );
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(!held.load(Ordering::SeqCst), "it ran, and where?");

        // One is there, and busy: the job waits for it.
        let (release, released) = mpsc::channel::<()>();
        let (start, started) = mpsc::channel();
        let busy = spawn_blocking(move || {
            start.send(()).unwrap();
            assert!(released.recv().is_err());
            thread::current().id()
        });
        started.recv().unwrap();
        let waits = without_threads(|| spawn_blocking(|| thread::current().id()));
        drop(release);
        assert_eq!(busy.await.unwrap(), waits.await.unwrap());
    });
}
