//! How many bytes a task takes that waits for ever, and whose future is empty: the runtime's own part of a task.

use super::GROUP;
use crate::allocator::Counter;
use crate::contest::{Contestant, Pace, Sample};
use crate::runtimes::{Monoio, OnThread, SmolLocal, Tasks, Tokio, TokioLocalSet, Waterwheel};
use crate::workloads::{Bound, Entry, Unit};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

/// The figure is the mean of so many.
const TASKS: u32 = 100_000;

/// So many are spawned before they are polled, so that no queue has to hold all.
const BATCH: u32 = 100;

pub(super) fn entry() -> Entry {
    Entry {
        group: GROUP,
        name: "idle_task",
        what: "the bytes in use for a task that waits for ever, the mean of 100,000 of them",
        unit: Unit::Bytes,
        pace: Pace::Single,
        quick: true,
        // The target beside tokio is of pages: what it loses by alignment, it does not ask for.
        bounds: vec![Bound::Absolute(112.0), Bound::Ratio("smol", 0.95)],
        contestants: || {
            Ok(vec![
                contestant::<Waterwheel>(),
                contestant::<Tokio>(),
                contestant::<TokioLocalSet>(),
                contestant::<SmolLocal>(),
                contestant::<Monoio>(),
            ])
        },
    }
}

/// Has a new runtime, on a new thread, for each sample: the tasks end with it.
fn contestant<R: OnThread>() -> Contestant {
    Contestant {
        name: R::NAME,
        measure: Box::new(|_| {
            let runtime = thread::spawn(|| R::block_on(sample::<R>()));
            runtime.join().expect("every task waits")
        }),
    }
}

async fn sample<R: Tasks>() -> Sample {
    let began = Instant::now();
    let mut handles = Vec::with_capacity(TASKS as usize);
    let counter = Counter::start();
    spawn_idle::<R>(TASKS, &mut handles).await;
    let bytes = counter.stop();
    handles.into_iter().for_each(R::detach);
    Sample::new(began.elapsed(), bytes as f64 / f64::from(TASKS))
}

/// Spawns so many tasks that wait for ever, and returns when all wait. Somebody must be interested in them: what nobody can wake or await
/// any more, a runtime may drop, and monoio does. So the handles are kept.
pub(super) async fn spawn_idle<R: Tasks>(tasks: u32, handles: &mut Vec<R::JoinHandle<()>>) {
    POLLED.store(0, Relaxed);
    for batch in 1..=tasks / BATCH {
        handles.extend((0..BATCH).map(|_| R::spawn(Idle)));
        poll_fn(|cx| poll_until_polled(batch * BATCH, cx)).await;
    }
}

/// How many have been polled. Not in the tasks, which are to be empty.
static POLLED: AtomicU32 = AtomicU32::new(0);
static MAIN: Mutex<Option<Waker>> = Mutex::new(None);

/// Ready when so many tasks have been polled, the last batch to its end.
fn poll_until_polled(tasks: u32, cx: &Context<'_>) -> Poll<()> {
    if POLLED.load(Relaxed) == tasks {
        return Poll::Ready(());
    }
    let mut main = MAIN.lock().expect("nobody panics with this lock");
    *main = Some(cx.waker().clone());
    Poll::Pending
}

struct Idle;

impl Future for Idle {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let before = POLLED.fetch_add(1, Relaxed);
        if (before + 1).is_multiple_of(BATCH) {
            let main = MAIN.lock().expect("nobody panics with this lock").take();
            main.expect("the main future waits for its batch").wake();
        }
        Poll::Pending
    }
}

/// Otherwise the tasks would be larger by it.
const _: () = assert!(size_of::<Idle>() == 0);
