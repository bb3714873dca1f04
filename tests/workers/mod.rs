//! On how many workers the tests run.
//!
//! They call the [`block_on`] here, and the environment variable `WATERWHEEL_TEST_WORKERS` says what that is:
//!
//! - not set: [`waterwheel::block_on`], one worker by the short way;
//! - a number *n*: a [`Runtime`] with *n* worker threads, its `block_on`, and then its drop, so that what a test says of the end of a
//!   runtime is said of that end.
//!
//! A test says what holds on any number of workers. Where one worker allows to say more, it asks [`count`]; where one thread does, it has
//! [`spawn_local`](waterwheel::spawn_local); and where only the short way does, it calls `waterwheel::block_on` and says why.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashSet;
use std::env;
use std::future::Future;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use waterwheel::{Runtime, yield_now};

const VARIABLE: &str = "WATERWHEEL_TEST_WORKERS";

/// What [`VARIABLE`] asks for. `None`: the short way.
static ASKED: LazyLock<Option<usize>> = LazyLock::new(|| {
    let value = env::var_os(VARIABLE)?;
    let workers = value.to_str().and_then(|value| value.parse().ok());
    match workers {
        Some(workers @ 1..) => Some(workers),
        _ => panic!(
            "{VARIABLE}={value:?} was asked for, which is no number of workers; \
             write `{VARIABLE}=2`, or unset it for one worker without a `Runtime`"
        ),
    }
});

/// The threads that runtimes have started, of all tests in this process.
static STARTED: LazyLock<Mutex<HashSet<ThreadId>>> = LazyLock::new(Mutex::default);

fn lock_started() -> MutexGuard<'static, HashSet<ThreadId>> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a future to its end in a runtime of as many workers as are asked for, which ends with it.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let Some(workers) = *ASKED else {
        return waterwheel::block_on(future);
    };
    let runtime = Runtime::builder()
        .worker_threads(workers)
        .on_thread_start(|| {
            lock_started().insert(thread::current().id());
        })
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime of {workers} workers could be made: {error}"),
    };
    runtime.block_on(future)
}

/// How many workers there are: on one, tasks take turns, in order.
pub(crate) fn count() -> usize {
    ASKED.unwrap_or(1)
}

/// How many threads a runtime starts: one for each worker but the first, and a spare one. By the short way, none.
pub(crate) fn threads() -> usize {
    ASKED.unwrap_or(0)
}

/// How many threads runtimes have started so far, those for blocking jobs among them.
pub(crate) fn started() -> usize {
    lock_started().len()
}

/// Whether what any worker may run, or drop, may have been on that thread: it is `main`, which was in [`block_on`], or one that a
/// runtime has started.
pub(crate) fn is_seated(thread: ThreadId, main: ThreadId) -> bool {
    thread == main || lock_started().contains(&thread)
}

/// Waits until `holds` does: on one worker no longer than so many yields, as in each of them all who are ready have their turn; on several
/// as long as it takes.
pub(crate) async fn until(yields: usize, mut holds: impl FnMut() -> bool) {
    let mut yielded = 0;
    while !holds() {
        assert!(
            count() > 1 || yielded < yields,
            "{yields} yields are too few"
        );
        yield_now().await;
        yielded += 1;
    }
}

/// Makes what comes in order on one worker comparable on several.
pub(crate) fn in_any_order<T: Ord>(items: &mut [T]) {
    if count() > 1 {
        items.sort();
    }
}
