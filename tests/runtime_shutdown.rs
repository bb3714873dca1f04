//! A runtime ends when it is told to, whatever it is doing, and tells what it was doing.

mod common;

use common::{Count, Guard, Random, eventually, rounds};
use futures_util::future::poll_fn;
use std::future::{Future, pending};
use std::panic::Location;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::executor::{ShutdownReport, TaskInfo};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::{
    Handle, JoinHandle, Runtime, block_on, sleep, spawn, spawn_blocking, spawn_local, task,
    yield_now,
};

const SEED: u64 = 0x5d07_d0e4;

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

/// A deadline that nothing here comes near to, unless it hangs.
fn late() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Whether the runtime's end has begun: a task that does not end by itself has ended at once.
fn takes_no_more(runtime: &Handle) -> bool {
    let task = runtime.spawn(pending::<()>());
    let refused = task.is_finished();
    task.abort();
    refused
}

#[track_caller]
fn assert_cancelled<T: std::fmt::Debug>(handle: JoinHandle<T>) {
    assert!(handle.is_finished(), "it would have to be waited for");
    assert!(block_on(handle).unwrap_err().is_cancelled());
}

/// A server, its clients, and what else a program does. All of it counts its futures, and what it has done.
#[derive(Clone, Default)]
struct Busy {
    futures: Count,
    done: Arc<AtomicUsize>,
}

impl Busy {
    fn did(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) -> JoinHandle<()> {
        let guard = self.futures.guard();
        spawn(async move {
            let _guard = guard;
            future.await;
        })
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let busy = self.clone();
            drop(self.spawn(async move {
                let mut buffer = [0; 64];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                    busy.did();
                }
            }));
        }
    }

    async fn client(self, address: std::net::SocketAddr) {
        let Ok(stream) = TcpStream::connect(address).await else {
            return;
        };
        loop {
            let mut answer = [0; 5];
            if stream.write_all(b"hello").await.is_err()
                || stream.read_exact(&mut answer).await.is_err()
            {
                return;
            }
            assert_eq!(&answer, b"hello");
            self.did();
        }
    }

    async fn timers(self) {
        loop {
            sleep(Duration::from_micros(100)).await;
            let _ = waterwheel::timeout(Duration::from_micros(50), pending::<()>()).await;
            self.did();
        }
    }

    async fn spawner(self) {
        loop {
            let busy = self.clone();
            let child = self.spawn(async move {
                yield_now().await;
                busy.did();
            });
            let guard = self.futures.guard();
            let pinned = spawn_local(async move {
                let _guard = guard;
                let _not_send = Rc::new(());
                yield_now().await;
            });
            // An error: the runtime ends.
            if child.await.is_err() || pinned.await.is_err() {
                return;
            }
        }
    }

    async fn jobs(self) {
        loop {
            let guard = self.futures.guard();
            let busy = self.clone();
            let job = spawn_blocking(move || {
                let _guard: Guard = guard;
                thread::yield_now();
                busy.did();
            });
            if job.await.is_err() {
                return;
            }
        }
    }

    async fn run(self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(self.spawn(self.clone().serve(listener)));
        for _ in 0..3 {
            drop(self.spawn(self.clone().client(address)));
        }
        drop(self.spawn(self.clone().timers()));
        drop(self.spawn(self.clone().spawner()));
        drop(self.spawn(self.clone().jobs()));
    }
}

#[test]
fn at_any_instant_of_a_busy_server() {
    println!("seed {SEED:#x}");
    let mut random = Random(SEED);
    for number in 0..rounds(1_000, 100) {
        let runtime = runtime(1 + number % 4);
        let busy = Busy::default();
        let enough = random.below(300) as usize;
        drop(runtime.spawn(busy.clone().run()));
        let until = || busy.done.load(Ordering::SeqCst) < enough;
        let sit = random.below(3);
        let report = thread::scope(|scope| {
            if sit == 0 {
                // In the first worker, or, if the spare thread cannot leave it, as a guest; until the runtime ends.
                let handle = runtime.handle().clone();
                scope.spawn(move || {
                    let waiting = handle.spawn(pending::<()>());
                    assert!(handle.block_on(waiting).unwrap_err().is_cancelled());
                });
            }
            if sit == 1 {
                runtime.block_on(async {
                    while until() {
                        yield_now().await;
                    }
                });
            }
            while until() {
                thread::yield_now();
            }
            runtime.shutdown(late())
        });
        assert!(report.is_complete(), "round {number}: {report:?}");
        let count = &busy.futures;
        assert_eq!(
            count.dropped(),
            count.made(),
            "round {number}, seed {SEED:#x}"
        );
    }
}

fn info<'a>(list: &'a [TaskInfo], name: &str) -> &'a TaskInfo {
    let mut named = list
        .iter()
        .filter(|task| task.name.as_deref() == Some(name));
    let found = named
        .next()
        .unwrap_or_else(|| panic!("no {name} in {list:?}"));
    assert!(named.next().is_none(), "{name} is there twice");
    found
}

#[track_caller]
fn assert_here(info: &TaskInfo, line: u32) {
    let here = Location::caller();
    assert_eq!(
        (info.location.file(), info.location.line()),
        (here.file(), line)
    );
}

#[test]
fn the_report_names_what_was_alive() {
    let runtime = runtime(2);
    let ended = runtime.spawn(async {});
    runtime.block_on(ended).unwrap();
    let (tell, told) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let plain_line = line!() + 1;
    let plain = runtime.spawn(pending::<()>());
    let (named, pump_line, pinned, pinned_line) = runtime.block_on(async {
        let pump = task::Builder::new().name("pump");
        let pump_line = line!() + 1;
        let pump = pump.spawn(pending::<()>());
        let inner = task::Builder::new().name("pinned");
        let inner_line = line!() + 1;
        let pinned = spawn(async move {
            let line = line!() + 1;
            let pinned = inner.spawn_local(pending::<()>());
            tell.send((pinned.id(), line)).unwrap();
            pinned.await
        });
        (pump, pump_line, pinned, inner_line)
    });
    let (inner_id, inner_line) = told.recv().unwrap();
    let on = task::Builder::new()
        .name("on")
        .spawn_on(sleep(Duration::MAX), runtime.handle());
    let (begin, begun) = mpsc::channel();
    let job = {
        let _entered = runtime.enter();
        task::Builder::new().name("job").spawn_blocking(move || {
            begin.send(()).unwrap();
            gone.recv().is_err()
        })
    };
    // One that a thread has taken and not begun yet would be dropped, and not told of as running.
    begun.recv().unwrap();
    let (started, starts) = mpsc::channel();
    let job_line = line!() + 1;
    let plain_job = runtime.spawn_blocking(move || started.send(()).is_ok());
    starts.recv().unwrap();
    assert!(block_on(plain_job).unwrap());

    let report = runtime.shutdown(Instant::now() + Duration::from_millis(1));
    assert_eq!(info(&report.tasks, "pump").id, named.id());
    assert_here(info(&report.tasks, "pump"), pump_line);
    assert_eq!(info(&report.tasks, "on").id, on.id());
    assert_eq!(info(&report.tasks, "pinned").id, inner_id);
    assert_here(info(&report.tasks, "pinned"), inner_line);
    let nameless: Vec<_> = report
        .tasks
        .iter()
        .filter(|task| task.name.is_none())
        .collect();
    assert_eq!(nameless.len(), 2, "{report:?}");
    let of_plain = nameless.iter().find(|task| task.id == plain.id()).unwrap();
    assert_here(of_plain, plain_line);
    let of_pinned = nameless.iter().find(|task| task.id == pinned.id()).unwrap();
    assert_here(of_pinned, pinned_line);
    assert_eq!(report.tasks.len(), 5, "jobs are told of apart: {report:?}");
    assert_eq!(info(&report.blocking, "job").id, job.id());
    assert!(
        report
            .blocking
            .iter()
            .all(|job| job.location.line() != job_line),
        "it has ended"
    );
    assert!(!report.is_complete());
    drop(go);
    assert!(block_on(job).unwrap(), "it goes on in the background");
}

/// What has been awaited is not alive.
/// Jobs that have not started are dropped and named, those that run are named apart, and those that were aborted before are not.
#[test]
fn the_report_names_jobs_that_have_not_started() {
    for workers in [1, 2, 4] {
        let builder = Runtime::builder().worker_threads(workers);
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        let (begin, begun) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let runs = runtime.spawn_blocking(move || {
            begin.send(()).unwrap();
            gone.recv().is_err()
        });
        begun.recv().unwrap();
        let count = Count::default();
        let waits = |guard: Guard| move || drop(guard);
        let line = line!() + 1;
        let plain = runtime.spawn_blocking(waits(count.guard()));
        let _entered = runtime.enter();
        let name = |name: &str| task::Builder::new().name(name);
        let named = name("named").spawn_blocking(waits(count.guard()));
        name("aborted").spawn_blocking(waits(count.guard())).abort();
        let many: Vec<_> = (0..1000)
            .map(|_| name("one of many").spawn_blocking(waits(count.guard())))
            .collect();
        let task = name("task").spawn(pending::<()>());

        let report = runtime.shutdown(Instant::now());
        assert_eq!(report.tasks.len(), 1, "{:?}", report.tasks);
        assert_eq!(info(&report.tasks, "task").id, task.id());
        assert_eq!(report.blocking.len(), 1);
        assert_eq!(report.blocking[0].id, runs.id());
        assert_eq!(report.unstarted.len(), 2 + many.len());
        assert_eq!(info(&report.unstarted, "named").id, named.id());
        let of_plain = report.unstarted.iter().find(|job| job.id == plain.id());
        assert_here(of_plain.unwrap(), line);
        for job in &many {
            assert!(report.unstarted.iter().any(|info| info.id == job.id()));
        }
        assert!(!report.is_complete(), "one runs");
        assert_eq!(count.dropped(), count.made(), "here and now");
        assert_cancelled(named);
        assert_cancelled(plain);
        // What is spawned from here on has never waited.
        let late = Handle::current().spawn_blocking(|| ());
        assert!(block_on(late).unwrap_err().is_cancelled());
        drop(go);
        assert!(block_on(runs).unwrap());
    }
}

/// Jobs start, end and are dropped while the runtime ends: each has run, or is in the report.
#[test]
fn a_job_has_run_or_the_report_names_it() {
    for workers in [1, 2, 4] {
        for round in 0..rounds(500, 60) {
            let builder = Runtime::builder().worker_threads(workers);
            let runtime = builder.max_blocking_threads(2).build().unwrap();
            let ran = Arc::new(AtomicUsize::new(0));
            let jobs: Vec<_> = (0..50)
                .map(|_| {
                    let ran = Arc::clone(&ran);
                    runtime.spawn_blocking(move || ran.fetch_add(1, Ordering::SeqCst))
                })
                .collect();
            for _ in 0..round % 20 {
                thread::yield_now();
            }
            let report = runtime.shutdown(late());
            assert!(report.is_complete(), "{report:?}");
            let mut cancelled = Vec::new();
            for job in jobs {
                let id = job.id();
                match block_on(job) {
                    Ok(_) => {}
                    Err(error) => {
                        assert!(error.is_cancelled());
                        cancelled.push(id);
                    }
                }
            }
            assert_eq!(ran.load(Ordering::SeqCst) + cancelled.len(), 50);
            let mut named: Vec<_> = report.unstarted.iter().map(|job| job.id).collect();
            named.sort();
            cancelled.sort();
            assert_eq!(named, cancelled);
        }
    }
}

#[test]
fn the_report_does_not_name_what_has_been_awaited() {
    for round in 0..rounds(5_000, 500) {
        let runtime = runtime(2);
        runtime.block_on(async {
            let handles: Vec<_> = (0..10).map(|_| spawn(yield_now())).collect();
            for handle in handles {
                handle.await.unwrap();
            }
        });
        let report = runtime.shutdown(late());
        assert!(report.tasks.is_empty(), "round {round}: {report:?}");
        assert!(report.is_complete());
    }
}

/// A task that is stuck in a poll, and a job that runs, until they are told to go on.
struct Stuck {
    task: JoinHandle<()>,
    job: JoinHandle<()>,
    futures: Count,
    go: [mpsc::Sender<()>; 2],
}

impl Stuck {
    fn on(runtime: &Runtime) -> Self {
        let futures = Count::default();
        let (tell, told) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let (guard, theirs) = (futures.guard(), tell.clone());
        let task = task::Builder::new().name("stuck").spawn_on(
            async move {
                let _guard = guard;
                theirs.send(()).unwrap();
                gone.recv().unwrap();
                // Pends, if it is polled once more.
                pending::<()>().await;
            },
            runtime.handle(),
        );
        let (go_job, job_gone) = mpsc::channel::<()>();
        let guard = futures.guard();
        let job = {
            let _entered = runtime.enter();
            task::Builder::new()
                .name("running")
                .spawn_blocking(move || {
                    let _guard = guard;
                    tell.send(()).unwrap();
                    job_gone.recv().unwrap();
                })
        };
        told.recv().unwrap();
        told.recv().unwrap();
        Self {
            task,
            job,
            futures,
            go: [go, go_job],
        }
    }

    #[track_caller]
    fn is_told_of(&self, report: &ShutdownReport) {
        assert_eq!(info(&report.tasks, "stuck").id, self.task.id());
        assert_eq!(report.stuck.len(), 1, "{report:?}");
        assert_eq!(info(&report.stuck, "stuck").id, self.task.id());
        assert_eq!(report.blocking.len(), 1, "{report:?}");
        assert_eq!(info(&report.blocking, "running").id, self.job.id());
        assert!(!report.is_complete());
    }

    fn go(self) {
        assert_eq!(self.futures.dropped(), 0);
        for go in self.go {
            go.send(()).unwrap();
        }
        assert!(block_on(self.task).unwrap_err().is_cancelled());
        block_on(self.job).unwrap();
        eventually("they are dropped", || self.futures.dropped() == 2);
    }
}

/// That it returns while they are stuck is the assertion: they go on after that.
#[test]
fn at_once_with_a_stuck_task_and_a_running_job() {
    for workers in [1, 2, 4] {
        let runtime = runtime(workers);
        let stuck = Stuck::on(&runtime);
        let report = runtime.shutdown(Instant::now());
        stuck.is_told_of(&report);
        stuck.go();
    }
}

#[test]
fn at_the_deadline_with_a_stuck_task_and_a_running_job() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let stuck = Stuck::on(&runtime);
        let deadline = Instant::now() + Duration::from_millis(30);
        let report = runtime.shutdown(deadline);
        assert!(Instant::now() >= deadline, "it gave up early");
        stuck.is_told_of(&report);
        stuck.go();
    }
}

/// What ends before the deadline is waited for, and not told of as stuck.
#[test]
fn before_the_deadline_if_all_end() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let stuck = Stuck::on(&runtime);
        let (task, job, futures, go) = (stuck.task, stuck.job, stuck.futures, stuck.go);
        let handle = runtime.handle().clone();
        let going = thread::spawn(move || {
            // The shutdown has begun when it takes nothing any more.
            eventually("it is closed", || takes_no_more(&handle));
            for go in go {
                go.send(()).unwrap();
            }
        });
        let report = runtime.shutdown(late());
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(futures.dropped(), 2);
        going.join().unwrap();
        assert_cancelled(task);
        block_on(job).unwrap();
    }
}

#[test]
fn drop_does_not_wait_for_a_job() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let (started, starts) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let job = runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            gone.recv().unwrap();
            7
        });
        starts.recv().unwrap();
        drop(runtime);
        assert!(!job.is_finished());
        go.send(()).unwrap();
        assert_eq!(block_on(job).unwrap(), 7);
    }
}

#[test]
fn what_is_spawned_afterwards_is_cancelled() {
    for workers in [1, 3] {
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        let _ = runtime.shutdown(late());
        let futures = Count::default();
        let guards: [Guard; 4] = std::array::from_fn(|_| futures.guard());
        let [a, b, c, d] = guards;
        assert_cancelled(handle.spawn(async move { drop(a) }));
        assert_cancelled(handle.spawn_blocking(move || drop(b)));
        let _entered = handle.enter();
        assert_cancelled(spawn(async move { drop(c) }));
        assert_cancelled(spawn_blocking(move || drop(d)));
        assert_eq!(futures.dropped(), 4);
        assert_eq!(Handle::current().metrics().tasks_alive, 0);
    }
}

/// Spawns when it is dropped.
struct SpawnOnDrop {
    left: usize,
    refused: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Drop for SpawnOnDrop {
    fn drop(&mut self) {
        if self.left > 0 {
            let next = Self {
                left: self.left - 1,
                refused: Arc::clone(&self.refused),
            };
            let handle = spawn(async move {
                let _next = next;
            });
            self.refused.lock().unwrap().push(handle);
            let job = spawn_blocking(|| ());
            self.refused.lock().unwrap().push(job);
        }
    }
}

/// By destructors, as deep as they go, on whatever thread.
#[test]
fn what_is_spawned_meanwhile_is_cancelled() {
    for by_drop in [false, true] {
        for workers in [1, 2, 4] {
            let runtime = runtime(workers);
            let refused = Arc::default();
            for _ in 0..8 {
                let spawning = SpawnOnDrop {
                    left: 100,
                    refused: Arc::clone(&refused),
                };
                drop(runtime.spawn(async move {
                    let _spawning = spawning;
                    pending::<()>().await;
                }));
            }
            if by_drop {
                drop(runtime);
            } else {
                let report = runtime.shutdown(late());
                assert_eq!(report.tasks.len(), 8);
                assert!(report.is_complete());
            }
            let refused = std::mem::take(&mut *refused.lock().unwrap());
            assert_eq!(refused.len(), 8 * 100 * 2);
            refused.into_iter().for_each(assert_cancelled);
        }
    }
}

/// By a poll that the shutdown waits for.
#[test]
fn what_a_stuck_poll_spawns_is_cancelled() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel();
        let (results, result) = mpsc::channel();
        let handle = runtime.handle().clone();
        drop(runtime.spawn(async move {
            tell.send(()).unwrap();
            eventually("it is closed", || takes_no_more(&handle));
            for late in [
                spawn(async {}),
                spawn_blocking(|| ()),
                spawn_local(async {}),
            ] {
                // It cannot await them any more.
                results.send(late).unwrap();
            }
        }));
        told.recv().unwrap();
        let report = runtime.shutdown(late());
        assert!(report.is_complete());
        let late: Vec<_> = result.iter().collect();
        assert_eq!(late.len(), 3);
        late.into_iter().for_each(assert_cancelled);
    }
}

#[test]
fn dropped_in_a_task_of_its_own() {
    for round in 0..rounds(1_000, 100) {
        let runtime = runtime(1 + round % 3);
        let futures = Count::default();
        for _ in 0..4 {
            let guard = futures.guard();
            drop(runtime.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            }));
        }
        let handle = runtime.handle().clone();
        let (tell, told) = mpsc::channel();
        let (counted, own) = (futures.clone(), futures.guard());
        let task = handle.spawn(async move {
            let _own = own;
            if round % 2 == 0 {
                drop(runtime);
            } else {
                let report = runtime.shutdown(late());
                assert_eq!(report.tasks.len(), 5, "with itself: {report:?}");
                assert_eq!(report.stuck.len(), 1, "itself: {report:?}");
                assert_eq!(report.stuck[0].id, task::id());
            }
            // All others have ended.
            tell.send(counted.dropped()).unwrap();
            pending::<()>().await;
        });
        assert_eq!(told.recv().unwrap(), 4);
        assert!(block_on(task).unwrap_err().is_cancelled());
        eventually("it is dropped itself", || futures.dropped() == 5);
    }
}

#[test]
fn dropped_in_its_own_block_on() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        let futures = Count::default();
        let guards: [Guard; 2] = std::array::from_fn(|_| futures.guard());
        handle.block_on(async {
            let [shared, pinned] = guards;
            let shared = spawn(async move {
                let _guard = shared;
                pending::<()>().await;
            });
            let pinned = spawn_local(async move {
                let _guard = pinned;
                pending::<()>().await;
            });
            yield_now().await;
            drop(runtime);
            assert_eq!(futures.dropped(), 2);
            assert!(shared.await.unwrap_err().is_cancelled());
            assert!(pinned.await.unwrap_err().is_cancelled());
            assert!(spawn(async {}).await.unwrap_err().is_cancelled());
            sleep(Duration::from_millis(1)).await;
        });
    }
}

#[test]
fn dropped_in_a_job_and_in_another_runtime() {
    for workers in [1, 2] {
        let one = runtime(workers);
        let handle = one.handle().clone();
        let task = one.spawn(pending::<()>());
        block_on(handle.spawn_blocking(move || drop(one))).unwrap();
        assert_cancelled(task);

        let one = runtime(workers);
        let task = one.spawn(pending::<()>());
        let other = runtime(workers);
        other.block_on(async { spawn(async move { drop(one) }).await.unwrap() });
        assert_cancelled(task);
    }
}

/// What a future in `block_on` can do when its runtime has ended around it: all but spawn.
async fn live_on() {
    sleep(Duration::from_millis(1)).await;
    assert!(spawn(async {}).await.unwrap_err().is_cancelled());
    assert!(spawn_local(async {}).await.unwrap_err().is_cancelled());
    assert!(spawn_blocking(|| ()).await.unwrap_err().is_cancelled());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let talk = async {
        let client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"x").await.unwrap();
        client.read(&mut [0]).await.unwrap()
    };
    let listen = async {
        let (server, _) = listener.accept().await.unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 1);
        sleep(Duration::from_millis(1)).await;
        server.write_all(b"y").await.unwrap();
    };
    let (read, ()) = futures_util::future::join(talk, listen).await;
    assert_eq!(read, 1);
}

/// Two threads are in `block_on`, one of them as a guest. Their tasks end; they do not, and are not waited for.
#[test]
fn while_others_are_in_block_on() {
    for workers in [1, 2, 3] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel();
        let go = Arc::new((AtomicBool::new(false), Mutex::new(Vec::<Waker>::new())));
        let futures = Count::default();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (handle, tell, go) = (runtime.handle().clone(), tell.clone(), Arc::clone(&go));
                let guards: [Guard; 2] = std::array::from_fn(|_| futures.guard());
                thread::spawn(move || {
                    handle.block_on(async {
                        let [shared, pinned] = guards;
                        let shared = spawn(async move {
                            let _guard = shared;
                            pending::<()>().await;
                        });
                        let pinned = spawn_local(async move {
                            let _guard = pinned;
                            pending::<()>().await;
                        });
                        // Until the runtime has ended.
                        let mut first = true;
                        poll_fn(|cx| {
                            if go.0.load(Ordering::SeqCst) {
                                return Poll::Ready(());
                            }
                            go.1.lock().unwrap().push(cx.waker().clone());
                            if std::mem::take(&mut first) {
                                tell.send(()).unwrap();
                            }
                            Poll::Pending
                        })
                        .await;
                        assert!(shared.is_finished() && pinned.is_finished());
                        assert!(shared.await.unwrap_err().is_cancelled());
                        assert!(pinned.await.unwrap_err().is_cancelled());
                        live_on().await;
                    });
                })
            })
            .collect();
        told.recv().unwrap();
        told.recv().unwrap();
        let report = runtime.shutdown(late());
        assert_eq!(report.tasks.len(), 4, "{report:?}");
        assert!(report.is_complete());
        assert_eq!(futures.dropped(), 4);
        go.0.store(true, Ordering::SeqCst);
        let wakers = std::mem::take(&mut *go.1.lock().unwrap());
        wakers.into_iter().for_each(Waker::wake);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn block_on_after_the_end() {
    let runtime = runtime(2);
    let handle = runtime.handle().clone();
    drop(runtime);
    handle.block_on(live_on());
    // And by two at a time.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| handle.block_on(live_on()));
        }
    });
}

/// Threads come with `block_on` just when it ends: they sit down, or are too late, and go on either way.
#[test]
fn while_others_come_and_go() {
    for round in 0..rounds(1_000, 100) {
        let runtime = runtime(1 + round % 3);
        let handle = runtime.handle().clone();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        handle.block_on(async {
                            // Cancelled, or done.
                            let _ = spawn(yield_now()).await;
                            let _ = spawn_local(sleep(Duration::from_micros(10))).await;
                        });
                    }
                });
            }
            for _ in 0..round % 20 {
                thread::yield_now();
            }
            let report = runtime.shutdown(late());
            over.store(true, Ordering::SeqCst);
            assert!(report.is_complete(), "{report:?}");
        });
        assert_eq!(handle.metrics().tasks_alive, 0);
    }
}

/// Its thread has ended what is pinned to it by then, and goes on with its own future; but it runs tasks, too.
#[test]
fn a_poll_by_a_thread_in_block_on_is_waited_for() {
    for by_drop in [false, true] {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let futures = Count::default();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let (guard, over, theirs) = (futures.guard(), &over, handle.clone());
            scope.spawn(move || {
                let runtime = theirs.clone();
                theirs.block_on(async move {
                    let is_polled = Arc::new(AtomicBool::new(false));
                    let waiting = WaitOnDrop(Arc::clone(&is_polled));
                    // The oldest, so the first to be dropped.
                    let _first = spawn(async move {
                        let _waiting = waiting;
                        pending::<()>().await;
                    });
                    let _second = spawn(async move {
                        let _guard = guard;
                        tell.send(()).unwrap();
                        // The runtime has ended when it takes nothing any more.
                        while !takes_no_more(&runtime) {
                            yield_now().await;
                        }
                        for _ in 0..200 {
                            yield_now().await;
                        }
                        is_polled.store(true, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(50));
                        pending::<()>().await;
                    });
                    while !over.load(Ordering::SeqCst) {
                        yield_now().await;
                    }
                });
            });
            told.recv().unwrap();
            let is_complete = if by_drop {
                drop(runtime);
                true
            } else {
                runtime.shutdown(late()).is_complete()
            };
            let dropped = futures.dropped();
            over.store(true, Ordering::SeqCst);
            assert!(is_complete, "it gave up before the deadline");
            assert_eq!(dropped, 1, "a future outlived its runtime");
        });
    }
}

/// Its destructor takes until that is so.
struct WaitOnDrop(Arc<AtomicBool>);

impl Drop for WaitOnDrop {
    fn drop(&mut self) {
        let start = Instant::now();
        // It may be that nobody polls it any more, which is fine.
        while !self.0.load(Ordering::SeqCst) && start.elapsed() < Duration::from_millis(100) {
            thread::yield_now();
        }
    }
}

/// Their threads see at any moment that the runtime ends, and end what is pinned to them: not before that is in the report.
#[test]
fn the_report_names_what_is_pinned_to_threads_that_are_awake() {
    for round in 0..rounds(3_000, 500) {
        let runtime = runtime(1 + round % 2);
        let handle = runtime.handle().clone();
        let over = AtomicBool::new(false);
        let (tell, told) = mpsc::channel();
        let report = thread::scope(|scope| {
            scope.spawn(|| {
                handle.block_on(async {
                    drop(spawn_local(pending::<()>()));
                    let mut yields = 0_u64;
                    while !over.load(Ordering::SeqCst) {
                        yields += 1;
                        if yields == 200 {
                            tell.send(()).unwrap();
                        }
                        yield_now().await;
                    }
                });
            });
            told.recv().unwrap();
            let report = runtime.shutdown(late());
            over.store(true, Ordering::SeqCst);
            report
        });
        assert_eq!(report.tasks.len(), 1, "round {round}: {report:?}");
    }
}
