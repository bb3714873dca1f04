//! Many wakes by a thread that is not in the runtime, of tasks that wait for it.

use super::{Bound, Described, Part, Workload};
use crate::countdown::Countdown;
use crate::runtimes::FromOutside;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const TASKS: u32 = 1_000;

pub(crate) struct WakeForeign;

impl Described for WakeForeign {
    const WHAT: &'static str =
        "a thread outside the runtime wakes 1,000 tasks, and waits until the last has run";
    const OPERATIONS: u32 = TASKS;
    const ON_THREAD: Part = Part {
        name: "wake_foreign",
        bounds: &[Bound::Ratio("tokio", 0.35)],
    };
    const ON_WORKERS: Part = Part {
        name: "wake_foreign_2",
        bounds: &[Bound::Ratio("tokio", 0.75)],
    };
}

impl<R: FromOutside> Workload<R> for WakeForeign {
    /// The clock is the foreign thread's, which begins when all tasks wait.
    async fn measure(iterations: u32) -> Duration {
        let bell = Arc::new(Bell::new());
        let (countdown, all_listen) = Countdown::new(TASKS as usize);
        let listen = |place: u32| {
            let (bell, countdown) = (Arc::clone(&bell), Arc::clone(&countdown));
            R::spawn(async move {
                poll_fn(|cx| bell.poll_enter(place, cx)).await;
                countdown.done(1);
                drop(countdown);
                for ring in 1..=iterations {
                    poll_fn(|_| bell.poll_ring(ring)).await;
                    bell.heard();
                }
            })
        };
        let tasks: Vec<_> = (0..TASKS).map(listen).collect();
        drop(countdown);
        all_listen.await.expect("every task comes to listen");
        let (told, took) = oneshot::channel();
        let foreign = thread::spawn(move || {
            let began = Instant::now();
            for ring in 1..=iterations {
                bell.ring(ring);
            }
            told.send(began.elapsed()).expect("the main future waits");
        });
        for task in tasks {
            R::join(task).await;
        }
        let took = took.await;
        foreign.join().expect("the thread ends well");
        took.expect("the thread has told")
    }
}

/// What the thread rings and the tasks listen to.
struct Bell {
    /// How often it was rung.
    rung: AtomicU32,
    /// How many have not heard the last ring.
    deaf: AtomicU32,
    ringer: OnceLock<Thread>,
    listeners: Vec<OnceLock<Waker>>,
}

impl Bell {
    fn new() -> Self {
        Self {
            rung: AtomicU32::new(0),
            deaf: AtomicU32::new(0),
            ringer: OnceLock::new(),
            listeners: (0..TASKS).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Stores the waker of a task, which stays good for its life.
    fn poll_enter(&self, place: u32, cx: &Context<'_>) -> Poll<()> {
        let first = self.listeners[place as usize].set(cx.waker().clone());
        first.expect("each task has its own place");
        Poll::Ready(())
    }

    fn poll_ring(&self, ring: u32) -> Poll<()> {
        let rung = self.rung.load(Ordering::Acquire);
        assert!(rung <= ring, "a ring was not heard");
        if rung == ring {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn heard(&self) {
        if self.deaf.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ringer.get().expect("it has rung").unpark();
        }
    }

    /// Wakes everybody, and waits until all have heard.
    fn ring(&self, ring: u32) {
        self.ringer.get_or_init(thread::current);
        self.deaf.store(TASKS, Ordering::Relaxed);
        self.rung.store(ring, Ordering::Release);
        for listener in &self.listeners {
            listener.get().expect("every task listens").wake_by_ref();
        }
        while self.deaf.load(Ordering::Acquire) > 0 {
            thread::park();
        }
    }
}
