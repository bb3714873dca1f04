//! Each task of the process has a number that no other has, on whatever thread and runtime, and knows it. It has a name if it was given one.

use std::collections::HashSet;
use std::future::pending;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Instant;
use waterwheel::{
    Handle, JoinSet, Runtime, block_on, spawn, spawn_blocking, spawn_local, task, yield_now,
};

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

/// Several runtimes, spawned on from outside, by their own workers, and by threads that come and go.
#[test]
fn ids_are_unique_across_threads_and_runtimes() {
    const EACH: usize = 3_000;
    let runtimes = [runtime(1), runtime(2), runtime(4)];
    let ids = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for runtime in &runtimes {
            for _ in 0..3 {
                scope.spawn(|| {
                    let outside: Vec<_> = (0..EACH).map(|_| runtime.spawn(async {}).id()).collect();
                    ids.lock().unwrap().extend(outside);
                });
            }
            scope.spawn(|| {
                for _ in 0..20 {
                    let inside = thread::scope(|scope| {
                        let theirs = scope.spawn(|| {
                            runtime.block_on(async {
                                let make = async || {
                                    (0..EACH / 20)
                                        .map(|_| spawn(async {}).id())
                                        .collect::<Vec<_>>()
                                };
                                let mut ids = make().await;
                                ids.extend(spawn(async move { make().await }).await.unwrap());
                                ids
                            })
                        });
                        theirs.join().unwrap()
                    });
                    ids.lock().unwrap().extend(inside);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..100 {
                ids.lock()
                    .unwrap()
                    .push(block_on(async { spawn_local(async {}).id() }));
            }
        });
    });
    let ids = ids.into_inner().unwrap();
    // A task that makes others has one, too, which is not in the list.
    assert_eq!(ids.len(), 3 * 3 * EACH + 3 * 20 * 2 * (EACH / 20) + 100);
    let unique: HashSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
}

#[test]
fn a_task_knows_its_id() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        runtime.block_on(async {
            assert!(task::try_id().is_none(), "the main future is no task");
            let shared = spawn(async {
                let first = task::id();
                for _ in 0..100 {
                    yield_now().await;
                    assert_eq!(task::id(), first);
                }
                // Another's does not stay.
                let inner = spawn_local(async { task::id() });
                let inner_id = inner.id();
                assert_eq!(inner.await.unwrap(), inner_id);
                assert_ne!(inner_id, first);
                assert_eq!(task::try_id(), Some(first));
                first
            });
            let id = shared.id();
            assert_eq!(shared.abort_handle().id(), id);
            assert_eq!(shared.await.unwrap(), id);
            let job = spawn_blocking(task::id);
            let id = job.id();
            assert_eq!(job.await.unwrap(), id, "a job is a task");
            let mut set = JoinSet::new();
            let id = set.spawn(async { task::id() }).id();
            assert_eq!(set.join_next().await.unwrap().unwrap(), id);
            assert!(task::try_id().is_none());
        });
    }
    assert!(task::try_id().is_none());
}

#[test]
fn outside_there_is_none() {
    let check = || {
        let payload = catch_unwind(task::id).unwrap_err();
        let message = payload.downcast::<String>().map_or_else(
            |payload| (*payload.downcast::<&str>().unwrap()).to_owned(),
            |message| *message,
        );
        assert!(
            message.contains("`task::id` was called outside a task"),
            "{message}"
        );
        assert!(message.contains("`task::try_id`"), "{message}");
    };
    check();
    block_on(async { check() });
    runtime(2).block_on(async { check() });
}

/// Says whose destructor it is.
struct IdOnDrop(mpsc::Sender<task::Id>);

impl Drop for IdOnDrop {
    fn drop(&mut self) {
        self.0.send(task::id()).unwrap();
    }
}

/// The future's destructor is its task's code, whoever runs it: here, a task of another runtime, which is itself again afterwards.
#[test]
fn a_destructor_knows_whose_it_is() {
    let (tell, told) = mpsc::channel();
    let outer = runtime(2);
    let inner = runtime(2);
    let dropping = IdOnDrop(tell);
    let task = inner.spawn(async move {
        let _dropping = dropping;
        pending::<()>().await;
    });
    let ending = outer.spawn(async move {
        let before = task::id();
        drop(inner);
        assert_eq!(task::id(), before);
        before
    });
    let id = ending.id();
    assert_eq!(block_on(ending).unwrap(), id);
    assert_eq!(told.recv().unwrap(), task.id());
}

#[test]
fn ids_are_printed_as_numbers_and_ordered() {
    block_on(async {
        let (first, second) = (spawn(async {}).id(), spawn(async {}).id());
        // On one thread they grow.
        assert!(first < second);
        let number: u64 = first.to_string().parse().unwrap();
        assert!(number > 0);
        assert_eq!(format!("{first:?}"), format!("Id({number})"));
    });
}

/// Names need not be unique, nor of any form; those that have none have none.
#[test]
fn names_are_what_was_given() {
    let panicked = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&panicked);
    let runtime = Runtime::builder()
        .worker_threads(2)
        .on_task_panic(move |panic| {
            let named = (panic.id(), panic.name().map(str::to_owned));
            list.lock().unwrap().push(named);
        })
        .build()
        .unwrap();
    let long = "long ".repeat(1_000);
    let names = ["pump", "pump", "", "Wasserrad 水車", &long];
    let mut expected = Vec::new();
    for name in names {
        let spawns = task::Builder::new()
            .name(name)
            .spawn_on(async { panic!() }, runtime.handle());
        expected.push((spawns.id(), Some(name.to_owned())));
        assert!(block_on::<_>(spawns).unwrap_err().is_panic());
    }
    let nameless = task::Builder::new().spawn_on(async { panic!() }, runtime.handle());
    expected.push((nameless.id(), None));
    assert!(block_on::<_>(nameless).unwrap_err().is_panic());
    assert_eq!(*panicked.lock().unwrap(), expected);

    // A builder can be used for several, and each kind has its name.
    let builder = task::Builder::new().name("many");
    runtime.block_on(async {
        let handle = Handle::current();
        drop(builder.clone().spawn(pending::<()>()));
        drop(builder.clone().spawn_on(pending::<()>(), &handle));
        let pinned = builder.clone();
        drop(spawn(async move {
            let _pinned = pinned.spawn_local(pending::<()>());
            pending::<()>().await;
        }));
        let (go, gone) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let job = builder.clone().spawn_blocking(move || {
            tell.send(()).unwrap();
            let _ = gone.recv();
        });
        told.recv().unwrap();
        drop(go);
        job.await.unwrap();
    });
    let report = runtime.shutdown(Instant::now());
    let named = report
        .tasks
        .iter()
        .filter(|task| task.name.as_deref() == Some("many"));
    assert!(named.count() >= 2, "{report:?}");
}
