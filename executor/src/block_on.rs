//! [`block_on`]: from a thread into the runtime, and back with a result.

use crate::blocking::pool::Settings;
use crate::shared::Shared;
use crate::worker::{self, EVENT_INTERVAL, Seat, Worker};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use waterwheel_reactor::budget;

/// Runs a future to its end on this thread, with a runtime around it: tasks, timers and sockets.
///
/// The runtime lasts as long as the call. What has been spawned and is still alive when the future ends is dropped then, on this
/// thread; await its [`JoinHandle`](crate::JoinHandle) if it matters. Jobs of [`spawn_blocking`](crate::spawn_blocking) that
/// have not started are dropped too; those that run are not waited for, and finish in the background.
///
/// A handle, waker or timer that is kept longer than the call keeps the runtime's three descriptors open until it is dropped.
///
/// While the future and all tasks wait, the thread sleeps in `epoll_wait(2)`.
///
/// # Panics
///
/// - When called on a thread that is in a runtime already (inside a task, or inside another `block_on`): it would block
///   what it waits for.
/// - When the future panics, with its panic.
/// - When the kernel has no descriptors for an epoll instance, an eventfd and a timerfd.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{block_on, sleep, spawn};
///
/// let sum = block_on(async {
///     let two = spawn(async {
///         sleep(Duration::from_millis(1)).await;
///         2
///     });
///     1 + two.await.expect("the task does not panic")
/// });
/// assert_eq!(sum, 3);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    if worker::with_current(|current| current.is_some()) {
        nested();
    }
    let shared = match Shared::new(Settings::default()) {
        Ok(shared) => shared,
        Err(error) => panic!("`block_on` could not make a reactor: {error}"),
    };
    let main = Arc::new(MainWaker::new(Arc::clone(&shared)));
    let seat = Seat::take(shared);
    // Declared after the seat, so that it is dropped before that, while the runtime still stands.
    let future = pin!(future);
    run(seat.worker(), &main, future)
}

fn run<F: Future>(worker: &Worker, main: &Arc<MainWaker>, mut future: Pin<&mut F>) -> F::Output {
    let waker = Waker::from(Arc::clone(main));
    let mut cx = Context::from_waker(&waker);
    loop {
        for _ in 0..EVENT_INTERVAL {
            if main.take_turn(worker) {
                budget::refill();
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return output;
                }
            }
            if !worker.run_one() && !main.is_notified() {
                worker.park();
            }
        }
        worker.turn_now();
    }
}

#[cold]
#[track_caller]
fn nested() -> ! {
    panic!(
        "`block_on` was called inside a Waterwheel runtime, and would block the thread that drives what it waits for; \
         in async code write `future.await` instead, or `spawn(future)` to let it run beside"
    )
}

/// The waker of the future that `block_on` was given. That future is no task, but it has a place in the queue like
/// one: behind those who were queued before it was woken.
struct MainWaker {
    shared: Arc<Shared>,
    notified: AtomicBool,
    /// Its place in the queue. Written by the worker's thread alone, if that is who wakes it.
    place: AtomicU64,
}

impl MainWaker {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            notified: AtomicBool::new(true),
            place: AtomicU64::new(0),
        }
    }

    #[inline]
    fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    /// Whether it has been woken, and its turn has come; then it counts as not woken.
    #[inline]
    fn take_turn(&self, worker: &Worker) -> bool {
        self.is_notified()
            && self.place.load(Ordering::Relaxed) <= worker.place_now()
            && self.notified.swap(false, Ordering::AcqRel)
    }
}

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let near = worker::with_current(|current| match current {
            Some(worker) if Arc::ptr_eq(&worker.shared, &self.shared) => {
                if !self.is_notified() {
                    self.place.store(worker.next_place(), Ordering::Relaxed);
                }
                true
            }
            _ => false,
        });
        // An exchange even if it is notified: this wake must publish too.
        self.notified.swap(true, Ordering::AcqRel);
        if !near {
            self.shared.driver.reactor.unpark();
        }
    }
}
