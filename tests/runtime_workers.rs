//! Who sits where: the first `block_on` in the first worker, a second one as a guest, the runtime's own threads in the others; from where
//! a runtime can be reached, and where `block_on` is refused; what a builder's options do.

mod common;

use common::{eventually, threads_named};
use futures_util::future::poll_fn;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::{
    Handle, Runtime, block_on, sleep, spawn, spawn_blocking, spawn_local, task, yield_now,
};

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

fn here() -> ThreadId {
    thread::current().id()
}

/// What a panic says.
#[track_caller]
fn message_of<T>(panics: impl FnOnce() -> T) -> String {
    let payload = match catch_unwind(AssertUnwindSafe(panics)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => payload,
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_owned(),
    }
}

/// Somebody else has the first worker, as long as this is not dropped.
struct AtWork {
    over: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<thread::JoinHandle<()>>,
}

impl AtWork {
    fn on(runtime: &Runtime) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let (handle, theirs) = (runtime.handle().clone(), Arc::clone(&over));
        let thread = thread::spawn(move || {
            handle.block_on(poll_fn(|cx| {
                if theirs.load(Ordering::SeqCst) {
                    return Poll::Ready(());
                }
                // None: it has been told before.
                let _ = tell.send(cx.waker().clone());
                Poll::Pending
            }));
        });
        let waker = told.recv().unwrap();
        Self {
            over,
            waker,
            thread: Some(thread),
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.waker.wake_by_ref();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// In a runtime of one worker, which the main future has, its tasks run on its thread.
#[test]
fn the_first_block_on_has_the_first_worker() {
    let runtime = runtime(1);
    for _ in 0..100 {
        runtime.block_on(async {
            let main = here();
            assert_eq!(spawn(async { here() }).await.unwrap(), main);
            assert_eq!(spawn_local(async { here() }).await.unwrap(), main);
            sleep(Duration::from_micros(10)).await;
            assert_eq!(spawn(async { here() }).await.unwrap(), main);
        });
    }
}

/// In one of several, it is one of those who run tasks.
#[test]
fn the_thread_in_the_first_worker_runs_tasks() {
    let runtime = runtime(2);
    let all = Arc::new(Barrier::new(2));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let all = Arc::clone(&all);
                // Each waits in its poll for the other, so both workers run one.
                spawn(async move {
                    all.wait();
                    here()
                })
            })
            .collect();
        let mut threads = HashSet::new();
        for task in tasks {
            threads.insert(task.await.unwrap());
        }
        assert_eq!(threads.len(), 2);
        assert!(threads.contains(&here()));
    });
}

#[test]
fn what_was_spawned_goes_on_when_it_leaves() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel();
        let (address, local) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let serving = tell.clone();
            drop(spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                stream.write_all(b"x").await.unwrap();
                serving.send("served").unwrap();
            }));
            drop(spawn(async move {
                sleep(Duration::from_millis(5)).await;
                tell.send("slept").unwrap();
            }));
            let local = spawn_local(std::future::pending::<()>());
            // All have pended here.
            yield_now().await;
            (address, local)
        });
        let ended = block_on(local);
        assert!(
            ended.unwrap_err().is_cancelled(),
            "it was pinned to a thread that left"
        );
        let mut client = std::net::TcpStream::connect(address).unwrap();
        std::io::Read::read_exact(&mut client, &mut [0]).unwrap();
        let mut both = [told.recv().unwrap(), told.recv().unwrap()];
        both.sort_unstable();
        assert_eq!(both, ["served", "slept"]);
    }
}

#[test]
fn a_second_one_is_a_guest() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let seated = AtWork::on(&runtime);
        runtime.block_on(async {
            let guest = here();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = spawn(async move {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(b"hello").await.unwrap();
                let mut answer = [0; 5];
                stream.read_exact(&mut answer).await.unwrap();
                (answer, here())
            });
            let (stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            stream.write_all(&hello).await.unwrap();
            let (answer, worker) = client.await.unwrap();
            assert_eq!(&answer, b"hello");
            assert_ne!(worker, guest, "what it spawns runs in the workers");
            // What is pinned runs here.
            let not_send = Rc::new(5);
            let pinned = spawn_local(async move {
                sleep(Duration::from_millis(1)).await;
                (*not_send, here())
            });
            assert_eq!(pinned.await.unwrap(), (5, guest));
            assert_eq!(spawn_blocking(|| 6).await.unwrap(), 6);
            let timeout =
                waterwheel::timeout(Duration::from_millis(1), std::future::pending::<()>());
            assert!(timeout.await.is_err());
        });
        drop(seated);
        // The next has the worker again.
        if workers == 1 {
            let guest_or_main = runtime.block_on(async { spawn(async { here() }).await });
            guest_or_main.unwrap();
        }
    }
}

#[test]
fn a_runtime_of_one_worker_works_without_block_on() {
    let runtime = runtime(1);
    let (tell, told) = mpsc::channel();
    for _ in 0..1_000 {
        let tell = tell.clone();
        drop(runtime.spawn(async move {
            let task = spawn(async {
                sleep(Duration::from_micros(1)).await;
                here()
            });
            tell.send(task.await.unwrap()).unwrap();
        }));
    }
    drop(tell);
    let threads: HashSet<_> = told.iter().collect();
    assert_eq!(threads.len(), 1, "there is one worker");
    assert!(!threads.contains(&here()));
}

/// All workers sleep, and one thread brings more than any of them has room for.
#[test]
fn a_burst_from_outside_into_a_runtime_that_sleeps() {
    for workers in [1, 2, 8] {
        let runtime = runtime(workers);
        for _ in 0..10 {
            let (tell, told) = mpsc::channel();
            thread::sleep(Duration::from_millis(2));
            for number in 0..3_000_u64 {
                let tell = tell.clone();
                drop(runtime.spawn(async move { tell.send(number).unwrap() }));
            }
            drop(tell);
            assert_eq!(told.iter().sum::<u64>(), 2_999 * 3_000 / 2);
        }
    }
}

#[test]
fn handles_reach_it_from_other_threads() {
    let runtime = runtime(2);
    let handle = runtime.handle().clone();
    let thread = thread::spawn(move || {
        let task = handle.spawn(async { Handle::current().metrics().workers.len() });
        assert_eq!(handle.block_on(task).unwrap(), 2);
        let job = handle.spawn_blocking(|| Handle::try_current().is_err());
        assert!(handle.block_on(job).unwrap(), "a job is outside");
        handle.block_on(async {
            assert_eq!(Handle::current().metrics().workers.len(), 2);
        });
    });
    thread.join().unwrap();
}

#[test]
fn current_is_what_was_entered_last_or_else_where_we_are() {
    const WHAT: &str = "`Handle::current` was called outside a Waterwheel runtime; call it inside `block_on` or a task, \
                        or enter a runtime with `Handle::enter` before";
    let workers = || Handle::current().metrics().workers.len();
    assert_eq!(Handle::try_current().unwrap_err().to_string(), WHAT);
    assert_eq!(message_of(Handle::current), WHAT);
    let (two, three) = (runtime(2), runtime(3));
    {
        let _two = two.enter();
        assert_eq!(workers(), 2);
        {
            let _three = three.handle().enter();
            assert_eq!(workers(), 3);
            let again = two.enter();
            assert_eq!(workers(), 2);
            drop(again);
            assert_eq!(workers(), 3);
        }
        assert_eq!(workers(), 2);
        // To enter is not to be inside: `block_on` is allowed, and what is entered comes first in it.
        block_on(async {
            assert_eq!(workers(), 2);
            let _three = three.enter();
            assert_eq!(workers(), 3);
        });
        assert_eq!(three.block_on(async { workers() }), 2);
    }
    assert!(Handle::try_current().is_err());
    assert_eq!(block_on(async { workers() }), 1);
    assert_eq!(
        two.block_on(async { spawn(async move { workers() }).await.unwrap() }),
        2
    );
    // Another thread has entered nothing.
    let _two = two.enter();
    assert!(
        thread::spawn(|| Handle::try_current().is_err())
            .join()
            .unwrap()
    );
}

#[test]
fn what_is_entered_is_where_spawn_goes() {
    let (one, two) = (runtime(1), runtime(2));
    let workers = async || Handle::current().metrics().workers.len();
    {
        let _two = two.enter();
        let task = spawn(async move { workers().await });
        assert_eq!(one.block_on(task).unwrap(), 2);
        assert_eq!(one.block_on(spawn_blocking(|| 3)).unwrap(), 3);
        // Nothing is polled on this thread.
        let message = message_of(|| spawn_local(async {}));
        assert!(
            message.starts_with("`spawn_local` was called outside"),
            "{message}"
        );
    }
    let message = message_of(|| spawn(async {}));
    assert!(
        message.starts_with("`spawn` was called outside"),
        "{message}"
    );
}

#[test]
fn block_on_inside_is_refused_and_says_what_to_write() {
    #[track_caller]
    fn check(runtime: &Handle) {
        type Operation<'a> = &'a dyn Fn();
        let calls: [(&str, Operation<'_>); 2] = [
            ("block_on", &|| block_on(async {})),
            ("Handle::block_on", &|| runtime.block_on(async {})),
        ];
        for (name, call) in calls {
            let message = message_of(call);
            assert!(
                message.contains("inside a Waterwheel runtime"),
                "{name}: {message}"
            );
            assert!(message.contains("`future.await`"), "{name}: {message}");
            assert!(message.contains("`spawn(future)`"), "{name}: {message}");
        }
    }
    let (runtime, other) = (runtime(2), runtime(1));
    for runtime in [&runtime, &other] {
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            // In the main future.
            check(&handle);
            let message = message_of(|| runtime.block_on(async {}));
            assert!(message.contains("`future.await`"), "{message}");
            // In tasks, of both kinds.
            let theirs = handle.clone();
            spawn(async move { check(&theirs) }).await.unwrap();
            let theirs = handle.clone();
            spawn_local(async move { check(&theirs) }).await.unwrap();
            // In a destructor.
            let theirs = handle.clone();
            let dropping = spawn_local(async move {
                struct CheckOnDrop(Handle);
                impl Drop for CheckOnDrop {
                    fn drop(&mut self) {
                        check(&self.0);
                    }
                }
                let _check = CheckOnDrop(theirs);
            });
            dropping.await.unwrap();
            // It goes on.
            yield_now().await;
        });
        // On a worker, and as a guest.
        let theirs = handle.clone();
        block_on(handle.spawn(async move { check(&theirs) })).unwrap();
        let _seated = AtWork::on(runtime);
        runtime.block_on(async { check(&handle) });
    }
    // In another runtime, too.
    let handle = other.handle().clone();
    runtime.block_on(async { check(&handle) });
    block_on(async { check(&handle) });
    // But not in a job.
    let handle = other.handle().clone();
    let job = runtime.spawn_blocking(move || {
        block_on(async {});
        handle.block_on(async { 7 })
    });
    assert_eq!(block_on(job).unwrap(), 7);
}

#[test]
fn a_panic_of_the_main_future_leaves_the_runtime() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let task = runtime.spawn(async {
            sleep(Duration::from_millis(2)).await;
            8
        });
        assert_eq!(
            message_of(|| runtime.block_on(async { panic!("dry") })),
            "dry"
        );
        assert_eq!(runtime.block_on(task).unwrap(), 8);
        let seated = AtWork::on(&runtime);
        // As a guest.
        assert_eq!(
            message_of(|| runtime.block_on(async { panic!("dry") })),
            "dry"
        );
        drop(seated);
        assert_eq!(
            runtime.block_on(async { spawn(async { 9 }).await.unwrap() }),
            9
        );
    }
}

#[test]
fn thread_name_is_what_the_kernel_shows() {
    let runtime = Runtime::builder()
        .worker_threads(4)
        .thread_name("ww-mill-with-a-long-name")
        .build()
        .unwrap();
    // The workers but the first, and the spare. A thread gives itself its name.
    eventually("four threads of that name", || {
        threads_named("ww-mill-with-a-") == 4
    });
    let name = runtime.spawn(async { thread::current().name().map(str::to_owned) });
    assert_eq!(
        block_on(name).unwrap().as_deref(),
        Some("ww-mill-with-a-long-name")
    );
    drop(runtime);
    eventually("they have ended", || threads_named("ww-mill-with-a-") == 0);
    let _default = Runtime::builder().worker_threads(3).build().unwrap();
    eventually("others of the default name", || {
        threads_named("waterwheel-work") >= 3
    });
}

/// Touches so much of the stack, a page at a time.
#[inline(never)]
fn use_stack(bytes: usize) -> u64 {
    let page = std::hint::black_box([1_u8; 4096]);
    let own = u64::from(page[bytes % 4096]);
    if bytes <= 8192 {
        own
    } else {
        own + use_stack(bytes - 8192)
    }
}

/// More than the two megabytes that a thread has if it is not told otherwise.
#[test]
fn thread_stack_size_can_be_used() {
    const SIZE: usize = 64 << 20;
    let runtime = Runtime::builder()
        .worker_threads(1)
        .thread_stack_size(SIZE)
        .build()
        .unwrap();
    // Each call needs 4096 bytes and something, and counts as twice that.
    let task = runtime.spawn(async { use_stack(SIZE / 2) });
    assert!(block_on(task).unwrap() > 0);
    let job = runtime.spawn_blocking(|| use_stack(SIZE / 2));
    assert!(block_on(job).unwrap() > 0);
}

#[test]
fn max_blocking_threads_is_kept() {
    const MOST: usize = 3;
    let runtime = Runtime::builder()
        .worker_threads(1)
        .max_blocking_threads(MOST)
        .build()
        .unwrap();
    // As many as that run together, or none would end.
    let all = Arc::new(Barrier::new(MOST));
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let jobs: Vec<_> = (0..20 * MOST)
        .map(|_| {
            let (all, at_once, most) = (Arc::clone(&all), Arc::clone(&at_once), Arc::clone(&most));
            runtime.spawn_blocking(move || {
                most.fetch_max(1 + at_once.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                all.wait();
                at_once.fetch_sub(1, Ordering::SeqCst);
            })
        })
        .collect();
    for job in jobs {
        block_on(job).unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), MOST);
    assert_eq!(runtime.metrics().blocking_threads, MOST);
}

/// At most so many polls between two turns. It may be fewer, where polls take long.
#[test]
fn event_interval_is_kept() {
    const POLLS: u64 = 20_000;
    for (interval, turns) in [
        (1, POLLS - 1..u64::MAX),
        (7, POLLS / 7 - 1..u64::MAX),
        (1_000_000, 0..100),
    ] {
        let runtime = Runtime::builder()
            .worker_threads(1)
            .event_interval(interval)
            .build()
            .unwrap();
        let turned = runtime.block_on(async {
            let before = runtime.metrics().workers[0].turns;
            for _ in 0..POLLS {
                yield_now().await;
            }
            runtime.metrics().workers[0].turns - before
        });
        assert!(
            turns.contains(&turned),
            "{turned} turns, interval {interval}"
        );
    }
}

#[test]
fn hooks_run_on_each_thread() {
    let started = Arc::new(Mutex::new(HashSet::new()));
    let stopped = Arc::new(Mutex::new(HashSet::new()));
    let (starts, stops) = (Arc::clone(&started), Arc::clone(&stopped));
    let runtime = Runtime::builder()
        .worker_threads(3)
        .max_blocking_threads(2)
        .on_thread_start(move || assert!(starts.lock().unwrap().insert(here())))
        .on_thread_stop(move || assert!(stops.lock().unwrap().insert(here())))
        .build()
        .unwrap();
    // Two workers, and the spare.
    eventually("three have started", || started.lock().unwrap().len() == 3);
    let all = Arc::new(Barrier::new(2));
    let jobs = [(); 2].map(|()| {
        let all = Arc::clone(&all);
        runtime.spawn_blocking(move || {
            all.wait();
        })
    });
    // Not this one's.
    runtime.block_on(async {
        for job in jobs {
            job.await.unwrap();
        }
    });
    assert_eq!(started.lock().unwrap().len(), 5);
    assert!(!started.lock().unwrap().contains(&here()));
    assert!(stopped.lock().unwrap().is_empty());
    drop(runtime);
    eventually("five have stopped", || stopped.lock().unwrap().len() == 5);
    assert_eq!(*stopped.lock().unwrap(), *started.lock().unwrap());
}

#[test]
fn on_task_panic_is_told_who_and_of_what() {
    type Told = (task::Id, Option<String>, u32, String, ThreadId);
    let told = Arc::new(Mutex::new(Vec::<Told>::new()));
    let list = Arc::clone(&told);
    let runtime = Runtime::builder()
        .worker_threads(2)
        .on_task_panic(move |panic| {
            let payload = panic.payload().downcast_ref::<&str>().expect("a message");
            list.lock().unwrap().push((
                panic.id(),
                panic.name().map(str::to_owned),
                panic.location().line(),
                (*payload).to_owned(),
                here(),
            ));
            if *payload == "and the hook" {
                panic!("the hook itself");
            }
        })
        .build()
        .unwrap();
    let take = || std::mem::take(&mut *told.lock().unwrap());
    runtime.block_on(async {
        let (tell, ran_on) = mpsc::channel();
        let pump = task::Builder::new().name("pump");
        let ran = tell.clone();
        let line = line!() + 1;
        let task = pump.spawn(async move {
            ran.send(here()).unwrap();
            panic!("dry")
        });
        let id = task.id();
        assert!(task.await.unwrap_err().is_panic());
        let name = Some("pump".to_owned());
        // Told before the handle is.
        assert_eq!(
            take(),
            [(id, name, line, "dry".to_owned(), ran_on.recv().unwrap())]
        );

        let line = line!() + 1;
        let pinned = spawn_local(async { panic!("pinned") });
        let id = pinned.id();
        assert!(pinned.await.unwrap_err().is_panic());
        assert_eq!(take(), [(id, None, line, "pinned".to_owned(), here())]);

        let line = line!() + 1;
        let job = spawn_blocking(move || {
            tell.send(here()).unwrap();
            panic!("a job");
        });
        let id = job.id();
        assert!(job.await.unwrap_err().is_panic());
        assert_eq!(
            take(),
            [(id, None, line, "a job".to_owned(), ran_on.recv().unwrap())]
        );

        // Neither a cancelled task nor the hook's own panic is one of them.
        let cancelled = spawn(std::future::pending::<()>());
        cancelled.abort();
        assert!(cancelled.await.unwrap_err().is_cancelled());
        assert!(take().is_empty());
        let both = spawn(async { panic!("and the hook") });
        assert_eq!(
            both.await.unwrap_err().to_string(),
            "the task panicked: and the hook"
        );
        assert_eq!(take().len(), 1);
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1, "the worker lives on");
    });
}

#[test]
fn worker_threads_is_how_many_there_are() {
    for workers in [1, 2, 5] {
        assert_eq!(runtime(workers).metrics().workers.len(), workers);
    }
    let processors = thread::available_parallelism().unwrap().get();
    assert_eq!(Runtime::new().unwrap().metrics().workers.len(), processors);
}

#[test]
fn bad_values_are_refused_and_named() {
    let builder = Runtime::builder;
    let cases = [
        (
            message_of(|| builder().worker_threads(0)),
            "`worker_threads(0)` was asked for; a runtime needs one worker at least",
        ),
        (
            message_of(|| builder().worker_threads(32_768)),
            "`worker_threads(32768)` was asked for; a runtime has 32767 workers at most",
        ),
        (
            message_of(|| builder().thread_name("a\0b")),
            "`thread_name(\"a\\0b\")` was asked for; the name of a thread has no null byte",
        ),
        (
            message_of(|| builder().max_blocking_threads(0)),
            "`max_blocking_threads(0)` was asked for; blocking jobs need one thread at least",
        ),
        (
            message_of(|| builder().event_interval(0)),
            "`event_interval(0)` was asked for; a worker must poll something between two turns",
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(message, expected);
    }
}
