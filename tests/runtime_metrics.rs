//! The counters of a runtime add up.

mod common;

use common::{eventually, rounds};
use futures_util::future::poll_fn;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::executor::{RuntimeMetrics, WorkerMetrics};
use waterwheel::net::TcpListener;
use waterwheel::{Handle, Runtime, block_on, sleep, spawn, spawn_blocking, spawn_local, yield_now};

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

fn sum(metrics: &RuntimeMetrics, of: impl Fn(&WorkerMetrics) -> u64) -> u64 {
    metrics.workers.iter().map(of).sum()
}

fn only(runtime: &Handle) -> WorkerMetrics {
    let metrics = runtime.metrics();
    assert_eq!(metrics.workers.len(), 1);
    metrics.workers[0]
}

/// A task that yields is polled once more often than it yields. They are counted at turns, and when all is done there is one.
#[test]
fn polls_of_tasks() {
    const TASKS: u64 = 500;
    const YIELDS: u64 = 7;
    for workers in [1, 2, 8] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel::<()>();
        for _ in 0..TASKS {
            let tell = tell.clone();
            drop(runtime.spawn(async move {
                for _ in 0..YIELDS {
                    yield_now().await;
                }
                drop(tell);
            }));
        }
        drop(tell);
        assert!(told.recv().is_err());
        let polls = || sum(&runtime.metrics(), |worker| worker.polls);
        eventually("the last turn has been made", || {
            polls() >= TASKS * (YIELDS + 1)
        });
        assert_eq!(polls(), TASKS * (YIELDS + 1));
    }
}

/// Woken from outside, one wake at a time, and nothing else to do.
#[test]
fn polls_of_the_main_future() {
    const WAKES: u64 = 1_000;
    // Those since the last turn are missing.
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let (give, wakers) = mpsc::channel::<Waker>();
        let waking = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        let before = sum(&runtime.metrics(), |worker| worker.polls);
        runtime.block_on(async {
            for _ in 0..WAKES {
                let mut pended = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut pended, true) {
                        return Poll::Ready(());
                    }
                    give.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                })
                .await;
            }
        });
        let after = sum(&runtime.metrics(), |worker| worker.polls);
        drop(give);
        waking.join().unwrap();
        assert_eq!(after - before, WAKES + 1);
    }
}

#[test]
fn parks_and_turns() {
    let runtime = runtime(1);
    runtime.block_on(async {
        let before = only(runtime.handle());
        for _ in 0..10 {
            sleep(Duration::from_millis(1)).await;
        }
        let slept = only(runtime.handle());
        let parks = slept.parks - before.parks;
        // A timer may end the sleep a little early once.
        assert!((10..=30).contains(&parks), "{parks} parks for ten sleeps");
        assert!(slept.turns - before.turns >= parks, "a park is a turn");
        for _ in 0..1_000 {
            yield_now().await;
        }
        let yielded = only(runtime.handle());
        assert_eq!(yielded.parks, slept.parks, "it was busy");
        assert!(yielded.turns > slept.turns);
        assert_eq!(
            (yielded.steals, yielded.unparks, yielded.sibling_turns),
            (0, 0, 0)
        );
    });
}

/// What one worker makes is stolen by one that another has woken.
#[test]
fn steals_and_unparks() {
    let runtime = runtime(2);
    let counts = || {
        let metrics = runtime.metrics();
        (
            sum(&metrics, |worker| worker.steals),
            sum(&metrics, |worker| worker.unparks),
        )
    };
    let before = counts();
    eventually("something was stolen by one that was woken for it", || {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..100).map(|_| spawn(yield_now())).collect();
            thread::sleep(Duration::from_millis(1));
            for task in tasks {
                task.await.unwrap();
            }
        });
        thread::sleep(Duration::from_millis(1));
        let after = counts();
        after.0 > before.0 && after.1 > before.1
    });
}

#[test]
fn sibling_turns() {
    let runtime = runtime(2);
    let turns = || sum(&runtime.metrics(), |worker| worker.sibling_turns);
    let before = turns();
    let (go, gone) = mpsc::channel::<()>();
    let stuck = runtime.spawn(async move { gone.recv().is_err() });
    eventually("somebody takes its turn", || turns() > before);
    drop(go);
    assert!(block_on(stuck).unwrap());
}

#[test]
fn timers_and_descriptors() {
    let runtime = runtime(1);
    runtime.block_on(async {
        let before = only(runtime.handle());
        let timers: Vec<_> = (0..10)
            .map(|_| spawn(sleep(Duration::from_secs(3_600))))
            .collect();
        let listeners: Vec<_> = (0..5)
            .map(|_| {
                spawn(async {
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    listener.accept().await.unwrap();
                })
            })
            .collect();
        yield_now().await;
        yield_now().await;
        let there = only(runtime.handle());
        assert_eq!(there.timers_pending - before.timers_pending, 10);
        assert_eq!(there.descriptors - before.descriptors, 5);
        for task in &timers {
            task.abort();
        }
        for task in &listeners {
            task.abort();
        }
        for task in timers {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        for task in listeners {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        let gone = only(runtime.handle());
        assert_eq!(gone.timers_pending, before.timers_pending);
        assert_eq!(gone.descriptors, before.descriptors);
    });
}

/// In a ring, and behind it.
#[test]
fn queue_depth() {
    let runtime = runtime(1);
    runtime.block_on(async {
        // A ring holds 1,024.
        for count in [0, 1, 5, 1_000, 1_024, 1_025, 3_000] {
            assert_eq!(only(runtime.handle()).queue_depth, 0);
            let tasks: Vec<_> = (0..count).map(|_| spawn(async {})).collect();
            assert_eq!(only(runtime.handle()).queue_depth, count);
            for task in tasks {
                task.await.unwrap();
            }
        }
    });
}

/// Nobody takes what comes from outside while the only worker is in a poll.
#[test]
fn injection_depth() {
    let runtime = runtime(1);
    let (tell, told) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let stuck = runtime.spawn(async move {
        tell.send(()).unwrap();
        gone.recv().is_err()
    });
    told.recv().unwrap();
    assert_eq!(runtime.metrics().injection_depth, 0);
    let tasks: Vec<_> = (0..7).map(|_| runtime.spawn(async {})).collect();
    assert_eq!(runtime.metrics().injection_depth, 7);
    drop(go);
    assert!(block_on(stuck).unwrap());
    for task in tasks {
        block_on(task).unwrap();
    }
    assert_eq!(runtime.metrics().injection_depth, 0);
}

#[test]
fn tasks_alive() {
    let runtime = runtime(2);
    let alive = || runtime.metrics().tasks_alive;
    assert_eq!(alive(), 0);
    let tasks: Vec<_> = (0..50).map(|_| runtime.spawn(pending::<()>())).collect();
    assert_eq!(alive(), 50);
    let (go, gone) = mpsc::channel::<()>();
    let job = runtime.spawn_blocking(move || gone.recv().is_err());
    assert_eq!(alive(), 51, "with blocking jobs");
    runtime.block_on(async {
        let pinned = spawn_local(pending::<()>());
        assert_eq!(alive(), 51, "without pinned ones");
        drop(pinned);
    });
    drop(go);
    assert!(block_on(job).unwrap());
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
    eventually("none is alive", || alive() == 0);
}

/// Each task of a chain spawns the next, and only then ends: at every moment one is alive. The lists of tasks are counted one after the other
/// meanwhile.
#[test]
fn tasks_alive_is_not_zero_while_tasks_make_tasks() {
    fn link(left: usize, is_over: Arc<AtomicBool>) {
        if left == 0 {
            is_over.store(true, Ordering::SeqCst);
        } else {
            drop(spawn(async move { link(left - 1, is_over) }));
        }
    }

    for workers in [1, 2, 4, 8] {
        let runtime = runtime(workers);
        let is_over = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&is_over);
        drop(runtime.spawn(async move { link(rounds(1_000_000, 50_000), theirs) }));
        let (mut looks, mut zeros) = (0, 0);
        loop {
            let alive = runtime.metrics().tasks_alive;
            if is_over.load(Ordering::SeqCst) {
                break;
            }
            looks += 1;
            zeros += usize::from(alive == 0);
        }
        assert_eq!(zeros, 0, "of {looks} looks, on {workers} workers");
        eventually("none is alive", || runtime.metrics().tasks_alive == 0);
    }
}

/// Of a join handle. Its wake says that it has come, and then waits.
struct SlowWaker(Mutex<(mpsc::Sender<()>, mpsc::Receiver<()>)>);

impl Wake for SlowWaker {
    fn wake(self: Arc<Self>) {
        let (woken, go) = &*self.0.lock().unwrap();
        woken.send(()).unwrap();
        // An error: the test has failed.
        let _ = go.recv();
    }
}

/// A task whose handle gives its output has ended, and is alive neither for the metrics nor for the report.
#[test]
fn a_task_that_has_been_awaited_is_not_alive() {
    let runtime = runtime(2);
    let (go_on, gone) = mpsc::channel::<()>();
    let mut task = runtime.spawn(poll_fn(move |_| {
        gone.recv().unwrap();
        Poll::Ready(7)
    }));
    let (tell, told) = mpsc::channel();
    let (go, wait) = mpsc::channel();
    let waker = Waker::from(Arc::new(SlowWaker(Mutex::new((tell, wait)))));
    assert!(
        Pin::new(&mut task)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    go_on.send(()).unwrap();
    told.recv().unwrap();
    // It is complete, and its worker still in the wake.
    let Poll::Ready(output) = Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("woken for nothing");
    };
    let alive = runtime.metrics().tasks_alive;
    let report = runtime.shutdown(Instant::now());
    drop(go);
    assert_eq!(output.unwrap(), 7);
    assert_eq!((alive, report.tasks.len()), (0, 0));
}

#[test]
fn blocking_threads_and_jobs() {
    let runtime = Runtime::builder()
        .worker_threads(1)
        .max_blocking_threads(2)
        .build()
        .unwrap();
    let counts = || {
        let metrics = runtime.metrics();
        (
            metrics.blocking_threads,
            metrics.idle_blocking_threads,
            metrics.blocking_depth,
        )
    };
    assert_eq!(counts(), (0, 0, 0));
    let (tell, told) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Arc::new(Mutex::new(gone));
    let jobs: Vec<_> = (0..5)
        .map(|_| {
            let (tell, gone) = (tell.clone(), Arc::clone(&gone));
            runtime.spawn_blocking(move || {
                tell.send(()).unwrap();
                gone.lock().unwrap().recv().unwrap();
            })
        })
        .collect();
    told.recv().unwrap();
    told.recv().unwrap();
    assert_eq!(counts(), (2, 0, 3));
    for _ in 0..5 {
        go.send(()).unwrap();
    }
    for job in jobs {
        block_on(job).unwrap();
    }
    eventually("both rest", || counts() == (2, 2, 0));
}

/// They can be asked from anywhere: a task, a job, a guest; and when the runtime has ended.
#[test]
fn from_anywhere() {
    let runtime = runtime(3);
    let handle = runtime.handle().clone();
    let (inside, in_job) = (handle.clone(), handle.clone());
    let ask = |handle: &Handle| handle.metrics().workers.len();
    assert_eq!(
        block_on(handle.spawn(async move { ask(&inside) })).unwrap(),
        3
    );
    assert_eq!(
        block_on(handle.spawn_blocking(move || ask(&in_job))).unwrap(),
        3
    );
    runtime.block_on(async {
        let handle = Handle::current();
        assert_eq!(spawn_blocking(move || ask(&handle)).await.unwrap(), 3);
    });
    let parks = |handle: &Handle| sum(&handle.metrics(), |worker| worker.parks);
    let before = parks(&handle);
    drop(runtime);
    let ended = handle.metrics();
    assert!(sum(&ended, |worker| worker.parks) >= before);
    assert_eq!((ended.tasks_alive, ended.injection_depth), (0, 0));
    assert!(
        ended
            .workers
            .iter()
            .all(|worker| worker.queue_depth == 0 && worker.timers_pending == 0)
    );
}
