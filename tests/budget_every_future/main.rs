//! No future that is always ready keeps its worker: a table of *every* future, stream and poll function that the project has.
//!
//! Each row awaits one in a loop, made so that it is ready each time, on as many tasks as there are workers. Beside
//! them a timer must fire, a socket echo, and an abort end them; a timeout around the loop must end it; and so as a main future and as a
//! pinned task. How often a loop comes round in one poll is counted: without the [budget] it would not end.
//!
//! A future that is missing from the table fails [`every_future_is_in_the_table`]: what there is, [`scan`] finds in the sources. Add a row
//! for it to [`table`].
//!
//! [budget]: waterwheel::poll_context::budget

mod busy;
mod scan;
mod table;

use busy::{Busy, Rounds};
use futures_util::future::{Either, select};
use std::collections::BTreeSet;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::LazyLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use table::{Kind, Row};
use waterwheel::net::UnixStream;
use waterwheel::poll_context::budget::{self, PER_POLL};
use waterwheel::time::IdleTimeout;
use waterwheel::{JoinHandle, Runtime, sleep, spawn, spawn_local, time, timeout};

/// How long a row may take that fails only by hanging. It is no bound on what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn every_future_is_in_the_table() {
    let found = scan::names();
    assert!(found.len() > 60, "the scan finds little: {found:?}");
    let rows: BTreeSet<String> = table::rows()
        .iter()
        .map(|row| row.name.to_owned())
        .collect();
    let missing: Vec<_> = found.difference(&rows).collect();
    assert!(
        missing.is_empty(),
        "these can be awaited or polled, and no row tests that they let others run: {missing:#?}; \
         add one for each to `tests/budget_every_future/table/`"
    );
    let unknown: Vec<_> = rows.difference(&found).collect();
    assert!(
        unknown.is_empty(),
        "there are rows of what is not there: {unknown:#?}"
    );
}

#[test]
fn beside_it_others_run_on_one_worker() {
    for_each_row(|row| beside(row, 1));
}

#[test]
fn beside_it_others_run_on_two_workers() {
    for_each_row(|row| beside(row, 2));
}

#[test]
fn beside_it_others_run_on_four_workers() {
    for_each_row(|row| beside(row, 4));
}

#[test]
fn as_the_main_future_it_lets_others_run() {
    for_each_row(|row| {
        let rounds = Rounds::new(row.label());
        let busy = Busy::new((row.start)(rounds.clone()), rounds.clone());
        let others = async move {
            others_run(row.kind).await;
            rounds.until_enough(row.kind).await;
            rounds.end();
        };
        let main = async {
            let others = spawn(others);
            busy.await;
            others.await.expect("no panic");
        };
        match row.kind {
            // By the short way, too.
            Kind::Ready | Kind::Once | Kind::Waits => waterwheel::block_on(main),
            Kind::Paused => runtime(row.kind, 1).block_on(main),
        }
    });
}

#[test]
fn as_a_pinned_task_it_lets_others_run() {
    for_each_row(|row| {
        runtime(row.kind, 1).block_on(async {
            let rounds = Rounds::new(row.label());
            let busy = spawn_local(Busy::new((row.start)(rounds.clone()), rounds.clone()));
            others_run(row.kind).await;
            rounds.until_enough(row.kind).await;
            is_aborted(busy).await;
        });
    });
}

/// By a timeout, by an idle timeout that watches it, and by a sleep that is polled after it.
#[test]
fn a_limit_on_time_ends_it() {
    const LIMIT: Duration = Duration::from_millis(2);
    for_each_row(|row| {
        if row.kind == Kind::Paused {
            // Time stands still while anything runs.
            return;
        }
        let busy = || {
            let rounds = Rounds::new(row.label());
            Busy::new((row.start)(rounds.clone()), rounds)
        };
        waterwheel::block_on(async {
            assert!(timeout(LIMIT, busy()).await.is_err());
            assert!(IdleTimeout::new(LIMIT).watch(busy()).await.is_err());
            let first = select(busy(), sleep(LIMIT)).await;
            assert!(matches!(first, Either::Right(_)));
        });
    });
}

/// Each on a thread of its own, and all of them, also when some fail.
fn for_each_row(test: impl Fn(&'static Row) + Copy + Send + 'static) {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(table::rows);
    let mut failed = Vec::new();
    for row in ROWS.iter() {
        let (done, is_done) = mpsc::channel();
        let tester = thread::spawn(move || {
            test(row);
            done.send(()).expect("the test waits");
        });
        match is_done.recv_timeout(PATIENCE) {
            Ok(()) => tester.join().expect("it is done"),
            // It has said why.
            Err(RecvTimeoutError::Disconnected) => failed.push(row.label()),
            Err(RecvTimeoutError::Timeout) => panic!("{} hangs", row.label()),
        }
    }
    assert!(
        failed.is_empty(),
        "these do not let others run: {failed:#?}"
    );
}

fn runtime(kind: Kind, workers: usize) -> Runtime {
    let mut builder = Runtime::builder();
    builder = builder.worker_threads(workers);
    if kind == Kind::Paused {
        builder = builder.paused_time();
    }
    builder.build().expect("a runtime")
}

/// As many busy tasks as there are workers, and then all else.
fn beside(row: &Row, workers: usize) {
    if row.kind == Kind::Paused && workers > 1 {
        // A paused runtime has one worker.
        return;
    }
    runtime(row.kind, workers).block_on(async {
        let copies = if row.alone { 1 } else { workers };
        let busy: Vec<_> = (0..copies)
            .map(|_| {
                let rounds = Rounds::new(row.label());
                let busy = Busy::new((row.start)(rounds.clone()), rounds.clone());
                (spawn(busy), rounds)
            })
            .collect();
        others_run(row.kind).await;
        for (_, rounds) in &busy {
            rounds.until_enough(row.kind).await;
        }
        // Each of them has been busy once. Once more, in the midst of it.
        others_run(row.kind).await;
        for (busy, _) in busy {
            is_aborted(busy).await;
        }
    });
}

/// A timer fires, a socket echoes, a task that hangs is aborted.
async fn others_run(kind: Kind) {
    let moment = Duration::from_millis(1);
    if kind == Kind::Paused {
        let sleeper = spawn(sleep(moment));
        time::advance(moment).await;
        sleeper.await.expect("no panic");
    } else {
        spawn(sleep(moment)).await.expect("no panic");
        sleep(moment).await;
    }
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let echo = spawn(async move {
        let mut byte = [0];
        theirs.read_exact(&mut byte).await?;
        theirs.write_all(&byte).await
    });
    let mut byte = [0];
    ours.write_all(b"x").await.expect("room");
    ours.read_exact(&mut byte).await.expect("an echo");
    assert_eq!(&byte, b"x");
    echo.await.expect("no panic").expect("an echo");
    is_aborted(spawn(pending::<()>())).await;
}

async fn is_aborted<T>(task: JoinHandle<T>) {
    task.abort();
    match task.await {
        Ok(_) => panic!("a loop without an end has ended"),
        Err(error) if error.is_cancelled() => {}
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Two futures in one task, of which the first spends all in each poll: the second gets on nevertheless, whatever it is.
#[test]
fn in_one_task_it_holds_up_no_other() {
    for_each_row(|row| {
        if !matches!(row.kind, Kind::Ready | Kind::Once) {
            return;
        }
        let greedy = Rounds::new("the greedy one".to_owned());
        let rounds = Rounds::new(row.label());
        let mut greedy = Box::pin(Busy::new(table::greedy(greedy.clone()), greedy));
        let mut busy = Box::pin(Busy::new((row.start)(rounds.clone()), rounds.clone()));
        waterwheel::block_on(poll_fn(|cx| {
            assert!(greedy.as_mut().poll(cx).is_pending());
            assert!(busy.as_mut().poll(cx).is_pending());
            match rounds.total() {
                0..10 => Poll::Pending,
                _ => Poll::Ready(()),
            }
        }));
    });
}

/// A program that polls by hand inside a task, as other crates' `block_on` does, gets on when the budget is spent.
#[test]
fn an_executor_inside_a_task_gets_on() {
    waterwheel::block_on(async {
        for _ in 0..PER_POLL {
            budget::consume().await;
        }
        assert!(budget::is_spent());
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let mut cx = Context::from_waker(Waker::noop());
        let mut write = pin!(ours.write_all(b"x"));
        assert!(write.as_mut().poll(&mut cx).is_pending(), "it gives way");
        assert!(write.as_mut().poll(&mut cx).is_ready(), "once");
        let mut sleep = pin!(sleep(Duration::ZERO));
        assert!(sleep.as_mut().poll(&mut cx).is_pending(), "it gives way");
        assert!(sleep.as_mut().poll(&mut cx).is_ready(), "once");
    });
}
