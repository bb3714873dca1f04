//! `fork` without `exec`: a child leaves alone what is its parent's, and can have a runtime of its own. Each test runs in a process of
//! its own, on 1, 2 and 4 workers.

mod process;

use futures_util::FutureExt;
use process::{fork, is_rerun, panic_in_fork, rerun_passes, run_and_exit, spawn_forked, wait};
use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, mem, thread};
use waterwheel::net::{
    Outbox, ServeOptions, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener,
    UnixStream, copy_bidirectional, serve,
};
use waterwheel::reactor::{AsyncFd, Interest, Operation, OwnedWait, Reading};
use waterwheel::signal::{SignalKind, ctrl_c, signal};
use waterwheel::time::{run_after, run_every, sleep_until_system};
use waterwheel::{
    Handle, JoinSet, Runtime, block_on, interval, sleep, spawn, spawn_blocking, spawn_local,
    timeout, yield_now,
};

const LONG: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(60);
const USR1: SignalKind = SignalKind::user_defined1();

/// The runtimes that a test is run with.
fn runtimes() -> impl Iterator<Item = Runtime> {
    [1, 2, 4]
        .map(|workers| {
            Runtime::builder()
                .worker_threads(workers)
                .build()
                .expect("a runtime")
        })
        .into_iter()
}

#[track_caller]
fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        let awaited = timeout(PATIENCE, future).await;
        awaited.unwrap_or_else(|_| panic!("what is awaited at {caller} is lost"))
    }
}

/// What the kernel has of this process's reactors: which descriptors are in which epoll instance, what each eventfd counts, and which timerfd
/// is armed for an hour ahead. Workers that have siblings arm theirs for a moment now and then, so that is told `with_timers` alone.
fn kernel_objects(with_timers: bool) -> BTreeMap<String, Vec<String>> {
    let mut objects = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").expect("proc").flatten() {
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let target = target.to_string_lossy().into_owned();
        if !target.contains("[eventpoll]")
            && !target.contains("[eventfd]")
            && !target.contains("[timerfd]")
        {
            continue;
        }
        let number = entry.file_name().to_string_lossy().into_owned();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let mut lines: Vec<_> = info
            .lines()
            .filter_map(|line| match line.split_once(':')? {
                ("tfd", rest) => Some(rest.split_whitespace().collect::<Vec<_>>().join(" ")),
                ("eventfd-count", count) => Some(count.trim().to_owned()),
                ("it_value", left) if with_timers => {
                    let seconds: u64 = left
                        .trim()
                        .trim_start_matches('(')
                        .split(',')
                        .next()?
                        .parse()
                        .ok()?;
                    (seconds > LONG.as_secs() / 2).then(|| "in an hour".to_owned())
                }
                _ => None,
            })
            .collect();
        lines.sort();
        objects.insert(format!("{number} {target}"), lines);
    }
    objects
}

/// Everything that a program can have of a runtime, waited for by tasks or held here.
struct Everything {
    runtime: Runtime,
    kept: Kept,
    /// The far ends, by which the parent is asked whether it still hears.
    peers: Vec<std::os::unix::net::UnixStream>,
    tasks: Vec<waterwheel::JoinHandle<()>>,
}

/// What is held outside of all tasks, to be dropped in the child.
#[allow(dead_code, reason = "held to be dropped")]
struct Kept {
    handle: Handle,
    streams: Vec<UnixStream>,
    halves: Vec<waterwheel::net::OwnedWriteHalf<UnixStream>>,
    read_halves: Vec<waterwheel::net::OwnedReadHalf<UnixStream>>,
    outbox: Outbox<UnixStream>,
    listeners: (TcpListener, UnixListener),
    datagrams: (UdpSocket, UnixDatagram),
    pipe: AsyncFd<io::PipeReader>,
    sleeps: Vec<std::pin::Pin<Box<waterwheel::time::Sleep>>>,
    by_system_clock: std::pin::Pin<Box<waterwheel::time::SystemSleep>>,
    ticks: waterwheel::time::Interval,
    signals: (waterwheel::signal::Signal, waterwheel::signal::CtrlC),
    joins: Vec<waterwheel::JoinHandle<()>>,
    set: JoinSet<()>,
    blocking: waterwheel::JoinHandle<()>,
    server: waterwheel::net::Server,
    timers: Vec<waterwheel::time::TimerHandle>,
    socket_file: tempfile::Path,
}

/// A path that is removed with the process that made it.
mod tempfile {
    pub(crate) struct Path(pub(crate) std::path::PathBuf, u32);

    impl Path {
        pub(crate) fn new() -> Self {
            let pid = std::process::id();
            let name = format!("waterwheel-fork-{pid}-{:?}", std::time::Instant::now());
            let name = name.replace(|c: char| !c.is_alphanumeric(), "-");
            Self(std::env::temp_dir().join(name), pid)
        }
    }

    impl Drop for Path {
        fn drop(&mut self) {
            if std::process::id() == self.1 {
                let _ = std::fs::remove_file(&self.0);
            }
        }
    }
}

/// Polls a future once, which pends: so it has registered, filed, or left its waker.
async fn started<F: Future + Unpin>(mut future: F) {
    assert!((&mut future).now_or_never().is_none());
}

impl Everything {
    fn new(runtime: Runtime) -> Self {
        let (mut peers, mut tasks) = (Vec::new(), Vec::new());
        // First, while the first worker is free: what a guest of the runtime registers is let go when it leaves.
        let kept = runtime.block_on(async {
            let handle = Handle::current();
            let socket_file = tempfile::Path::new();
            let mut streams = Vec::new();
            let (mut halves, mut read_halves) = (Vec::new(), Vec::new());
            for _ in 0..4 {
                let (ours, theirs) = UnixStream::pair().unwrap();
                assert!(ours.read(&mut [0]).now_or_never().is_none());
                let (read, write) = theirs.into_split();
                assert!(read.read(&mut [0]).now_or_never().is_none());
                streams.push(ours);
                halves.push(write);
                read_halves.push(read);
            }
            let (sender, receiver) = UnixStream::pair().unwrap();
            streams.push(receiver);
            let outbox = Outbox::new(sender);
            drop(outbox.send(vec![7; 8 << 20]));
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            assert!(tcp.accept().now_or_never().is_none());
            let unix = UnixListener::bind(&socket_file.0).unwrap();
            assert!(unix.accept().now_or_never().is_none());
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            assert!(udp.recv(&mut [0]).now_or_never().is_none());
            let (datagram, _) = UnixDatagram::pair().unwrap();
            started(&mut Box::pin(datagram.recv(&mut [0]))).await;
            let pipe = AsyncFd::new(io::pipe().unwrap().0).unwrap();
            let mut sleeps: Vec<_> = (0..4).map(|_| Box::pin(sleep(LONG))).collect();
            for sleep in &mut sleeps {
                started(sleep).await;
            }
            let mut by_system_clock = Box::pin(sleep_until_system(SystemTime::now() + LONG));
            started(&mut by_system_clock).await;
            let mut ticks = interval(LONG);
            ticks.tick().await;
            assert!(ticks.tick().now_or_never().is_none());
            let mut signals = (signal(USR1).unwrap(), ctrl_c());
            assert!(signals.0.recv().now_or_never().is_none());
            started(&mut signals.1).await;
            let mut joins: Vec<_> = (0..4).map(|_| spawn(pending())).collect();
            joins.push(spawn(async { sleep(LONG).await }));
            for join in &mut joins {
                started(join).await;
            }
            let mut set = JoinSet::new();
            for _ in 0..4 {
                set.spawn(pending());
            }
            assert!(set.join_next().now_or_never().is_none());
            let blocking = spawn_blocking(|| thread::sleep(Duration::from_millis(1)));
            let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = echo.local_addr().unwrap();
            let server = serve(
                echo,
                ServeOptions::new(),
                |stream: TcpStream, _| async move { stream.read_exact(&mut [0]).await },
            );
            let client = TcpStream::connect(address).await.unwrap();
            while server.connections() == 0 {
                yield_now().await;
            }
            drop(spawn(async move {
                let _ = client.read(&mut [0]).await;
            }));
            let timers = vec![run_after(LONG, || ()), run_every(LONG, || ())];
            Kept {
                handle,
                streams,
                halves,
                read_halves,
                outbox,
                listeners: (tcp, unix),
                datagrams: (udp, datagram),
                pipe,
                sleeps,
                by_system_clock,
                ticks,
                signals,
                joins,
                set,
                blocking,
                server,
                timers,
                socket_file,
            }
        });
        // What tasks wait for, in workers.
        for _ in 0..8 {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            peers.push(theirs);
            tasks.push(runtime.spawn(async move {
                let ours = UnixStream::from_std(ours).unwrap();
                let mut byte = [0];
                for _ in 0..2 {
                    ours.read_exact(&mut byte).await.unwrap();
                    ours.write_all(&byte).await.unwrap();
                }
            }));
        }
        Self {
            runtime,
            kept,
            peers,
            tasks,
        }
    }

    /// Asks each task of the parent's for an answer, which it gives if it still hears.
    fn assert_all_hear(&mut self) {
        for peer in &mut self.peers {
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            peer.write_all(b"?").unwrap();
            peer.read_exact(&mut [0]).expect("its task still hears");
        }
    }

    /// What was kept still works in the parent.
    fn assert_kept_works(self) {
        let Self {
            runtime,
            kept,
            peers,
            tasks,
        } = self;
        let Kept {
            streams,
            halves,
            read_halves,
            outbox,
            listeners,
            datagrams,
            mut sleeps,
            signals,
            joins,
            mut set,
            blocking,
            server,
            ..
        } = kept;
        runtime.block_on(async move {
            for ((ours, write), read) in streams.iter().zip(&halves).zip(&read_halves) {
                // The peer has not been shut down.
                let mut byte = [0];
                assert!(ours.read(&mut byte).now_or_never().is_none());
                let reading = ours.read(&mut byte);
                within(write.write_all(b"a")).await.unwrap();
                assert_eq!(within(reading).await.unwrap(), 1);
                let reading = read.read(&mut byte);
                within(ours.write_all(b"b")).await.unwrap();
                assert_eq!(within(reading).await.unwrap(), 1);
            }
            // What was queued goes out once.
            let receiver = &streams[4];
            let mut received = vec![0; 8 << 20];
            within(receiver.read_exact(&mut received)).await.unwrap();
            assert!(received.iter().all(|byte| *byte == 7));
            assert_eq!(outbox.queued_bytes(), 0);
            drop(outbox);
            assert_eq!(
                within(receiver.read(&mut [0])).await.unwrap(),
                0,
                "and no more"
            );
            let (tcp, unix) = listeners;
            let connecting = spawn(TcpStream::connect(tcp.local_addr().unwrap()));
            within(tcp.accept()).await.unwrap();
            within(connecting).await.unwrap().unwrap();
            drop(unix);
            let (udp, _) = datagrams;
            let receiving = udp.local_addr().unwrap();
            let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            other.send_to(b"d", receiving).await.unwrap();
            assert_eq!(within(udp.recv(&mut [0])).await.unwrap(), 1);
            for sleep in &mut sleeps {
                sleep
                    .as_mut()
                    .get_mut()
                    .reset(Instant::now() + Duration::from_millis(1));
                within(sleep).await;
            }
            let (mut usr1, ctrl_c) = signals;
            // SAFETY: the call takes no pointers.
            unsafe { libc::raise(libc::SIGUSR1) };
            within(usr1.recv()).await.unwrap();
            // SAFETY: as above.
            unsafe { libc::raise(libc::SIGINT) };
            within(ctrl_c).await.unwrap();
            for join in joins {
                join.abort();
                assert!(within(join).await.unwrap_err().is_cancelled());
            }
            set.abort_all();
            while let Some(ended) = within(set.join_next()).await {
                assert!(ended.unwrap_err().is_cancelled());
            }
            within(blocking).await.unwrap();
            assert_eq!(server.connections(), 1);
            let report = within(server.shutdown(Duration::ZERO)).await;
            assert_eq!((report.accepted, report.left), (1, 0));
        });
        drop(peers);
        drop(tasks);
        let report = runtime.shutdown(PATIENCE);
        assert!(report.is_complete());
    }
}

/// The child's own copy of what it has inherited by reference, to be dropped there. Its parent's stays where it is.
fn copy_of<T>(value: &T) -> T {
    // SAFETY: this is called in a child, once for a value, and the child ends without dropping the original.
    unsafe { std::ptr::read(value) }
}

/// How a child is made, and what it does.
type MakeChild = fn(Box<dyn FnOnce() -> u8>) -> libc::pid_t;

fn by_fork(child: Box<dyn FnOnce() -> u8>) -> libc::pid_t {
    spawn_forked(child)
}

/// Nothing of the C library's runs at this one.
fn by_raw_clone(child: Box<dyn FnOnce() -> u8>) -> libc::pid_t {
    // SAFETY: without `CLONE_VM` it is as `fork`. The other threads of this process sleep, so that none has a lock of the allocator's.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    assert!(pid >= 0, "no child");
    if pid == 0 {
        run_and_exit(child);
    }
    pid as libc::pid_t
}

/// Waits until no thread of the process but this one runs, so that none is in the allocator.
fn let_others_sleep() {
    for _ in 0..1000 {
        thread::sleep(Duration::from_millis(5));
        let stat = |task: io::Result<fs::DirEntry>| {
            fs::read_to_string(task.ok()?.path().join("stat")).ok()
        };
        let running = fs::read_dir("/proc/self/task")
            .expect("proc")
            .filter_map(stat)
            .filter(|stat| {
                stat.rsplit(')')
                    .next()
                    .is_some_and(|rest| rest.trim_start().starts_with('R'))
            })
            .count();
        if running <= 1 {
            return;
        }
    }
}

#[test]
fn a_child_that_drops_everything_leaves_all_to_its_parent() {
    const NAME: &str = "a_child_that_drops_everything_leaves_all_to_its_parent";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    for make_child in [by_fork as MakeChild, by_raw_clone] {
        for runtime in runtimes() {
            let mut everything = Everything::new(runtime);
            everything.assert_all_hear();
            let_others_sleep();
            let is_alone = everything.runtime.handle().workers() == 1;
            let before = kernel_objects(is_alone);
            assert!(before.len() >= 3, "{before:?}");

            // SAFETY: it is read in the child, whose copy it is then, and stays here otherwise.
            let copy = unsafe { std::ptr::read(&raw const everything) };
            let copy = mem::ManuallyDrop::new(copy);
            let pid = make_child(Box::new(move || {
                let start = Instant::now();
                // Signals that come here are not the parent's to hear of.
                for _ in 0..3 {
                    // SAFETY: the call takes no pointers.
                    unsafe { libc::raise(libc::SIGUSR1) };
                }
                let Everything {
                    runtime,
                    kept,
                    peers,
                    tasks,
                } = mem::ManuallyDrop::into_inner(copy);
                for task in &tasks {
                    task.abort();
                }
                for timer in &kept.timers {
                    let _ = timer.cancel();
                }
                drop(tasks);
                drop(kept);
                drop(peers);
                drop(runtime);
                assert!(
                    start.elapsed() < Duration::from_secs(30),
                    "it waited for threads"
                );
                7
            }));
            assert_eq!(wait(pid).code(), Some(7));

            assert_eq!(kernel_objects(is_alone), before);
            everything.assert_all_hear();
            everything.assert_kept_works();
        }
    }
}

/// The registration that a child takes away is one of an event that has yet to come.
#[test]
fn shutdown_in_a_child_returns_at_once_with_nothing_to_tell() {
    const NAME: &str = "shutdown_in_a_child_returns_at_once_with_nothing_to_tell";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    for runtime in runtimes() {
        let task = runtime.spawn(pending::<()>());
        let runtime = Arc::new(runtime);
        let theirs = Arc::clone(&runtime);
        let status = fork(move || {
            let runtime = copy_of(&*theirs);
            mem::forget(theirs);
            let report = runtime.shutdown(LONG);
            assert!(report.is_complete() && report.tasks.is_empty());
            7
        });
        assert_eq!(status.code(), Some(7));
        assert!(!task.is_finished());
    }
}

#[test]
fn to_use_a_parents_runtime_is_a_clear_panic() {
    const NAME: &str = "to_use_a_parents_runtime_is_a_clear_panic";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    #[track_caller]
    fn assert_clear<R>(child: impl FnOnce() -> R) {
        let message = panic_in_fork(child).expect("a panic");
        for part in ["another process", "`fork`", "new"] {
            assert!(message.contains(part), "{message}");
        }
    }
    for runtime in runtimes() {
        let task = runtime.spawn(pending::<()>());
        let mut set = JoinSet::new();
        runtime.block_on(async { set.spawn(pending::<()>()) });
        let handle = runtime.handle();
        assert_clear(|| runtime.spawn(async {}));
        assert_clear(|| handle.spawn(async {}));
        assert_clear(|| handle.spawn_on_worker(handle.workers() - 1, async {}));
        assert_clear(|| runtime.spawn_blocking(|| ()));
        assert_clear(|| runtime.block_on(async {}));
        assert_clear(|| handle.block_on(async {}));
        assert_clear(|| runtime.metrics().workers.len());
        assert_clear(|| {
            let _entered = runtime.enter();
            spawn(async {})
        });
        // What would wait for ever, in a runtime of the child's.
        assert_clear(|| block_on(task));
        assert_clear(|| block_on(async { set.join_next().await }));
        // The child goes on inside.
        runtime.block_on(async {
            let (ours, _theirs) = UnixStream::pair().unwrap();
            assert_clear(|| spawn(async {}));
            assert_clear(|| spawn_local(async {}));
            assert_clear(|| spawn_blocking(|| ()));
            assert_clear(|| ours.read(&mut [0]).now_or_never());
        });
    }
}

/// Forks inside `block_on`, and goes on there in both processes.
#[test]
fn a_child_that_goes_on_in_its_parents_block_on_runs_none_of_the_tasks() {
    const NAME: &str = "a_child_that_goes_on_in_its_parents_block_on_runs_none_of_the_tasks";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    let run = |in_runtime: &dyn Fn(Child) -> libc::pid_t| {
        let (mut reader, writer) = io::pipe().unwrap();
        // SAFETY: the call takes no pointers.
        let parent = unsafe { libc::getpid() };
        let child = Child {
            writer: Arc::new(writer),
            parent,
        };
        let went_on = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| in_runtime(child)));
        // SAFETY: as above.
        if unsafe { libc::getpid() } != parent {
            let message = went_on.unwrap_err();
            let is_clear = process::text_of(&*message).contains("another process");
            // SAFETY: as above.
            unsafe { libc::_exit(if is_clear { 7 } else { 8 }) }
        }
        assert_eq!(wait(went_on.unwrap()).code(), Some(7));
        let mut ran = String::new();
        reader.read_to_string(&mut ran).unwrap();
        assert_eq!(ran, "main task ", "each once, and in the parent alone");
    };
    run(&|child| block_on(child.forks_and_goes_on(false)));
    run(&|child| block_on(child.forks_and_goes_on(true)));
    for runtime in runtimes() {
        run(&|child| runtime.block_on(child.forks_and_goes_on(false)));
        run(&|child| runtime.block_on(child.forks_and_goes_on(true)));
    }
}

struct Child {
    writer: Arc<io::PipeWriter>,
    parent: libc::pid_t,
}

impl Child {
    /// The main future forks; then it yields, or waits for a task of its parent's that is ready to run.
    async fn forks_and_goes_on(self, joins: bool) -> libc::pid_t {
        let writer = Arc::clone(&self.writer);
        // Pinned here, so that no other thread runs it first.
        let task = spawn_local(async move {
            (&*writer).write_all(b"task ").unwrap();
        });
        (&*self.writer).write_all(b"main ").unwrap();
        // SAFETY: the child goes on with this thread alone.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            // SAFETY: the call takes no pointers.
            unsafe { libc::alarm(60) };
        }
        if joins {
            task.await.unwrap();
        } else {
            while !task.is_finished() {
                yield_now().await;
            }
        }
        // SAFETY: as above.
        let this = unsafe { libc::getpid() };
        assert_eq!(this, self.parent, "the child has come to here");
        pid
    }
}

#[test]
fn a_child_that_leaves_its_parents_block_on_returns_from_it() {
    const NAME: &str = "a_child_that_leaves_its_parents_block_on_returns_from_it";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    let leave = |in_runtime: &dyn Fn() -> libc::pid_t| {
        let pid = in_runtime();
        if pid == 0 {
            run_and_exit(|| {
                // Out of all, and a new one works.
                assert!(Handle::try_current().is_err());
                works_here();
                7
            });
        }
        assert_eq!(wait(pid).code(), Some(7));
    };
    let forks = || async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let task = spawn(async move { ours.read(&mut [0]).await.unwrap() });
        let local = spawn_local(pending::<()>());
        yield_now().await;
        // SAFETY: the child goes on with this thread alone.
        let pid = unsafe { libc::fork() };
        if pid > 0 {
            theirs.write_all(b"a").await.unwrap();
            assert_eq!(within(task).await.unwrap(), 1);
            local.abort();
            assert!(local.await.unwrap_err().is_cancelled());
        }
        pid
    };
    leave(&|| block_on(forks()));
    for runtime in runtimes() {
        leave(&|| runtime.block_on(forks()));
        // A guest, as the first worker is taken.
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let over = Arc::new(AtomicBool::new(false));
            let ended = Arc::clone(&over);
            let guest = thread::spawn(move || {
                let pid = handle.block_on(forks());
                if pid == 0 {
                    run_and_exit(|| {
                        works_here();
                        7
                    });
                }
                let status = wait(pid);
                ended.store(true, Ordering::SeqCst);
                status
            });
            while !over.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(guest.join().unwrap().code(), Some(7));
        });
    }
}

/// Tasks, timers, sockets, blocking jobs and signals, of runtimes that this process makes.
fn works_here() {
    async fn all() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let echo = spawn(async move {
            let mut byte = [0];
            while theirs.read(&mut byte).await.unwrap() > 0 {
                theirs.write_all(&byte).await.unwrap();
            }
        });
        let mut byte = [0];
        for _ in 0..10 {
            ours.write_all(b"a").await.unwrap();
            ours.read_exact(&mut byte).await.unwrap();
            sleep(Duration::from_micros(100)).await;
        }
        drop(ours);
        echo.await.unwrap();
        assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
        assert_eq!(spawn_local(async { 8 }).await.unwrap(), 8);
        let mut usr1 = signal(USR1).unwrap();
        let waiting = spawn(async move { usr1.recv().await });
        yield_now().await;
        // SAFETY: the call takes no pointers.
        unsafe { libc::raise(libc::SIGUSR1) };
        waiting.await.unwrap().unwrap();
    }
    block_on(within(all()));
    for runtime in runtimes() {
        runtime.block_on(within(all()));
        let report = runtime.shutdown(PATIENCE);
        assert!(report.is_complete());
    }
}

#[test]
fn a_new_runtime_in_the_child_works_and_so_in_a_grandchild() {
    const NAME: &str = "a_new_runtime_in_the_child_works_and_so_in_a_grandchild";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    for runtime in runtimes() {
        // Forked outside of all, inside `enter`, and inside `block_on`.
        let child = || {
            works_here();
            assert_eq!(
                fork(|| {
                    works_here();
                    7
                })
                .code(),
                Some(7)
            );
            7
        };
        assert_eq!(fork(child).code(), Some(7));
        let entered = runtime.enter();
        assert_eq!(fork(child).code(), Some(7));
        drop(entered);
        runtime.block_on(async {
            assert_eq!(fork(child).code(), Some(7));
        });
        works_here();
    }
}

/// As servers do that fork workers: the parent listens, and each child accepts.
#[test]
fn what_the_child_inherits_it_can_wait_for_in_a_new_runtime() {
    const NAME: &str = "what_the_child_inherits_it_can_wait_for_in_a_new_runtime";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    for runtime in runtimes() {
        let (listener, unused, stream, peer) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            assert!(
                listener.accept().now_or_never().is_none(),
                "it is registered"
            );
            let (stream, peer) = UnixStream::pair().unwrap();
            assert!(stream.read(&mut [0]).now_or_never().is_none());
            let unused = UnixStream::pair().unwrap();
            (listener, unused, stream, peer)
        });
        let mut sleep = Box::pin(sleep(LONG));
        let mut system = Box::pin(sleep_until_system(SystemTime::now() + LONG));
        runtime.block_on(async {
            assert!((&mut sleep).now_or_never().is_none());
            assert!((&mut system).now_or_never().is_none());
        });
        let before = kernel_objects(false);
        let address = listener.local_addr().unwrap();
        for workers in [None, Some(1), Some(2)] {
            let child = async {
                let connecting = spawn(TcpStream::connect(address));
                let (accepted, _) = listener.accept().await.unwrap();
                drop(connecting.await.unwrap().unwrap());
                assert_eq!(accepted.read(&mut [0]).await.unwrap(), 0);
                let reading = stream.read_exact(&mut [0; 1]).await;
                reading.unwrap();
                unused.0.write_all(b"x").await.unwrap();
                unused.1.read_exact(&mut [0]).await.unwrap();
                let soon = Duration::from_millis(1);
                sleep.as_mut().get_mut().reset(Instant::now() + soon);
                (&mut sleep).await;
                system.as_mut().get_mut().reset(SystemTime::now() + soon);
                (&mut system).await;
            };
            let pid = spawn_forked(|| {
                match workers {
                    None => block_on(within(child)),
                    Some(workers) => Runtime::builder()
                        .worker_threads(workers)
                        .build()
                        .unwrap()
                        .block_on(within(child)),
                }
                drop(copy_of(&listener));
                drop(copy_of(&stream));
                7
            });
            thread::sleep(Duration::from_millis(5));
            assert_eq!(peer.try_write(b"a").unwrap(), 1);
            assert_eq!(wait(pid).code(), Some(7));
        }
        let after = kernel_objects(false);
        let registered = |objects: &BTreeMap<String, Vec<String>>| {
            let mut epolls = objects.clone();
            epolls.retain(|name, _| name.contains("eventpoll"));
            epolls
        };
        assert_eq!(registered(&before), registered(&after));
        runtime.block_on(within(async {
            let connecting = spawn(TcpStream::connect(address));
            listener.accept().await.unwrap();
            connecting.await.unwrap().unwrap();
            sleep.as_mut().get_mut().reset(Instant::now());
            sleep.await;
        }));
    }
}

/// Relays keep empty pipes while there are relays. A child that used them would share them with its parent.
#[test]
fn a_relay_in_the_child_shares_no_pipe_with_its_parent() {
    const NAME: &str = "a_relay_in_the_child_shares_no_pipe_with_its_parent";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    /// Passes bulk on, for which a pipe is taken. Then the relay waits for more.
    async fn relay() -> (UnixStream, UnixStream) {
        let (near, a) = UnixStream::pair().unwrap();
        let (b, far) = UnixStream::pair().unwrap();
        drop(spawn_local(async move { copy_bidirectional(&a, &b).await }));
        let writing = async { near.write_all(&vec![7; 4 << 20]).await.unwrap() };
        let mut received = vec![0; 4 << 20];
        let reading = async { far.read_exact(&mut received).await.unwrap() };
        futures_util::join!(writing, reading);
        (near, far)
    }
    let pipes = || {
        let mut pipes: Vec<_> = fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .filter(|target| target.to_string_lossy().starts_with("pipe:"))
            .collect();
        pipes.sort();
        pipes
    };
    let own = pipes();
    block_on(async {
        let _relaying = relay().await;
        let kept = pipes();
        let inherited: Vec<_> = kept
            .into_iter()
            .filter(|pipe| !own.contains(pipe))
            .collect();
        assert!(!inherited.is_empty(), "a pipe is kept");
        let status = fork(|| {
            let left = block_on(async {
                let _relaying = relay().await;
                pipes()
            });
            // It has made one, and closed those that it has come upon.
            let is_new = |pipe: &_| !own.contains(pipe) && !inherited.contains(pipe);
            u8::from(!left.iter().any(is_new) || inherited.iter().all(|pipe| left.contains(pipe)))
        });
        assert_eq!(status.code(), Some(0));
    });
}

/// A child that is forked on a thread of the runtime's, and comes to the end of its task, has nowhere to go. It does not end as if all were
/// well, and runs nothing else.
#[test]
fn a_child_that_returns_to_a_worker_is_ended() {
    const NAME: &str = "a_child_that_returns_to_a_worker_is_ended";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    fn fork_here() -> libc::pid_t {
        // SAFETY: the child goes on with this thread alone.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: the call takes no pointers.
            unsafe { libc::alarm(60) };
        }
        pid
    }
    for runtime in runtimes() {
        let task = runtime.spawn(async { fork_here() });
        let job = runtime.spawn_blocking(fork_here);
        let panicking_job = runtime.spawn_blocking(|| {
            assert!(fork_here() > 0, "a panic in the child");
            // SAFETY: it waits for any child.
            1
        });
        // Not in `block_on`, so that a thread of the runtime's runs it.
        while !task.is_finished() || !job.is_finished() || !panicking_job.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        let (task, job) = runtime.block_on(async { (task.await.unwrap(), job.await.unwrap()) });
        for pid in [task, job, -1] {
            let mut status = 0;
            // SAFETY: the status is written to a place of its type.
            assert!(unsafe { libc::waitpid(pid, &raw mut status, 0) } > 0);
            let status = std::process::ExitStatus::from_raw(status);
            assert_eq!(status.signal(), Some(libc::SIGABRT), "{status}");
        }
        assert_eq!(runtime.block_on(async { 7 }), 7);
    }
}

/// A terminal, or whatever else the parent shares with a child, stays non-blocking while the parent has it so.
#[test]
fn a_child_does_not_put_a_descriptor_of_its_parents_back_into_blocking_mode() {
    const NAME: &str = "a_child_does_not_put_a_descriptor_of_its_parents_back_into_blocking_mode";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    let (reader, mut writer) = io::pipe().unwrap();
    let reader = Arc::new(AsyncFd::new(reader).unwrap());
    let status = fork(|| {
        drop(copy_of(&*reader));
        7
    });
    assert_eq!(status.code(), Some(7));
    block_on(async {
        let mut byte = [0];
        let error = reader
            .try_io(Interest::Read, |mut fd| fd.read(&mut byte))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        writer.write_all(b"a").unwrap();
        reader
            .async_io(Interest::Read, |mut fd| fd.read(&mut byte))
            .await
            .unwrap();
    });
    let _ = (reader.as_fd(), env::args());
}

/// The waker of who waits in the parent runs the parent's code, and its list may be locked for ever in the child.
#[test]
fn a_child_that_shuts_a_stream_of_its_parents_down_wakes_nobody() {
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    const NAME: &str = "a_child_that_shuts_a_stream_of_its_parents_down_wakes_nobody";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    for runtime in runtimes() {
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let _theirs = runtime.block_on(async {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let mut buffer = [0; 8];
            let mut reads = Box::pin(ours.read(&mut buffer));
            let mut cx = std::task::Context::from_waker(&waker);
            assert!(reads.as_mut().poll(&mut cx).is_pending());
            let status = fork(|| {
                ours.shutdown(std::net::Shutdown::Both).unwrap();
                assert_eq!(woken.0.load(Ordering::SeqCst), 0);
                // It counts for a runtime of the child's.
                let read = thread::scope(|scope| {
                    let run = || block_on(within(async { ours.read(&mut [0; 8]).await }));
                    scope.spawn(run).join().unwrap()
                });
                assert_eq!(read.unwrap(), 0);
                assert_eq!(woken.0.load(Ordering::SeqCst), 0);
                7
            });
            assert_eq!(status.code(), Some(7));
            drop(reads);
            theirs
        });
    }
}

/// Other threads take every lock that there is, over and over, while this one forks. What they hold at that moment nobody in the child gives
/// back.
#[test]
fn a_child_waits_for_no_lock_that_a_vanished_thread_held() {
    const NAME: &str = "a_child_waits_for_no_lock_that_a_vanished_thread_held";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (ours, theirs) = (Arc::new(ours), Arc::new(theirs));
    runtime.block_on(async {
        assert!(ours.read(&mut [0]).now_or_never().is_none());
        assert!(theirs.read(&mut [0]).now_or_never().is_none());
    });
    let sleeps = || -> Vec<_> { (0..8).map(|_| Box::pin(sleep(LONG))).collect() };
    let start_all = |sleeps: &mut Vec<std::pin::Pin<Box<waterwheel::time::Sleep>>>| {
        runtime.block_on(async {
            for sleep in sleeps {
                assert!(sleep.as_mut().now_or_never().is_none());
            }
        });
    };
    let mut others_sleeps = sleeps();
    start_all(&mut others_sleeps);
    let outbox = Arc::new(Outbox::new(UnixStream::pair().unwrap().0));
    let (end, _other_end) = io::pipe().unwrap();
    let pipe = Arc::new(AsyncFd::new(end).unwrap());
    // With a worker, which stays: this thread may be a guest by now, whose driver goes with it.
    let registered = Arc::clone(&pipe);
    let registers =
        runtime.spawn(async move { assert!(registered.readable().now_or_never().is_none()) });
    runtime.block_on(registers).unwrap();
    let asked = Arc::clone(&pipe);
    let threads: Vec<thread::JoinHandle<()>> = {
        let repeat = |mut run: Box<dyn FnMut() + Send>| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    run();
                }
            })
        };
        let (stream, handle, queued) = (
            Arc::clone(&ours),
            runtime.handle().clone(),
            Arc::clone(&outbox),
        );
        let mut hour = 0;
        vec![
            // The waiters of a source.
            repeat(Box::new(move || {
                for _ in 0..100 {
                    assert!(stream.readable().now_or_never().is_none());
                }
            })),
            // The timers.
            repeat(Box::new(move || {
                hour += 1;
                for sleep in &mut others_sleeps {
                    let earlier = Instant::now() + LONG - Duration::from_micros(hour);
                    sleep.as_mut().get_mut().reset(earlier);
                }
            })),
            // The lists of tasks, the queues, and the sleep of workers.
            repeat(Box::new(move || {
                let tasks: Vec<_> = (0..16).map(|_| handle.spawn(async {})).collect();
                tasks.iter().for_each(|task| task.abort());
            })),
            // Where a source is registered.
            repeat(Box::new(move || {
                let mut stay = OwnedWait::<Reading>::new();
                for _ in 0..100 {
                    stay.next_turn(&asked, Operation::new("a test"), Waker::noop())
                        .unwrap();
                }
                stay.leave(&asked);
            })),
            // An outbox.
            repeat(Box::new(move || {
                let _ = queued.is_over();
                drop(queued.ready().now_or_never());
            })),
        ]
    };
    let rounds = if cfg!(debug_assertions) { 100 } else { 500 };
    for round in 0..rounds {
        let mut own_sleeps = sleeps();
        start_all(&mut own_sleeps);
        let task = runtime.spawn(pending::<()>());
        let other = runtime.block_on(async {
            let stream = UnixStream::pair().unwrap();
            assert!(stream.0.read(&mut [0]).now_or_never().is_none());
            stream
        });
        let mut byte = [0];
        let mut reading = Box::pin(ours.read(&mut byte));
        runtime.block_on(async { assert!((&mut reading).now_or_never().is_none()) });
        let status = fork(|| {
            drop(copy_of(&reading));
            drop(copy_of(&*ours));
            drop(copy_of(&*theirs));
            drop(copy_of(&*pipe));
            drop(copy_of(&other));
            let mut sleeps = copy_of(&own_sleeps);
            let mut moved = sleeps.pop().unwrap();
            moved.as_mut().get_mut().reset(Instant::now());
            drop(sleeps);
            drop(copy_of(&*outbox));
            task.abort();
            drop(copy_of(&task));
            drop(copy_of(&runtime));
            block_on(async {
                moved.await;
                spawn(async { 7 }).await.unwrap()
            })
        });
        assert_eq!(status.code(), Some(7), "round {round}: {status}");
        task.abort();
    }
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A waker that the child has, of a task or of a main future that sleeps in the parent.
#[test]
fn a_wake_in_the_child_wakes_nobody_in_the_parent() {
    const NAME: &str = "a_wake_in_the_child_wakes_nobody_in_the_parent";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    for runtime in runtimes() {
        let (sender, wakers) = std::sync::mpsc::channel();
        let polls = Arc::new(AtomicUsize::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let waits = || {
            let (sender, polls, over) = (sender.clone(), Arc::clone(&polls), Arc::clone(&over));
            std::future::poll_fn(move |cx| {
                polls.fetch_add(1, Ordering::SeqCst);
                sender.send(cx.waker().clone()).unwrap();
                if over.load(Ordering::SeqCst) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
        };
        let handle = runtime.handle().clone();
        let main = waits();
        let sleeping = thread::spawn(move || handle.block_on(main));
        let task = runtime.spawn(waits());
        let wakers = [wakers.recv().unwrap(), wakers.recv().unwrap()];
        let_others_sleep();
        let before = kernel_objects(false);
        let status = fork(|| {
            wakers.iter().for_each(Waker::wake_by_ref);
            7
        });
        assert_eq!(status.code(), Some(7));
        assert_eq!(kernel_objects(false), before);
        assert_eq!(polls.load(Ordering::SeqCst), 2);
        over.store(true, Ordering::SeqCst);
        wakers.iter().for_each(Waker::wake_by_ref);
        sleeping.join().unwrap();
        runtime.block_on(within(task)).unwrap();
    }
}

/// A sleep that was dropped just before the fork, inside a task, is kept for the next one by the parent's thread: a child that enters timers of its
/// own leaves that alone.
#[test]
fn a_child_takes_no_timer_out_that_its_parent_kept() {
    const NAME: &str = "a_child_takes_no_timer_out_that_its_parent_kept";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    for runtime in runtimes() {
        let status = runtime.block_on(async {
            assert!(sleep(LONG).now_or_never().is_none());
            fork(|| {
                // A panic in the middle of it is contained, so the hook tells.
                std::panic::set_hook(Box::new(|_| std::process::abort()));
                waterwheel::block_on(sleep(Duration::from_nanos(1)));
                0
            })
        });
        assert_eq!(status.code(), Some(0), "{status}");
    }
}
