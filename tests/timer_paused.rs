//! Paused time: the clock stands still while anything can run, and jumps when everything waits.

mod common;

use common::{Random, eventually, rounds};
use futures_util::future::{join, join_all};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::timer::{self, IdleTimeout};
use waterwheel::{
    JoinSet, Runtime, interval, sleep, sleep_until, spawn, spawn_blocking, spawn_local, timeout,
    yield_now,
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn paused(seats: usize) -> Runtime {
    Runtime::builder()
        .worker_threads(seats)
        .paused_time()
        .build()
        .expect("a runtime")
}

/// Runs a test on one seat, and on four.
fn on_each(test: impl Fn(&Runtime)) {
    for seats in [1, 4] {
        test(&paused(seats));
    }
}

/// Opens once, for any number of threads.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    /// Whether it has been opened; it waits for that no longer than a stuck test may take.
    fn pass(&self) {
        let limit = S(60);
        let opened = self.0.lock().unwrap();
        let opened = self.1.wait_timeout_while(opened, limit, |opened| !*opened);
        assert!(*opened.unwrap().0, "nobody has opened the gate");
    }
}

/// Ends with what `run` does, on a thread of its own; fails if that takes so long that it must be stuck.
#[track_caller]
fn ends<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || tell.send(run()));
    match told.recv_timeout(S(60)) {
        Ok(output) => output,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("stuck: {what}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

/// A value that one task sets and another waits for, woken by hand.
#[derive(Default)]
struct Signal(Mutex<(bool, Option<Waker>)>);

impl Signal {
    fn set(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if std::mem::take(&mut state.0) {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

// ---- blocking jobs

/// A thread of the pool that comes when there is nothing left to do is the last that the clock has waited for.
#[test]
fn the_clock_moves_on_after_a_thread_that_came_too_late_for_its_job() {
    let late = Gate::new();
    let started = AtomicUsize::new(0);
    let hook = {
        let late = Arc::clone(&late);
        // The second thread of the pool (a runtime of one seat has one of its own) is as slow as can be.
        move || {
            let name = thread::current().name().unwrap_or_default().to_owned();
            if name.contains("blocking") && started.fetch_add(1, Ordering::SeqCst) == 1 {
                late.pass();
            }
        }
    };
    let runtime = Runtime::builder()
        .worker_threads(1)
        .paused_time()
        .on_thread_start(hook)
        .build()
        .unwrap();
    ends("the sleep", move || {
        runtime.block_on(async {
            let (first, second) = (spawn_blocking(|| ()), spawn_blocking(|| ()));
            first.await.unwrap();
            second.await.unwrap();
            // Opened by a thread that the runtime does not know, when this one has long gone to sleep.
            thread::spawn(move || {
                thread::sleep(MS(50));
                late.open();
            });
            sleep(S(1)).await;
        });
    });
}

/// «If the runtime ends meanwhile, the future runs all the same, with timers.»
#[test]
fn a_main_future_that_outlives_its_runtime_sleeps_on_when_a_blocking_job_ends() {
    let runtime = paused(1);
    let (gate, sleeps) = (Gate::new(), Gate::new());
    let handle = runtime.handle().clone();
    let job = Arc::clone(&gate);
    runtime.spawn_blocking(move || job.pass());
    let (tell, told) = mpsc::channel();
    let awake = Arc::clone(&sleeps);
    let main = thread::spawn(move || {
        handle.block_on(async {
            awake.open();
            sleep(S(1)).await;
        });
        tell.send(()).unwrap();
    });
    sleeps.pass();
    runtime.shutdown(Instant::now() + MS(20));
    gate.open();
    told.recv_timeout(S(60)).expect("stuck: the sleep");
    main.join().unwrap();
}

/// A job that waits in `block_on` does not work meanwhile: it is a guest.
#[test]
fn a_blocking_job_may_sleep_in_block_on() {
    for seats in [1, 4] {
        let runtime = paused(seats);
        let slept = ends("the job", move || {
            let handle = runtime.handle().clone();
            runtime.block_on(async move {
                let start = timer::now();
                let job = spawn_blocking(move || {
                    handle.block_on(async move {
                        sleep(S(3600)).await;
                        timer::now() - start
                    })
                });
                job.await.unwrap()
            })
        });
        assert_eq!(slept, S(3600));
    }
}
