//! Where time is paused, everything that limits or times an operation goes by the paused clock: it takes exactly as much virtual time as
//! it was told, and next to no real time, also after the clock was advanced.
//!
//! The table names every public function that takes a duration, an instant or a time of day. The sources are searched for such
//! functions: one that the table lacks fails the test, and so does a row without a function.

mod common;
#[path = "paused_limits/functions.rs"]
mod functions;
#[path = "paused_limits/table.rs"]
mod table;

use common::{descriptors, eventually};
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use table::{Takes, rows};
use waterwheel::{Runtime, spawn, time};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What runs in this file runs alone: one row takes all descriptors of the process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long anything here may take in real time. The rows take none; an hour of virtual time that is real would be noticed.
const STUCK: Duration = Duration::from_secs(120);

/// Ends with what `run` does, on a thread of its own; fails if that takes so long that it must be stuck.
#[track_caller]
fn ends<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || tell.send(run()));
    match told.recv_timeout(STUCK) {
        Ok(output) => output,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("stuck: {what}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            eprintln!("that was: {what}");
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

fn paused(workers: usize) -> Runtime {
    Runtime::builder()
        .worker_threads(workers)
        .paused_time()
        .build()
        .expect("a runtime")
}

/// Where the virtual clock is when a row runs, seen from the real one.
#[derive(Clone, Copy, Debug)]
enum Clock {
    /// It stands still since the runtime was made: what compares it with the real clock finds that late.
    Behind,
    /// It was advanced by a day: what compares it with the real clock finds that early.
    Ahead,
}

/// Where a row runs.
#[derive(Clone, Copy, Debug)]
enum Place {
    Main,
    Task,
    /// In `block_on` beside another that has the first worker.
    Guest,
}

/// A task that has ended, on another thread; woken by hand.
async fn end_of(done: Arc<AtomicBool>, waker: Arc<Mutex<Option<std::task::Waker>>>) {
    poll_fn(|cx| {
        *waker.lock().unwrap() = Some(cx.waker().clone());
        if done.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

type Timed = Pin<Box<dyn Future<Output = Duration> + Send>>;

fn run(workers: usize, clock: Clock, place: Place, timed: fn() -> Timed) -> Duration {
    let runtime = paused(workers);
    runtime.block_on(async {
        match clock {
            Clock::Behind => thread::sleep(Duration::from_millis(2)),
            Clock::Ahead => time::advance(DAY).await,
        }
    });
    match place {
        Place::Main => runtime.block_on(timed()),
        Place::Task => runtime.block_on(async move { spawn(timed()).await.expect("no panic") }),
        Place::Guest => thread::scope(|scope| {
            let (done, waker) = (Arc::default(), Arc::default());
            let main = end_of(Arc::clone(&done), Arc::clone(&waker));
            let handle = runtime.handle();
            let main = scope.spawn(move || handle.block_on(main));
            eventually("somebody has the first worker", || {
                waker.lock().unwrap().is_some()
            });
            let took = runtime.block_on(timed());
            done.store(true, Ordering::SeqCst);
            if let Some(waker) = waker.lock().unwrap().take() {
                waker.wake();
            }
            main.join().expect("no panic");
            took
        }),
    }
}

#[test]
fn every_limit_takes_exactly_its_virtual_time_and_next_to_no_real_time() {
    let _alone = alone();
    let mut wrong = Vec::new();
    for row in rows() {
        let Takes::Virtual { time, late, timed } = row.takes else {
            continue;
        };
        for workers in [1, 2, 4] {
            for clock in [Clock::Behind, Clock::Ahead] {
                for place in [Place::Main, Place::Task, Place::Guest] {
                    let what = format!("{} on {workers}, {clock:?}, {place:?}", row.name);
                    let begun = Instant::now();
                    let took = ends(&what, move || run(workers, clock, place, timed));
                    let real = begun.elapsed();
                    if took < time || took > time + late {
                        wrong.push(format!("{what}: {took:?} of virtual time, not {time:?}"));
                    }
                    if real > STUCK / 2 {
                        wrong.push(format!("{what}: {real:?} of real time"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_table_has_every_public_function_that_takes_a_time() {
    let _alone = alone();
    let found = functions::that_take_a_time();
    let all = rows();
    let names: BTreeSet<&str> = all.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), all.len(), "a row is there twice");
    let function = |name: &str| name.split(',').next().unwrap_or(name).to_owned();
    let named: BTreeSet<String> = names.into_iter().map(function).collect();
    let missing: Vec<_> = found.difference(&named).collect();
    let stale: Vec<_> = named.difference(&found).collect();
    assert!(
        missing.is_empty(),
        "these take a time and have no row in tests/paused_limits/table.rs: {missing:?}"
    );
    assert!(
        stale.is_empty(),
        "there are rows in tests/paused_limits/table.rs and no functions for these: {stale:?}"
    );
    assert!(found.len() > 50, "the search finds little: {found:?}");
    for row in &all {
        if let Takes::NoVirtualTime(why) = row.takes {
            assert!(!why.is_empty(), "{} needs a reason", row.name);
        }
    }
}

/// Another runtime, in which a job runs that does not end by itself, and what ends it.
fn busy() -> (Runtime, mpsc::Sender<()>) {
    let other = Runtime::builder().worker_threads(1).build().unwrap();
    let (begun, begins) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    drop(other.spawn_blocking(move || {
        begun.send(()).unwrap();
        let _ = ended.recv();
    }));
    begins.recv().unwrap();
    (other, end)
}

/// What a shutdown waits for is real, and so is the time, wherever the caller's clock stands.
#[test]
fn a_shutdown_counts_in_real_time() {
    let _alone = alone();
    let before = descriptors();
    for workers in [1, 2, 4] {
        // A day ahead: the real clock would come to the deadline tomorrow.
        let left = ends("a shutdown by a clock that is ahead", move || {
            paused(workers).block_on(async {
                time::advance(DAY).await;
                let (other, _end) = busy();
                other.shutdown(Duration::from_millis(10)).blocking.len()
            })
        });
        assert_eq!(left, 1);
        // Behind: by the real clock the deadline has passed.
        let (left, waited) = ends("a shutdown by a clock that is behind", move || {
            paused(workers).block_on(async {
                thread::sleep(Duration::from_millis(40));
                let (other, _end) = busy();
                let begun = Instant::now();
                let limit = Duration::from_millis(30);
                (other.shutdown(limit).blocking.len(), begun.elapsed())
            })
        });
        assert_eq!(left, 1);
        assert!(waited >= Duration::from_millis(30), "{waited:?}");
    }
    eventually("the jobs have ended, and their runtimes with them", || {
        descriptors() == before
    });
}
