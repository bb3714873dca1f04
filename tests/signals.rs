//! Signals: counted by a handler, told by a descriptor, to every listener.
//!
//! Each test has a signal of its own, as they share a process.

mod workers;

use futures_util::{FutureExt, StreamExt};
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use waterwheel::signal::{SignalKind, ctrl_c, signal};
use waterwheel::{Runtime, sleep, spawn, timeout};
use workers::block_on;

/// Sends a signal to this process, and returns when it has been handled: a signal that a thread sends itself is.
fn raise(kind: SignalKind) {
    // SAFETY: the call takes no pointers.
    assert_eq!(unsafe { libc::raise(kind.as_raw()) }, 0);
}

#[test]
fn a_signal_wakes_who_waits_for_it() {
    block_on(async {
        let mut hangups = signal(SignalKind::hangup()).unwrap();
        assert!(hangups.recv().now_or_never().is_none());
        let waiting = spawn(async move {
            hangups.recv().await.unwrap();
            hangups
        });
        // From outside, to the process and not to a thread.
        let sent = Command::new("kill")
            .args(["-HUP", &std::process::id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let mut hangups = waiting.await.unwrap();
        assert!(
            hangups.recv().now_or_never().is_none(),
            "one signal, told once"
        );
    });
}

#[test]
fn every_listener_hears_every_signal_that_comes_after_it() {
    const KIND: SignalKind = SignalKind::user_defined1();
    block_on(async {
        let mut early = signal(KIND).unwrap();
        raise(KIND);
        let mut late = signal(KIND).unwrap();
        assert_eq!(early.next().await.map(|told| told.is_ok()), Some(true));
        assert!(late.recv().now_or_never().is_none());
        raise(KIND);
        early.recv().await.unwrap();
        late.recv().await.unwrap();
        // Those that come together are told once.
        for _ in 0..5 {
            raise(KIND);
        }
        early.recv().await.unwrap();
        assert!(early.recv().now_or_never().is_none());
    });
}

#[test]
fn listeners_in_two_runtimes_hear_the_same() {
    const KIND: SignalKind = SignalKind::user_defined2();
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    let (mut here, mut there) = (signal(KIND).unwrap(), signal(KIND).unwrap());
    let task = runtime.spawn(async move {
        for _ in 0..100 {
            there.recv().await.unwrap();
        }
    });
    let heard = waterwheel::block_on(async {
        let mut heard = 0;
        // As often as the other needs: some may come together, there and here.
        while !task.is_finished() {
            raise(KIND);
            here.recv().await.unwrap();
            heard += 1;
        }
        heard
    });
    assert!(heard >= 100, "each is told here before the next is sent");
    runtime.block_on(task).unwrap();
}

#[test]
fn ctrl_c_listens_from_the_call_on() {
    block_on(async {
        let pressed = ctrl_c();
        raise(SignalKind::interrupt());
        timeout(Duration::from_secs(60), pressed)
            .await
            .expect("it was pressed")
            .unwrap();
        let again = ctrl_c();
        assert!(again.now_or_never().is_none(), "pressed before the call");
    });
}

#[test]
fn what_cannot_be_handled_is_refused() {
    for number in [
        libc::SIGKILL,
        libc::SIGSTOP,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        0,
        -1,
        65,
        i32::MAX,
        i32::MIN,
    ] {
        let refused = signal(SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{number}");
        assert!(
            refused.to_string().contains(&number.to_string()),
            "{refused}"
        );
    }
}

static BEFORE: AtomicUsize = AtomicUsize::new(0);

extern "C" fn before(_: libc::c_int) {
    BEFORE.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn a_handler_that_was_there_before_is_called_still() {
    const KIND: SignalKind = SignalKind::window_change();
    let handler: extern "C" fn(libc::c_int) = before;
    // SAFETY: the handler does what a signal handler may.
    unsafe { libc::signal(KIND.as_raw(), handler as libc::sighandler_t) };
    block_on(async {
        let mut resized = signal(KIND).unwrap();
        raise(KIND);
        resized.recv().await.unwrap();
        assert_eq!(BEFORE.load(Ordering::SeqCst), 1);
    });
}

static SPOILED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn spoil_errno(_: libc::c_int) {
    // SAFETY: the address of this thread's `errno` is valid.
    unsafe { *libc::__errno_location() = libc::ENOTSUP };
    SPOILED.fetch_add(1, Ordering::SeqCst);
}

/// The handler writes an eventfd, which sets `errno` when it fails. Another handler, called after it, sets it for certain.
#[test]
fn a_handler_leaves_errno_alone() {
    const KIND: SignalKind = SignalKind::alarm();
    let handler: extern "C" fn(libc::c_int) = spoil_errno;
    // SAFETY: the handler does what a signal handler may.
    unsafe { libc::signal(KIND.as_raw(), handler as libc::sighandler_t) };
    let _listener = signal(KIND).unwrap();
    // SAFETY: the address of this thread's `errno` is valid.
    unsafe { *libc::__errno_location() = 4242 };
    // SAFETY: the call takes no pointers.
    unsafe { libc::raise(KIND.as_raw()) };
    let errno = io::Error::last_os_error().raw_os_error();
    assert_eq!(SPOILED.load(Ordering::SeqCst), 1);
    assert_eq!(errno, Some(4242));
}

#[test]
fn a_cancelled_wait_loses_nothing() {
    // Not SIGCHLD: the test beside this one has a child.
    let kind = SignalKind::from_raw(libc::SIGRTMIN() + 3);
    block_on(async {
        let mut listener = signal(kind).unwrap();
        assert!(
            timeout(Duration::from_millis(1), listener.recv())
                .await
                .is_err()
        );
        raise(kind);
        sleep(Duration::from_millis(1)).await;
        listener.recv().await.unwrap();
    });
}
