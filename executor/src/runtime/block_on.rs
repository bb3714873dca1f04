//! [`block_on`]: from a thread into the runtime, and back with a result.

use crate::scheduler::forked::is_inherited;
use crate::scheduler::settings::Settings;
use crate::scheduler::shared::Shared;
use crate::scheduler::slot::Slot;
use crate::scheduler::worker::{self, Main, Placement, QueuePosition, Worker, WorkerGuard};
use crate::task::id::Running;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Runs a future to its end on this thread, with a runtime around it: tasks, timers and sockets.
///
/// The runtime has one worker, this thread's, and lasts as long as the call. What has been spawned and is still alive when the future ends is
/// dropped then, on this thread; await its [`JoinHandle`](crate::JoinHandle) if it matters. Jobs of
/// [`spawn_blocking`](crate::spawn_blocking) that have not started are dropped too; those that run are not waited for, and
/// finish in the background. For more threads, and for tasks that outlast the call, there is [`Runtime`](crate::Runtime).
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
    not_nested();
    let shared = match Shared::new(Settings::for_workers(1), true) {
        Ok(shared) => shared,
        Err(error) => panic!("`block_on` could not make a reactor: {error}"),
    };
    enter_and_run(shared, Placement::Slot(0), future)
}

/// The same in a runtime that is there: as its first worker, if nobody else is in `block_on`, or else as a guest.
#[track_caller]
pub(crate) fn block_on_in<F: Future>(shared: &Arc<Shared>, future: F) -> F::Output {
    shared.assert_here();
    not_nested();
    let placement = if shared.threads.claim_first(shared) {
        Placement::Slot(0)
    } else {
        Placement::Guest(Arc::new(Slot::for_guest(shared.clock())))
    };
    enter_and_run(Arc::clone(shared), placement, future)
}

fn enter_and_run<F: Future>(shared: Arc<Shared>, placement: Placement, future: F) -> F::Output {
    let _outer = Running::leave();
    let guard = WorkerGuard::take(shared, placement);
    // Declared after that, so that it is dropped before that, while the worker still stands.
    let future = pin!(future);
    let waker = Arc::new(MainWaker::new(Arc::clone(&guard.worker().slot)));
    guard.worker().run(&mut MainFuture {
        future,
        as_waker: Waker::from(Arc::clone(&waker)),
        waker,
        has_cleared: false,
    })
}

#[track_caller]
fn not_nested() {
    // In a child, the one that it was forked in drives nothing.
    if worker::with_current(|current| current.is_some() && !is_inherited(current)) {
        nested();
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

#[cold]
fn lost() -> ! {
    panic!(
        "a worker of this runtime has died, as the panic before this one tells, and what it had to do would never be done: \
         the runtime has ended"
    )
}

/// The future that `block_on` was given. It is no task, but it has a place in the queue like one: behind those who were queued
/// before it was woken.
struct MainFuture<'a, F> {
    future: Pin<&'a mut F>,
    waker: Arc<MainWaker>,
    as_waker: Waker,
    /// Whether the runtime has ended around it, and what was pinned here is gone. The future goes on all the same.
    has_cleared: bool,
}

impl<F: Future> Main for MainFuture<'_, F> {
    type Output = F::Output;

    #[inline]
    fn step(&mut self, worker: &Worker) -> ControlFlow<F::Output> {
        if self.waker.take_turn(worker) {
            worker.main_runs();
            let polled = self
                .future
                .as_mut()
                .poll(&mut Context::from_waker(&self.as_waker));
            if let Poll::Ready(output) = polled {
                return ControlFlow::Break(output);
            }
        }
        ControlFlow::Continue(())
    }

    fn turned(&mut self, worker: &Worker) -> ControlFlow<F::Output> {
        if worker.shared.is_closing() && !self.has_cleared {
            self.has_cleared = true;
            worker.retire();
            worker.shared.threads.cleared(&worker.local);
            if worker.shared.threads.has_lost_worker() {
                lost();
            }
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn is_due(&self) -> bool {
        self.waker.is_notified()
    }
}

/// The waker of a main future.
struct MainWaker {
    /// Where it runs. Its driver is what that thread sleeps in.
    slot: Arc<Slot>,
    notified: AtomicBool,
    /// Its place in the queue. Written by the worker's thread alone, if that is who wakes it.
    ring: AtomicU64,
    pinned: AtomicU64,
}

impl MainWaker {
    fn new(slot: Arc<Slot>) -> Self {
        Self {
            slot,
            notified: AtomicBool::new(true),
            ring: AtomicU64::new(0),
            pinned: AtomicU64::new(0),
        }
    }

    #[inline]
    fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    /// Whether it has been woken, and its turn has come; then it counts as not woken.
    #[inline]
    fn take_turn(&self, worker: &Worker) -> bool {
        if !self.is_notified() {
            return false;
        }
        let place = QueuePosition {
            ring: self.ring.load(Ordering::Relaxed),
            pinned: self.pinned.load(Ordering::Relaxed),
        };
        worker.is_turn_of(place) && self.notified.swap(false, Ordering::AcqRel)
    }
}

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let near = worker::with_current(|current| match current {
            Some(worker) if Arc::ptr_eq(&worker.slot, &self.slot) => {
                if !self.is_notified() {
                    let place = worker.next_place();
                    self.ring.store(place.ring, Ordering::Relaxed);
                    self.pinned.store(place.pinned, Ordering::Relaxed);
                }
                worker.main_woken();
                true
            }
            _ => false,
        });
        // An exchange even if it is notified: this wake must publish too.
        self.notified.swap(true, Ordering::AcqRel);
        if !near {
            self.slot.driver.reactor.unpark();
        }
    }
}
