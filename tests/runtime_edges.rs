//! Edges of a runtime with several workers: its end, its queues when they are just full, its guards and hooks.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::{Handle, Runtime, block_on, sleep, spawn, spawn_blocking, spawn_local, yield_now};

/// Longer than a slow machine takes for any step here.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime(workers: usize) -> Runtime {
    Runtime::builder()
        .worker_threads(workers)
        .build()
        .expect("descriptors and threads")
}

/// Counts those that are there.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A `block_on` that outlives its runtime goes on with its own future, and polls no task any more: when the end returns, no task
/// is being polled anywhere.
#[test]
fn the_end_waits_for_polls_beside_a_block_on() {
    for (round, workers) in [1, 2].into_iter().cycle().take(20).enumerate() {
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        let (sits, has_sat) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let may_end = Arc::clone(&ended);
        let main = thread::spawn(move || {
            handle.block_on(poll_fn(|cx| {
                if may_end.load(SeqCst) {
                    return Poll::Ready(());
                }
                sits.send(cx.waker().clone()).expect("the test waits");
                Poll::Pending
            }));
        });
        let waker = has_sat.recv().expect("it sits");
        let (polled, alive) = (Arc::default(), Arc::default());
        for _ in 0..300 {
            let counted = Counted::new(&alive);
            let polled = Arc::clone(&polled);
            drop(runtime.spawn(async move {
                let _counted = counted;
                loop {
                    let in_poll = Counted::new(&polled);
                    thread::sleep(Duration::from_micros(200));
                    drop(in_poll);
                    yield_now().await;
                }
            }));
        }
        if round % 4 < 2 {
            drop(runtime);
        } else {
            let report = runtime.shutdown(Instant::now() + PATIENCE);
            assert!(report.is_complete(), "round {round}: {:?}", report.stuck);
            assert_eq!(report.tasks.len(), 300);
        }
        assert_eq!(polled.load(SeqCst), 0, "round {round}: in a poll");
        assert_eq!(alive.load(SeqCst), 0, "round {round}: alive");
        ended.store(true, SeqCst);
        waker.wake();
        main.join().expect("no panic");
    }
}

/// How many tasks a ring holds.
const RING: usize = 1024;

/// As many tasks as a ring has slots, all always ready: what other threads spawn runs all the same.
#[test]
fn a_ring_that_is_full_for_ever_keeps_nobody_out() {
    for tasks in RING - 1..=RING + 1 {
        block_on(async move {
            let stop = Arc::new(AtomicBool::new(false));
            for _ in 0..tasks {
                let stop = Arc::clone(&stop);
                drop(spawn(async move {
                    while !stop.load(SeqCst) {
                        yield_now().await;
                    }
                }));
            }
            let handle = Handle::current();
            let ran = spawn_blocking(move || {
                let (tell, told) = mpsc::channel();
                drop(handle.spawn(async move { tell.send(()) }));
                let ran = told.recv_timeout(PATIENCE).is_ok();
                stop.store(true, SeqCst);
                ran
            });
            assert!(ran.await.expect("no panic"), "beside {tasks} tasks");
        });
    }
}

/// A waker whose destructor wakes another.
struct WakesWhenDropped(Arc<Mutex<(bool, Option<Waker>)>>);

impl Wake for WakesWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for WakesWhenDropped {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.0.lock().expect("unpoisoned");
            state.0 = true;
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Ends when the waker of a timer that it has dropped is dropped too, which a thread does at the latest before it sleeps.
async fn woken_by_a_destructor() {
    let state = Arc::new(Mutex::new((false, None)));
    let waker = Waker::from(Arc::new(WakesWhenDropped(Arc::clone(&state))));
    let mut hour = sleep(Duration::from_secs(3600));
    let polled = Pin::new(&mut hour).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    drop(waker);
    drop(hour);
    poll_fn(move |cx| {
        let mut state = state.lock().expect("unpoisoned");
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

#[test]
fn a_destructor_that_wakes_before_the_sleep_is_heard() {
    block_on(woken_by_a_destructor());
    block_on(async { spawn(woken_by_a_destructor()).await.expect("no panic") });
    let runtime = runtime(2);
    runtime.block_on(woken_by_a_destructor());
    runtime.block_on(async {
        spawn_local(woken_by_a_destructor())
            .await
            .expect("no panic");
        spawn(woken_by_a_destructor()).await.expect("no panic");
    });
}

/// First in, first out, also when there are more tasks than a ring holds, and over all kinds of them.
#[test]
fn an_overflow_keeps_the_order() {
    for before in [100, RING - 601, RING - 1, RING, RING + 1, 2000, 3 * RING] {
        let order = Arc::new(Mutex::new(Vec::new()));
        let put = |number: usize| {
            let order = Arc::clone(&order);
            async move { order.lock().expect("unpoisoned").push(number) }
        };
        block_on(async {
            for number in 0..before {
                drop(spawn(put(number)));
            }
            drop(spawn_local(put(before)));
            for number in before + 1..before + 600 {
                drop(spawn(put(number)));
            }
            yield_now().await;
            put(before + 600).await;
        });
        let order = order.lock().expect("unpoisoned");
        assert!(
            order.iter().copied().eq(0..=before + 600),
            "{before} before: {:?}",
            order.iter().zip(0..).find(|(found, due)| *found != due)
        );
    }
}

#[test]
fn a_runtime_in_a_thread_local_ends_with_its_thread() {
    thread_local! {
        static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    let alive = Arc::default();
    let counted = Counted::new(&alive);
    let thread = thread::spawn(move || {
        RUNTIME.with_borrow_mut(|slot| {
            let runtime = slot.insert(runtime(2));
            let _entered = runtime.enter();
            drop(spawn(async move {
                let _counted = counted;
                pending::<()>().await;
            }));
        });
    });
    thread.join().expect("no panic");
    assert_eq!(alive.load(SeqCst), 0);
}

/// Whatever the order in which guards are dropped, the youngest that is left counts, and none is left behind.
#[test]
fn guards_are_dropped_in_any_order() {
    let (one, other) = (runtime(1), runtime(2));
    let workers = || Handle::current().metrics().workers.len();
    let first = one.enter();
    let second = other.enter();
    let third = one.enter();
    assert_eq!(workers(), 1);
    drop(third);
    assert_eq!(workers(), 2);
    drop(first);
    assert_eq!(workers(), 2);
    drop(second);
    assert!(Handle::try_current().is_err());
}

/// The hook's panic is told of, and the thread goes on.
#[test]
fn a_hook_that_panics_ends_no_thread() {
    let runtime = Runtime::builder()
        .worker_threads(1)
        .on_thread_start(|| panic!("as the test wants it"))
        .on_thread_stop(|| panic!("as the test wants it"))
        .build()
        .expect("descriptors and threads");
    let (tell, told) = mpsc::channel();
    drop(runtime.spawn(async move { tell.send(()) }));
    told.recv_timeout(PATIENCE).expect("the task runs");
    let job = runtime.spawn_blocking(|| 7);
    assert_eq!(runtime.block_on(job).expect("the job runs"), 7);
    let report = runtime.shutdown(Instant::now() + PATIENCE);
    assert!(report.is_complete());
}

/// A blocking job that ends its own runtime does not wait for itself.
#[test]
fn a_job_that_ends_its_runtime_does_not_wait_for_itself() {
    let runtime = runtime(2);
    let handle = runtime.handle().clone();
    let start = Instant::now();
    let job = handle.spawn_blocking(move || runtime.shutdown(Instant::now() + PATIENCE));
    let report = handle.block_on(job).expect("no panic");
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    assert_eq!(report.blocking.len(), 1, "itself: {:?}", report.blocking);
}

/// When the runtime of a free `block_on` ends, so do the tasks that are pinned to its guests.
#[test]
fn the_end_of_block_on_ends_what_its_guests_have_pinned() {
    let alive = Arc::default();
    let counted = Counted::new(&alive);
    let guest = block_on(async {
        let handle = Handle::current();
        let (sits, has_sat) = mpsc::channel();
        let guest = thread::spawn(move || {
            handle.block_on(async move {
                let pinned = spawn_local(async move {
                    let _counted = counted;
                    pending::<()>().await;
                });
                sits.send(()).expect("the test waits");
                // It ends only by the end of the runtime.
                assert!(pinned.await.expect_err("cancelled").is_cancelled());
            });
        });
        has_sat.recv().expect("it sits");
        guest
    });
    guest.join().expect("no panic");
    assert_eq!(alive.load(SeqCst), 0);
}
