//! Calls from outside a runtime, and from inside where they must be outside, panic: they say what to write instead, and
//! the panic is located at the caller's line.

mod workers;

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;
use waterwheel::{spawn, spawn_blocking, spawn_local};
use workers::block_on;

thread_local! {
    static PANIC: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// The message of the panic in `f`, and the file that it is located in.
fn panic_of(f: impl FnOnce()) -> (String, String) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let message = info.payload_as_str().unwrap_or_default().to_owned();
            let file = info.location().expect("a location").file().to_owned();
            PANIC.set(Some((message, file)));
            default(info);
        }));
    });
    catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    PANIC.take().expect("the hook has been told")
}

#[track_caller]
fn check(f: impl FnOnce(), parts: &[&str]) {
    let (message, file) = panic_of(f);
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert_eq!(file, file!(), "located elsewhere: {message}");
}

const REMEDY: &str = "`waterwheel::block_on(async { … })`";

#[test]
fn spawn_says_what_is_missing() {
    let call = || drop(spawn(async {}));
    check(
        call,
        &["`spawn` was called outside a Waterwheel runtime", REMEDY],
    );
}

#[test]
fn spawn_local_says_what_is_missing() {
    let call = || drop(spawn_local(async {}));
    check(
        call,
        &[
            "`spawn_local` was called outside a Waterwheel runtime",
            REMEDY,
        ],
    );
}

#[test]
fn spawn_blocking_says_what_is_missing() {
    let call = || drop(spawn_blocking(|| ()));
    check(
        call,
        &[
            "`spawn_blocking` was called outside a Waterwheel runtime",
            REMEDY,
        ],
    );
}

/// A thread that a task starts is outside.
#[test]
fn spawn_on_a_thread_of_a_task() {
    block_on(async {
        let handle = spawn(async {
            let call = || drop(spawn(async {}));
            thread::spawn(move || check(call, &["`spawn` was called outside"]))
                .join()
                .unwrap();
        });
        handle.await.unwrap();
    });
}

/// When a runtime has ended, the thread is outside again.
#[test]
fn spawn_after_the_runtime() {
    block_on(async { drop(spawn(async {})) });
    check(|| drop(spawn(async {})), &["`spawn` was called outside"]);
    let panics = AssertUnwindSafe(|| block_on(async { panic!("the main future") }));
    assert!(catch_unwind(panics).is_err());
    check(|| drop(spawn(async {})), &["`spawn` was called outside"]);
}

const NESTED: &[&str] = &[
    "`block_on` was called inside a Waterwheel runtime",
    "`future.await`",
    "`spawn(future)`",
];

#[test]
fn a_nested_block_on_says_what_to_write() {
    block_on(async {
        check(|| block_on(async {}), NESTED);
        let handle = spawn(async { check(|| block_on(async {}), NESTED) });
        handle.await.unwrap();
        // It harms nobody.
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    // On another thread, one may wait for a runtime inside one.
    block_on(async {
        let other = thread::spawn(|| block_on(async { spawn(async { 2 }).await.unwrap() }));
        assert_eq!(other.join().unwrap(), 2);
    });
}
