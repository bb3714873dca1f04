//! The kernel refuses threads for a while: what waits for them gets them as soon as it gives some, and what cannot wait is an error that
//! says so. A test of its own process: it takes the process's address space away, so that there is none for a stack.

mod common;

use common::{Count, eventually, threads_named};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};
use std::{fs, mem, thread};
use waterwheel::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use waterwheel::{AbortHandle, Handle, JoinHandle, Runtime, block_on, spawn, task, timeout};

/// As the kernel shows the name of the pool's threads.
const POOL: &str = "waterwheel-bloc";

/// Sets how much address space the process may have, in bytes. Gives the limit that was.
fn limit_address_space(bytes: libc::rlim_t) -> libc::rlim_t {
    // SAFETY: plain data, for which zeros are a value.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a place of that type.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) }, 0);
    let before = mem::replace(&mut limit.rlim_cur, bytes);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    before
}

/// While it lives, no thread can be started.
struct NoThreads(libc::rlim_t);

impl NoThreads {
    fn new() -> Self {
        Self::with(STACK)
    }

    /// None with a stack of that size, if the C library has not kept one.
    fn with(stack: usize) -> Self {
        let status = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: libc::rlim_t = status.split(' ').next().unwrap().parse().unwrap();
        let before = limit_address_space(pages * 4096 + (stack as libc::rlim_t) / 2);
        Self(before)
    }
}

impl Drop for NoThreads {
    fn drop(&mut self) {
        limit_address_space(self.0);
    }
}

/// Of each of the runtime's threads. The C library keeps 40 MiB of stacks for the next threads; larger ones it gives back.
const STACK: usize = 64 << 20;

type Scenario = fn(&Runtime);

fn runtime(workers: usize) -> Runtime {
    let builder = Runtime::builder()
        .worker_threads(workers)
        .thread_stack_size(STACK);
    started(builder.build().unwrap(), workers)
}

/// Its threads sit: they need memory for that.
fn started(runtime: Runtime, workers: usize) -> Runtime {
    let sit: Vec<_> = (1..workers)
        .map(|worker| runtime.handle().spawn_on_worker(worker, async {}))
        .collect();
    for task in sit {
        runtime.block_on(task).unwrap();
    }
    runtime
}

/// A job that has started, and waits for `others` jobs to have begun.
fn busy(runtime: &Handle, all: &Arc<Barrier>) -> JoinHandle<()> {
    let (start, started) = mpsc::channel();
    let all = Arc::clone(all);
    let job = runtime.spawn_blocking(move || {
        start.send(()).unwrap();
        all.wait();
    });
    started.recv().unwrap();
    job
}

fn waits(runtime: &Handle, all: &Arc<Barrier>) -> JoinHandle<()> {
    let all = Arc::clone(all);
    runtime.spawn_blocking(move || {
        all.wait();
    })
}

/// Blocks this thread, and no longer than a minute, until a job is done.
#[track_caller]
fn await_blocking(jobs: &[JoinHandle<()>]) {
    eventually("all jobs have had a thread", || {
        jobs.iter().all(JoinHandle::is_finished)
    });
}

/// The thread that there is waits for the job that was refused one. Nothing happens but that the kernel relents.
fn a_worker_asks_again(runtime: &Runtime) {
    let all = Arc::new(Barrier::new(4));
    let (first, others) = runtime.block_on(async {
        let handle = Handle::current();
        let first = busy(&handle, &all);
        let refused = NoThreads::new();
        let others: Vec<_> = (0..3).map(|_| waits(&handle, &all)).collect();
        drop(refused);
        (first, others)
    });
    let all = async {
        first.await.unwrap();
        for job in others {
            job.await.unwrap();
        }
    };
    let all = runtime.block_on(async { timeout(Duration::from_secs(60), all).await });
    all.expect("somebody has asked again");
}

/// The same, asked for by a thread that is no worker, while nobody is in `block_on` and all workers sleep.
fn also_from_outside(runtime: &Runtime) {
    let all = Arc::new(Barrier::new(3));
    let first = busy(runtime.handle(), &all);
    // Long enough for workers to fall asleep, as a rule; if not, it shows less.
    thread::sleep(Duration::from_millis(20));
    let refused = NoThreads::new();
    let others = [0, 1].map(|_| waits(runtime.handle(), &all));
    drop(refused);
    await_blocking(&others);
    await_blocking(&[first]);
}

/// The same while somebody is in `block_on`, and sleeps there.
fn also_from_outside_a_block_on(runtime: &Runtime) {
    struct WakesWhenDropped(AbortHandle);
    impl Drop for WakesWhenDropped {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let sleeps = runtime.spawn(std::future::pending::<()>());
    let wakes = WakesWhenDropped(sleeps.abort_handle());
    thread::scope(|scope| {
        scope.spawn(move || {
            let _wakes = wakes;
            also_from_outside(runtime);
        });
        assert!(runtime.block_on(sleeps).unwrap_err().is_cancelled());
    });
}

/// No worker asks: the only one is blocked. A job that is pushed does, for all.
fn a_job_that_comes_asks_again(runtime: &Runtime) {
    runtime.block_on(async {
        let handle = Handle::current();
        let all = Arc::new(Barrier::new(5));
        let first = busy(&handle, &all);
        let refused = NoThreads::new();
        let mut jobs: Vec<_> = (0..3).map(|_| waits(&handle, &all)).collect();
        drop(refused);
        jobs.push(waits(&handle, &all));
        jobs.push(first);
        await_blocking(&jobs);
    });
}

/// Nor does a job come. One that ends asks: its thread takes one of those that wait for each other, and starts one for the other.
fn a_job_that_ends_asks_again(runtime: &Runtime) {
    runtime.block_on(async {
        let handle = Handle::current();
        let release = Arc::new(Barrier::new(2));
        let first = busy(&handle, &release);
        let all = Arc::new(Barrier::new(3));
        let refused = NoThreads::new();
        let jobs: Vec<_> = (0..3).map(|_| waits(&handle, &all)).collect();
        drop(refused);
        release.wait();
        await_blocking(&jobs);
        await_blocking(&[first]);
    });
}

/// Refused for long, the jobs are done by the threads that there are, and the workers do not spin meanwhile.
fn the_threads_that_there_are_go_on(runtime: &Runtime) {
    runtime.block_on(async {
        let handle = Handle::current();
        let release = Arc::new(Barrier::new(2));
        let first = busy(&handle, &release);
        let refused = NoThreads::new();
        let ran = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..100)
            .map(|number| {
                let ran = Arc::clone(&ran);
                handle.spawn_blocking(move || {
                    assert_eq!(ran.fetch_add(1, Ordering::SeqCst), number, "in order");
                })
            })
            .collect();
        let parks = || -> u64 {
            let workers = handle.metrics().workers;
            workers.iter().map(|worker| worker.parks).sum()
        };
        let (before, start) = (parks(), Instant::now());
        waterwheel::sleep(Duration::from_millis(300)).await;
        let asked = (start.elapsed().as_millis() / 20) as u64;
        let most = (asked + 10) * handle.workers() as u64 * 2;
        assert!(parks() - before <= most, "{} parks", parks() - before);
        release.wait();
        first.await.unwrap();
        for job in jobs {
            job.await.unwrap();
        }
        drop(refused);
    });
}

/// Aborted jobs need no thread any more.
fn an_aborted_job_asks_for_nothing(runtime: &Runtime) {
    runtime.block_on(async {
        let handle = Handle::current();
        let release = Arc::new(Barrier::new(2));
        let first = busy(&handle, &release);
        let threads = threads_named(POOL);
        let refused = NoThreads::new();
        let jobs: Vec<_> = (0..10).map(|_| waits(&handle, &release)).collect();
        for job in &jobs {
            job.abort();
        }
        drop(refused);
        // Many attempts later.
        waterwheel::sleep(Duration::from_millis(100)).await;
        assert_eq!(threads_named(POOL), threads);
        release.wait();
        first.await.unwrap();
        for job in jobs {
            assert!(job.await.unwrap_err().is_cancelled());
        }
    });
}

/// Its pool is busy, and so its clock stands still, which does not keep a worker from asking again.
fn also_where_time_is_paused() {
    for workers in [1, 2] {
        let builder = Runtime::builder()
            .worker_threads(workers)
            .thread_stack_size(STACK)
            .paused_time();
        let runtime = builder.build().unwrap();
        eventually("its threads sit", || {
            runtime.metrics().workers.len() == workers
        });
        also_from_outside_a_block_on(&runtime);
    }
}

/// Without a thread, the caller learns of it, and is the task that it was.
fn who_gets_none_stays_who_it_is(workers: usize) {
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&panics);
    let builder = Runtime::builder()
        .worker_threads(workers)
        .thread_stack_size(STACK)
        .on_task_panic(move |panic| {
            assert_eq!(panic.name(), None);
            counted.fetch_add(1, Ordering::SeqCst);
        });
    let runtime = started(builder.build().unwrap(), workers);
    runtime.block_on(async {
        let none = || {
            let held = Count::default();
            let guard = held.guard();
            let payload = catch_unwind(AssertUnwindSafe(|| {
                let named = task::Builder::new().name("in vain");
                drop(named.spawn_blocking(move || drop(guard)));
            }));
            let payload = payload.expect_err("it panics");
            let message = payload.downcast_ref::<String>().expect("a message");
            assert!(message.contains("`spawn_blocking`"), "{message}");
            assert!(message.contains("ulimit -u"), "{message}");
            assert_eq!(held.dropped(), 1);

            let (held, guard) = (held.clone(), held.guard());
            let handle = Handle::current();
            let error = handle.try_spawn_blocking(move || drop(guard)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other);
            assert!(error.to_string().contains("ulimit -u"), "{error}");
            let source = error.source().and_then(|source| source.downcast_ref());
            let kernels = source.and_then(io::Error::raw_os_error);
            assert_eq!(kernels, Some(libc::EAGAIN));
            assert_eq!(held.dropped(), 2);

            // The destructor of what the closure holds sees the job's id, and its panic stays there.
            struct PanicsWhenDropped(Option<task::Id>);
            impl Drop for PanicsWhenDropped {
                fn drop(&mut self) {
                    assert_ne!(task::try_id(), self.0);
                    panic!("in the destructor of a job that cannot start");
                }
            }
            let panics = PanicsWhenDropped(task::try_id());
            let error = handle.try_spawn_blocking(move || drop(panics)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other);
        };
        let refused = NoThreads::new();
        none();
        assert_eq!(task::try_id(), None, "the main future is no task");
        drop(refused);
        let task = spawn(async move {
            let mine = task::id();
            let refused = NoThreads::new();
            none();
            drop(refused);
            assert_eq!(task::id(), mine);
            mine
        });
        let id = task.id();
        assert_eq!(task.await.unwrap(), id);
    });
    assert_eq!(panics.load(Ordering::SeqCst), 2);
    assert_eq!(runtime.metrics().tasks_alive, 0);
}

/// What looks names up by a thread of the pool fails by an error. An address needs no thread.
fn names_cannot_be_looked_up(workers: usize) {
    let runtime = runtime(workers);
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let name = format!("localhost:{port}");
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let refused = NoThreads::new();
        let failures = [
            ("TcpStream::connect", TcpStream::connect(&name).await.err()),
            (
                "TcpStream::connect",
                TcpStream::connect(("localhost", port)).await.err(),
            ),
            (
                "TcpStream::connect_timeout",
                TcpStream::connect_timeout(&name, Duration::from_secs(60))
                    .await
                    .err(),
            ),
            (
                "TcpListener::bind",
                TcpListener::bind("localhost:0").await.err(),
            ),
            (
                "UdpSocket::bind",
                UdpSocket::bind("localhost:0").await.err(),
            ),
            ("UdpSocket::connect", socket.connect(&name).await.err()),
            ("lookup_host", lookup_host(&name).await.err()),
        ];
        for (call, failure) in failures {
            let error = failure.unwrap_or_else(|| panic!("`{call}` has looked a name up"));
            let message = error.to_string();
            assert_eq!(error.kind(), ErrorKind::Other, "{call}: {message}");
            for part in [
                call,
                "`localhost`",
                "os error 11",
                "ulimit -u",
                "IP address",
            ] {
                assert!(message.contains(part), "{part}: {message}");
            }
        }
        TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert_eq!(lookup_host(("127.0.0.1", port)).await.unwrap().len(), 1);
        drop(refused);
        TcpStream::connect(&name).await.unwrap();
    });
}

/// One test: it is the process's limit.
#[test]
fn threads_are_refused_for_a_while() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        if !message.contains("cannot start") && !message.contains("could not start a thread") {
            eprintln!("{panic}");
        }
    }));
    {
        // What is allocated once, is allocated now; and the premise.
        let runtime = runtime(1);
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        let refused = NoThreads::new();
        let builder = thread::Builder::new().stack_size(STACK);
        assert!(builder.spawn(|| ()).is_err());
        drop(refused);
    }
    for workers in [1, 2, 4] {
        println!("{workers} workers");
        let scenarios: [(&str, Scenario); 7] = [
            ("a worker asks again", a_worker_asks_again),
            ("also from outside", also_from_outside),
            ("also from outside a block_on", also_from_outside_a_block_on),
            ("a job that comes asks again", a_job_that_comes_asks_again),
            ("a job that ends asks again", a_job_that_ends_asks_again),
            (
                "the threads that there are go on",
                the_threads_that_there_are_go_on,
            ),
            (
                "an aborted job asks for nothing",
                an_aborted_job_asks_for_nothing,
            ),
        ];
        for (name, scenario) in scenarios {
            println!("{name}");
            scenario(&runtime(workers));
            eventually("no thread is left", || threads_named(POOL) == 0);
        }
        who_gets_none_stays_who_it_is(workers);
        names_cannot_be_looked_up(workers);
    }
    also_where_time_is_paused();
    // The short way: what the worker's own thread asks for, it makes up for.
    block_on(async {
        let handle = Handle::current();
        let all = Arc::new(Barrier::new(2));
        let first = busy(&handle, &all);
        let refused = NoThreads::with(2 << 20);
        let second = waits(&handle, &all);
        drop(refused);
        first.await.unwrap();
        second.await.unwrap();
    });
}
