//! Threads that are in `block_on` beside the runtime's own: they take descriptors only when they wait for one, and miss no wake before,
//! after, or while they do. A process of its own, whose limit it lowers.

mod common;

use common::descriptors;
use futures_util::future::{join_all, poll_fn};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use waterwheel::net::UnixStream;
use waterwheel::{Handle, Runtime, sleep, spawn, spawn_blocking, time, timeout};

const WORKERS: [usize; 3] = [1, 2, 4];
const GUESTS: usize = 400;
/// Fewer than each guest would take if it took one.
const LIMIT: usize = 300;

/// Longer than a slow machine takes for any step here.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tests take turns: all count the descriptors of this process.
static TURN: Mutex<()> = Mutex::new(());

fn limited() -> impl Drop {
    let limit = libc::rlimit {
        rlim_cur: LIMIT as libc::rlim_t,
        rlim_max: LIMIT as libc::rlim_t,
    };
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: the pointer is to a limit that outlives the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
    settle();
    turn
}

/// Waits until what an earlier test or round has used is closed: a job ends after the task that awaits it has heard of that, and holds the
/// runtime until then.
fn settle() {
    static AT_FIRST: OnceLock<usize> = OnceLock::new();
    let at_first = *AT_FIRST.get_or_init(descriptors);
    let end = Instant::now() + PATIENCE;
    while descriptors() > at_first {
        assert!(
            Instant::now() < end,
            "{} stay open",
            descriptors() - at_first
        );
        thread::yield_now();
    }
}

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

/// Gives its waker away, and is ready when it is polled again.
fn waits_once(tell: mpsc::Sender<Waker>) -> impl Future<Output = ()> {
    let mut pended = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut pended, true) {
            return Poll::Ready(());
        }
        tell.send(cx.waker().clone()).unwrap();
        Poll::Pending
    })
}

/// They wait for a wake, for a task, and for time, all of them at once.
#[test]
fn hundreds_that_wait_for_no_descriptor_take_none() {
    let _turn = limited();
    for workers in WORKERS {
        settle();
        let runtime = runtime(workers);
        let before = descriptors();
        runtime.block_on(async {
            let (tell, told) = mpsc::channel();
            let guests: Vec<_> = (0..GUESTS)
                .map(|_| {
                    let (handle, tell) = (Handle::current(), tell.clone());
                    spawn_blocking(move || {
                        handle.block_on(async move {
                            waits_once(tell).await;
                            let task = spawn(async { 7 });
                            sleep(Duration::from_millis(2)).await;
                            task.await.unwrap()
                        })
                    })
                })
                .collect();
            let wakers: Vec<Waker> = spawn_blocking(move || {
                let wakers = (0..GUESTS).map(|_| told.recv_timeout(PATIENCE).unwrap());
                wakers.collect()
            })
            .await
            .unwrap();
            assert_eq!(descriptors(), before);
            wakers.into_iter().for_each(Waker::wake);
            for guest in timeout(PATIENCE, join_all(guests)).await.unwrap() {
                assert_eq!(guest.unwrap(), 7);
            }
        });
        drop(runtime);
    }
}

/// Each in its turn waits for another thread, for a socket, and for both, so that it changes the place where it sleeps while others
/// wake it.
#[test]
fn one_that_comes_to_a_socket_misses_nothing() {
    let _turn = limited();
    for workers in WORKERS {
        settle();
        let runtime = runtime(workers);
        let rounds = if cfg!(debug_assertions) { 200 } else { 1_000 };
        runtime.block_on(async {
            let guests: Vec<_> = (0..4)
                .map(|_| {
                    let handle = Handle::current();
                    spawn_blocking(move || {
                        for round in 0..rounds {
                            handle
                                .block_on(timeout(PATIENCE, comes_to_a_socket(round)))
                                .unwrap();
                        }
                    })
                })
                .collect();
            for guest in guests {
                guest.await.unwrap();
            }
        });
    }
}

/// A task wakes it at some moment around its first wait for a socket, and then writes to that.
async fn comes_to_a_socket(round: usize) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let woken = Arc::new(AtomicUsize::new(0));
    let (tell, told) = mpsc::channel::<Waker>();
    let waker = {
        let woken = Arc::clone(&woken);
        spawn_blocking(move || {
            for waker in told {
                woken.fetch_add(1, Ordering::SeqCst);
                waker.wake();
            }
        })
    };
    let writer = spawn(async move {
        if round.is_multiple_of(3) {
            sleep(Duration::from_micros(50)).await;
        }
        theirs.write_all(&[1]).await.unwrap();
        theirs
    });
    let mut byte = [0];
    let reads = async { ours.read(&mut byte).await.unwrap() };
    let mut seen = 0;
    let wakes = poll_fn(|cx| {
        let now = woken.load(Ordering::SeqCst);
        if now == 3 {
            return Poll::Ready(());
        }
        if now == seen {
            seen += 1;
            tell.send(cx.waker().clone()).unwrap();
        }
        Poll::Pending
    });
    let (read, ()) = if round.is_multiple_of(2) {
        futures_util::future::join(reads, wakes).await
    } else {
        let (wakes, read) = futures_util::future::join(wakes, reads).await;
        (read, wakes)
    };
    assert_eq!((read, byte), (1, [1]));
    drop(tell);
    waker.await.unwrap();
    drop(writer.await.unwrap());
    sleep(Duration::from_micros(100)).await;
}

/// Time of every kind, and time-outs: never early, without a descriptor.
#[test]
fn one_that_waits_for_time_is_not_early() {
    let _turn = limited();
    let runtime = runtime(2);
    runtime.block_on(async {
        let handle = Handle::current();
        let guest = spawn_blocking(move || {
            handle.block_on(async {
                for micros in [1, 50, 500, 5_000, 20_000] {
                    let delay = Duration::from_micros(micros);
                    let start = Instant::now();
                    sleep(delay).await;
                    assert!(start.elapsed() >= delay);
                    let start = Instant::now();
                    timeout(delay, std::future::pending::<()>())
                        .await
                        .unwrap_err();
                    assert!(start.elapsed() >= delay);
                }
                let until = SystemTime::now() + Duration::from_millis(5);
                time::sleep_until_system(until).await;
                assert!(SystemTime::now() >= until);
            });
        });
        guest.await.unwrap();
    });
}

/// A guest whose time is paused.
#[test]
fn one_whose_time_is_paused_takes_none() {
    let _turn = limited();
    let runtime = Runtime::builder()
        .worker_threads(2)
        .paused_time()
        .build()
        .unwrap();
    let before = descriptors();
    runtime.block_on(async {
        let handle = Handle::current();
        let guest = spawn_blocking(move || {
            handle.block_on(async {
                sleep(Duration::from_secs(3_600)).await;
                descriptors()
            })
        });
        assert_eq!(guest.await.unwrap(), before);
    });
}
