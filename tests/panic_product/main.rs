//! Panics, cancellations, handles, kinds of tasks and workers: each combination of them drops everything once, and tells what it should.
//!
//! One task is run, of which everything is counted: polls, the future, its output, the wakers. The axes, in the terms of `case.rs`:
//!
//! | axis | |
//! |---|---|
//! | what panics | nothing, the last poll, the future's destructor, the output's, the waker of who awaits |
//! | cancelled | never, before the first poll, during it, after it |
//! | the handle | kept until after the runtime, dropped before the first poll, dropped after the task's end, awaited |
//! | the task | shared (`spawn`), pinned (`spawn_local`) |
//! | workers | 1, 2 |
//!
//! *Before*, *during* and *after* are seen from the task's first poll. Before: the task is queued, and the thread that will run it is held
//! up until it has been cancelled. During: from within the poll, by an `AbortHandle` of its own, or by another thread, which the poll waits
//! for. After: the worker has returned from the poll. As a first poll may end the task or pend, and these differ, a combination is run in both
//! ways, and in both ways of «during». A task that has pended and is not cancelled is woken, and ends by its second poll.
//!
//! On two workers the task is spawned, and polled first, on the second, by a task that sits there; who cancels, wakes, awaits and drops the
//! handle is the main future, on the first. It holds up its own thread until the first poll is over, so that no worker steals the task before.
//!
//! What must come of a case is in `Case::expected`, with the reasons. Beside that, in each: a pinned future is dropped where it was
//! polled; as many wakers are dropped as were made; the hook for panics is told of a panic once; the worker runs what is spawned after that; the
//! runtime ends with nothing left; a wake after that does nothing; and all descriptors are closed, so that no task has leaked, as each
//! keeps its runtime.

#[path = "../common/mod.rs"]
mod common;

mod case;
mod subject;

use case::{By, Cancel, Case, FirstPoll, Handle, Panic, Told};
use futures_util::future::poll_fn;
use std::any::Any;
use std::future::Future;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, Once, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use subject::{Again, Held, Ledger, Output, Subject, Thrown, foreign_waker, lock};
use waterwheel::{JoinError, JoinHandle, Runtime, spawn, spawn_local, timeout, yield_now};

/// How long anything is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The case that is run, should the process be aborted.
static RUNNING: Mutex<String> = Mutex::new(String::new());

/// Descriptors are counted, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn be_silent_about_what_is_thrown() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if !info.payload().is::<Thrown>() && !info.payload().is::<Again>() {
                eprintln!("while running: {}", lock(&RUNNING));
                tell(info);
            }
        }));
    });
}

#[test]
fn each_combination_drops_everything_once_and_tells_what_it_should() {
    run_all("combinations", &Panic::BASE, 320);
}

/// The destructor of a waker, pairs of panics, and payloads that panic when they are dropped.
#[test]
fn so_does_each_with_panics_of_a_second_kind() {
    run_all("combinations of a second kind", &Panic::MORE, 384);
}

fn run_all(what: &str, panics: &[Panic], count: usize) {
    let _alone = lock(&ALONE);
    be_silent_about_what_is_thrown();
    // Whatever the process makes for good, it makes now.
    Runtime::builder()
        .worker_threads(2)
        .build()
        .unwrap()
        .block_on(async {});
    let combinations = case::combinations(panics);
    assert_eq!(combinations.len(), count);
    let (mut runs, mut wrong) = (0, Vec::new());
    for &case in combinations.iter().flatten() {
        *lock(&RUNNING) = case.to_string();
        let began = Instant::now();
        if let Err(complaints) = run(case) {
            wrong.push(format!("{case}:\n  {}", complaints.join("\n  ")));
        }
        runs += 1;
        if began.elapsed() >= PATIENCE {
            // Something has been waited for in vain, as it would be in many others.
            wrong.push(format!("{case}: has taken {:?}", began.elapsed()));
            break;
        }
    }
    // Not by `println!`: it is told also where the output of tests that pass is not shown.
    writeln!(
        io::stdout(),
        "{count} {what}, {runs} runs: {} wrong",
        wrong.len()
    )
    .expect("stdout");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is not as it should be.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn check<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: T, should_be: T) {
        if is != should_be {
            self.0
                .push(format!("{what}: {is:?}, should be {should_be:?}"));
        }
    }
}

fn run(case: Case) -> Result<(), Vec<String>> {
    let descriptors = common::descriptors();
    let ledger = Ledger::new(case);
    let expected = case.expected();
    let mut complaints = Complaints::default();
    let for_hook = Arc::clone(&ledger);
    let runtime = Runtime::builder()
        .worker_threads(case.workers)
        .on_task_panic(move |_| for_hook.hook_is_called())
        .build()
        .expect("a runtime");

    let mut played = runtime.block_on(play(case, &ledger, &runtime, &mut complaints));
    let report = runtime.shutdown(Instant::now() + PATIENCE);
    complaints.check("the runtime has ended", report.is_complete(), true);
    complaints.check("tasks at its end", report.tasks.len(), 0);

    if let Some(mut kept) = played.handle.take() {
        let polled = Pin::new(&mut kept).poll(&mut Context::from_waker(Waker::noop()));
        played.told = match polled {
            Poll::Ready(result) => Some(told(result)),
            Poll::Pending => None,
        };
    }
    let should_tell = case.is_heard().then_some(expected.end);
    complaints.check("the handle tells", played.told, should_tell);
    // A wake that comes too late, where there is a waker still.
    if let Some(late) = lock(&ledger.task_waker).take() {
        late.wake();
    }
    drop(lock(&ledger.own_abort).take());
    ledger.disarm_waker();
    drop(played.waker);
    drop(lock(&ledger.main).take());

    let is_panic = matches!(expected.end, Told::Panic(_));
    let counts = [
        ("polls", &ledger.polls, expected.polls),
        ("futures dropped", &ledger.futures_dropped, 1),
        ("outputs made", &ledger.outputs_made, expected.made),
        (
            "outputs delivered",
            &ledger.outputs_delivered,
            expected.delivered,
        ),
        ("outputs dropped", &ledger.outputs_dropped, expected.dropped),
        ("woken", &ledger.woken, expected.woken),
        (
            "wakers dropped",
            &ledger.wakers_dropped,
            ledger.wakers_made.get(),
        ),
        (
            "calls of the hook",
            &ledger.told_to_hook,
            usize::from(is_panic),
        ),
    ];
    for (what, count, should_be) in counts {
        complaints.check(what, count.get(), should_be);
    }
    if case.pinned {
        let home = Some(played.spawned_on);
        complaints.check(
            "a pinned future is dropped on",
            *lock(&ledger.dropped_on),
            home,
        );
    }
    let deadline = Instant::now() + PATIENCE;
    while common::descriptors() != descriptors && Instant::now() < deadline {
        thread::yield_now();
    }
    complaints.check("descriptors", common::descriptors(), descriptors);
    complaints.check("ledgers", Arc::strong_count(&ledger), 1);
    match complaints.0 {
        none if none.is_empty() => Ok(()),
        some => Err(some),
    }
}

/// What is left of it when the main future ends.
struct Played {
    handle: Option<JoinHandle<Output>>,
    told: Option<Told>,
    /// The test's own foreign waker.
    waker: Waker,
    spawned_on: thread::ThreadId,
}

/// The main future: has the task spawned, and does to it what the case says.
async fn play(
    case: Case,
    ledger: &Arc<Ledger>,
    runtime: &Runtime,
    complaints: &mut Complaints,
) -> Played {
    poll_fn(|cx| {
        *lock(&ledger.main) = Some(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    let waker = foreign_waker(ledger);
    let (held, canceller) = match case.cancel {
        Cancel::During(By::Thread) => {
            let (is_polled, polled) = mpsc::sync_channel(1);
            let (go_on, may_go_on) = mpsc::sync_channel(1);
            let held = Held {
                is_polled,
                may_go_on,
            };
            (Some(held), Some((polled, go_on)))
        }
        _ => (None, None),
    };

    // The task is spawned on its worker, whose thread is then held up until it has been seen to.
    let (give_handle, handle) = mpsc::sync_channel(1);
    let (let_it_run, may_run) = mpsc::sync_channel::<()>(1);
    let (tell_polled, polled_once) = mpsc::sync_channel::<()>(1);
    let for_worker = Arc::clone(ledger);
    let on_worker = move || {
        let handle = spawn_subject(case.pinned, for_worker, held);
        give_handle.send((handle, thread::current().id())).unwrap();
    };
    let for_worker = Arc::clone(ledger);
    let second = if case.workers == 2 {
        Some(runtime.handle().spawn_on_worker(1, async move {
            on_worker();
            may_run.recv().unwrap();
            first_poll_is_over(&for_worker).await;
            tell_polled.send(()).unwrap();
        }))
    } else {
        on_worker();
        None
    };
    let (mut handle, spawned_on) = {
        let (handle, thread) = handle.recv().unwrap();
        (Some(handle), thread)
    };
    let abort = handle.as_ref().unwrap().abort_handle();
    let canceller = canceller.map(|(polled, go_on)| {
        let abort = abort.clone();
        thread::spawn(move || {
            if polled.recv().is_ok() {
                abort.abort();
                go_on.send(()).unwrap();
            }
        })
    });
    if case.cancel == Cancel::During(By::Itself) {
        *lock(&ledger.own_abort) = Some(abort.clone());
    }

    if case.leaves_waker() {
        let handle = Pin::new(handle.as_mut().unwrap());
        let pends = handle.poll(&mut Context::from_waker(&waker)).is_pending();
        complaints.check("the handle pends before the task runs", pends, true);
    }
    if case.handle == Handle::DroppedBefore {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(handle.take())));
        complaints.check("to drop the handle panics", dropped.map_err(place), Ok(()));
    }
    if case.cancel == Cancel::Before {
        abort.abort();
    }

    match second {
        Some(second) => {
            let_it_run.send(()).unwrap();
            // Not awaited: this worker is not to steal.
            polled_once.recv().unwrap();
            second.await.expect("who spawned it does not panic");
        }
        None => first_poll_is_over(ledger).await,
    }
    if case.cancel == Cancel::After {
        abort.abort();
    } else if case.cancel == Cancel::Never && case.first_poll == FirstPoll::Pends {
        let task = lock(&ledger.task_waker).take();
        task.expect("it has pended").wake();
    }

    let mut told = None;
    if case.handle == Handle::Awaited {
        let mut handle = handle.take().unwrap();
        let cx = &mut Context::from_waker(&waker);
        let result = poll_fn(|_| Pin::new(&mut handle).poll(cx));
        told = timeout(PATIENCE, result).await.ok().map(self::told);
    } else {
        let deadline = Instant::now() + PATIENCE;
        while !abort.is_finished() && Instant::now() < deadline {
            yield_now().await;
        }
    }
    complaints.check("the task has ended", abort.is_finished(), true);
    if case.handle == Handle::DroppedAfter {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(handle.take())));
        complaints.check("to drop the handle panics", dropped.map_err(place), Ok(()));
    }
    if let Some(canceller) = canceller {
        canceller.join().expect("who cancels does not panic");
    }
    let lives_on = if case.workers == 2 {
        let probe = runtime.handle().spawn_on_worker(1, probe());
        probe.await.is_ok_and(|lives| lives)
    } else {
        probe().await
    };
    complaints.check("the worker lives on", lives_on, true);
    Played {
        handle,
        told,
        waker,
        spawned_on,
    }
}

/// Waits, on the task's thread, until its first poll is over: who is polled here, when it has begun, is polled after that.
async fn first_poll_is_over(ledger: &Ledger) {
    let deadline = Instant::now() + PATIENCE;
    while ledger.polls.get() + ledger.futures_dropped.get() == 0 {
        assert!(Instant::now() < deadline, "neither polled nor dropped");
        yield_now().await;
    }
}

fn spawn_subject(pinned: bool, ledger: Arc<Ledger>, held: Option<Held>) -> JoinHandle<Output> {
    if pinned {
        spawn_local(Subject {
            ledger,
            held,
            marker: PhantomData::<Rc<()>>,
        })
    } else {
        spawn(Subject {
            ledger,
            held,
            marker: PhantomData::<()>,
        })
    }
}

/// Whether this worker runs what is spawned.
async fn probe() -> bool {
    let (shared, pinned) = (spawn(async { 1 }), spawn_local(async { 2 }));
    matches!((shared.await, pinned.await), (Ok(1), Ok(2)))
}

/// What the result says, which is taken care of.
fn told(result: Result<Output, JoinError>) -> Told {
    match result {
        Ok(output) => {
            output.arrive();
            Told::Value
        }
        Err(error) if error.is_cancelled() => Told::Cancelled,
        Err(error) => Told::Panic(place(error.into_panic())),
    }
}

fn place(payload: Box<dyn Any + Send>) -> case::Place {
    match payload.downcast::<Thrown>() {
        Ok(mut thrown) => thrown.caught(),
        Err(_) => panic!("another panic than the case's"),
    }
}
