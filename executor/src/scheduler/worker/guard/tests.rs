//! A panic between any two claims of a thread that becomes a worker loses none of them.

use crate::scheduler::worker::with_current;
use crate::{Handle, Runtime, block_on, spawn};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel_timer::sleep;

/// Longer than a slow machine takes for any step here.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often [`at_step`] is called while a thread becomes a worker.
const STEPS: u32 = 6;

thread_local! {
    /// How many steps are left until the panic.
    static UNTIL_PANIC: Cell<Option<u32>> = const { Cell::new(None) };
}

pub(super) fn at_step() {
    match UNTIL_PANIC.get() {
        Some(0) => {
            UNTIL_PANIC.set(None);
            panic!("as the test wants it");
        }
        left => UNTIL_PANIC.set(left.map(|left| left - 1)),
    }
}

/// Becomes a worker by `enter`, which panics after so many steps.
#[track_caller]
fn panics_after(steps: u32, enter: impl FnOnce()) {
    UNTIL_PANIC.set(Some(steps));
    assert!(catch_unwind(AssertUnwindSafe(enter)).is_err(), "{steps}");
    assert_eq!(UNTIL_PANIC.get(), None);
    assert!(with_current(|current| current.is_none()));
    assert!(waterwheel_reactor::Reactor::current().is_none());
    assert!(Handle::try_current().is_err());
}

#[test]
fn these_are_all_steps() {
    UNTIL_PANIC.set(Some(STEPS));
    block_on(async {});
    assert_eq!(UNTIL_PANIC.take(), Some(0));
}

/// What is spawned from outside runs, and so does what is in `block_on`, in the first slot and as a guest.
fn is_usable(runtime: &Runtime) {
    for _ in 0..2 {
        let (ran, runs) = mpsc::channel();
        drop(runtime.spawn(async move { ran.send(()) }));
        runs.recv_timeout(PATIENCE).expect("somebody runs it");
        runtime.block_on(async {
            sleep(Duration::from_millis(1)).await;
            spawn(async {}).await.expect("it does not panic");
        });
    }
    let guest = runtime.handle().clone();
    runtime.block_on(async {
        let guest = crate::spawn_blocking(move || {
            guest.block_on(async {
                sleep(Duration::from_millis(1)).await;
                spawn(async {}).await.expect("it does not panic");
            });
        });
        guest.await.expect("it does not panic");
    });
}

/// All have gone to sleep or have left: nobody counts as awake who is not.
fn comes_to_rest(runtime: &Runtime) {
    let shared = runtime.handle().shared();
    let end = Instant::now() + PATIENCE;
    while shared.anybody_awake() {
        assert!(Instant::now() < end, "somebody has left awake");
        thread::yield_now();
    }
    assert!(shared.guests.snapshot().is_empty());
}

/// Each runtime that there is, made anew for each step.
#[track_caller]
fn each(test: impl Fn(u32, &Runtime) + Copy + Send + 'static) {
    for (workers, paused) in [(1, false), (2, false), (4, false), (2, true)] {
        for steps in 0..STEPS {
            let mut builder = Runtime::builder().worker_threads(workers);
            if paused {
                builder = builder.paused_time();
            }
            let runtime = builder.build().expect("descriptors and threads");
            let (ended, ends) = mpsc::channel();
            let end = thread::spawn(move || {
                test(steps, &runtime);
                comes_to_rest(&runtime);
                is_usable(&runtime);
                comes_to_rest(&runtime);
                drop(runtime);
                ended.send(()).expect("the test waits");
            });
            if ends.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                panic!("{workers} workers, step {steps}: it hangs");
            }
            end.join().expect("it does not panic");
        }
    }
}

#[test]
fn the_first_slot_can_be_taken_again() {
    each(|steps, runtime| {
        panics_after(steps, || runtime.block_on(async {}));
    });
}

/// While tasks are left, for which a thread must be there.
#[test]
fn the_first_slot_is_handed_over() {
    each(|steps, runtime| {
        let (go, goes) = mpsc::channel();
        let (ran, runs) = mpsc::channel();
        drop(runtime.spawn(async move {
            let _ = goes.recv();
            crate::yield_now().await;
            ran.send(()).expect("the test waits");
        }));
        panics_after(steps, || runtime.block_on(async {}));
        go.send(()).expect("the task waits");
        runs.recv_timeout(PATIENCE).expect("somebody runs it");
    });
}

#[test]
fn a_guest_goes_without_a_trace() {
    each(|steps, runtime| {
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let guest = thread::spawn(move || panics_after(steps, || handle.block_on(async {})));
            guest.join().expect("all is as it was");
        });
    });
}

/// A blocking job that was in `block_on` is at work again: time stands still while it is.
#[test]
fn a_job_is_at_work_when_its_block_on_has_panicked() {
    for steps in 0..STEPS {
        let runtime = Runtime::builder().paused_time().build().unwrap();
        let has_slept = Arc::new(AtomicBool::new(false));
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let sleeper = Arc::clone(&has_slept);
            let sleeper = spawn(async move {
                sleep(Duration::from_secs(1)).await;
                sleeper.store(true, Ordering::SeqCst);
            });
            let job = crate::spawn_blocking(move || {
                panics_after(steps, || handle.block_on(async {}));
                thread::sleep(Duration::from_millis(20));
                has_slept.load(Ordering::SeqCst)
            });
            assert!(!job.await.expect("all is as it was"), "step {steps}");
            sleeper.await.expect("it does not panic");
        });
    }
}

/// The runtime of a `block_on` of its own ends with it, and the thread can have another.
#[test]
fn a_thread_can_be_in_another_block_on() {
    for steps in 0..STEPS {
        panics_after(steps, || block_on(async {}));
        block_on(async { spawn(async {}).await.expect("it does not panic") });
    }
}

/// The main future's own panic, while its worker counts as awake, as one that searches, and as the watcher.
#[test]
fn a_main_future_that_panics_leaves_a_slot_that_is_as_before() {
    for workers in [1, 2, 4] {
        let runtime = Runtime::builder().worker_threads(workers).build().unwrap();
        for round in 0..20 {
            let main = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async {
                    if round % 2 == 0 {
                        sleep(Duration::from_millis(1)).await;
                    }
                    panic!("as the test wants it");
                })
            }));
            main.expect_err("it panics");
            is_usable(&runtime);
        }
        comes_to_rest(&runtime);
    }
}

/// Whoever looks for work while it leaves does not count as one that looks: what comes next has a sleeper woken.
#[test]
fn a_search_ends_with_its_thread() {
    for panics in [false, true] {
        let runtime = Runtime::builder().worker_threads(2).build();
        let runtime = runtime.expect("descriptors and threads");
        let main = async {
            with_current(|worker| {
                let worker = worker.expect("it is in the first slot");
                while !worker.shared.idle.start_searching() {
                    thread::yield_now();
                }
                worker.search.begin();
            });
            assert!(!panics, "as the test wants it");
        };
        let left = catch_unwind(AssertUnwindSafe(|| runtime.block_on(main)));
        assert_eq!(left.is_err(), panics);
        let shared = runtime.handle().shared();
        let end = Instant::now() + PATIENCE;
        let sleeper = loop {
            match shared.idle.choose() {
                Some(slot) => break slot,
                None => assert!(Instant::now() < end, "nobody is chosen to be woken"),
            }
            thread::yield_now();
        };
        shared.slots[sleeper].driver.reactor.unpark();
    }
}
