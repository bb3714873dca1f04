//! A runtime in which nothing happens uses no processor; one in which one worker is busy wakes the others a hundred times a second at most, to
//! look after it.
//!
//! These tests watch for seconds, and not for an event: that nothing happens is what they are about. A test of its own process: it looks at
//! all threads of its runtime, which it tells by their name.

use std::collections::BTreeMap;
use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::{Runtime, sleep, spawn, spawn_blocking};

const WORKERS: usize = 8;

/// How often each thread of that name has given up its processor by itself, and by force.
fn switches(name: &str) -> BTreeMap<String, (u64, u64)> {
    let mut switches = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").expect("proc") {
        let task = task.expect("a thread").path();
        let Ok(status) = fs::read_to_string(task.join("status")) else {
            continue;
        };
        let field = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key));
            value.expect("the kernel tells").trim().to_owned()
        };
        if field("Name:") == name {
            let voluntary = field("voluntary_ctxt_switches:").parse();
            let forced = field("nonvoluntary_ctxt_switches:").parse();
            let number = task.file_name().expect("a number").to_string_lossy();
            switches.insert(number.into_owned(), (voluntary.unwrap(), forced.unwrap()));
        }
    }
    switches
}

fn runtime(name: &str) -> Runtime {
    Runtime::builder()
        .worker_threads(WORKERS)
        .thread_name(name)
        .build()
        .unwrap()
}

fn parks(runtime: &Runtime) -> Vec<u64> {
    let metrics = runtime.metrics();
    metrics.workers.iter().map(|worker| worker.parks).collect()
}

/// Waits until no thread of the runtime has done anything for a while; it must come to that.
#[track_caller]
fn falls_silent(runtime: &Runtime, name: &str) {
    let start = Instant::now();
    loop {
        let before = (parks(runtime), switches(name));
        thread::sleep(Duration::from_millis(300));
        if before == (parks(runtime), switches(name)) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "it never sleeps");
    }
}

#[track_caller]
fn stays_silent(runtime: &Runtime, name: &str) {
    falls_silent(runtime, name);
    let before = (parks(runtime), switches(name));
    assert!(before.1.len() >= WORKERS, "threads are missing: {before:?}");
    thread::sleep(Duration::from_secs(1));
    assert_eq!(before, (parks(runtime), switches(name)));
}

#[test]
fn nothing_happens_in_one_that_is_new() {
    let runtime = runtime("ww-new");
    stays_silent(&runtime, "ww-new");
}

/// Also with timers and sockets that wait, a task that waits for ever, and a blocking thread that has had something to do.
#[test]
fn nothing_happens_after_work() {
    let name = "ww-worked";
    let runtime = runtime(name);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1_000)
            .map(|number| spawn(sleep(Duration::from_micros(number))))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        spawn_blocking(|| ()).await.unwrap();
        drop(spawn(sleep(Duration::from_secs(3_600))));
        drop(spawn(async {
            let listener = waterwheel::net::TcpListener::bind("127.0.0.1:0")
                .await
                .unwrap();
            listener.accept().await.unwrap();
        }));
    });
    stays_silent(&runtime, name);
}

/// So is one whose first worker a thread in `block_on` has.
#[test]
fn nothing_happens_while_block_on_waits() {
    let name = "ww-waiting";
    let runtime = runtime(name);
    let (tell, told) = mpsc::channel::<waterwheel::AbortHandle>();
    thread::scope(|scope| {
        let (runtime, waiting) = (&runtime, tell);
        scope.spawn(move || {
            runtime.block_on(async {
                let task = spawn(std::future::pending::<()>());
                waiting.send(task.abort_handle()).unwrap();
                let guest = task.await;
                assert!(guest.unwrap_err().is_cancelled());
            });
        });
        let abort = told.recv().unwrap();
        falls_silent(runtime, name);
        let before = parks(runtime);
        thread::sleep(Duration::from_secs(1));
        let after = parks(runtime);
        abort.abort();
        assert_eq!(before, after);
    });
}

/// What the others did while a task, or the future in `block_on`, was in one poll for a time. `block` begins that, and ends it when
/// the sender of its channel is dropped.
fn looks_beside(name: &str, block: impl FnOnce(&Runtime, mpsc::Receiver<()>, mpsc::Sender<()>)) {
    const TIME: Duration = Duration::from_secs(2);
    let runtime = runtime(name);
    falls_silent(&runtime, name);
    let (go_on, over) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    block(&runtime, over, tell);
    told.recv().unwrap();
    // What was woken to search has found nothing by then.
    thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    let before = (parks(&runtime), switches(name));
    thread::sleep(TIME);
    let after = (parks(&runtime), switches(name));
    // A machine that stalls makes it longer, and is no excuse for more.
    let time = start.elapsed();
    drop(go_on);

    let parks = after.0.iter().sum::<u64>() - before.0.iter().sum::<u64>();
    let voluntary = |of: &BTreeMap<String, (u64, u64)>| of.values().map(|of| of.0).sum::<u64>();
    let woken = voluntary(&after.1) - voluntary(&before.1);
    // One more for the ends of the time.
    let most = (time.as_secs_f64() * 100.0) as u64 + 1;
    assert!(
        parks <= most,
        "{parks} parks in {time:?}: {before:?} {after:?}"
    );
    // A lock that is held while a thread is put aside makes it sleep once more, which is not its doing.
    let slack = most / 20;
    assert!(
        woken <= most + slack,
        "{woken} switches in {time:?}: {before:?} {after:?}"
    );
    // But somebody does look. A machine that is loaded wakes it late.
    assert!(parks >= 20, "{parks} parks in {time:?}: nobody looks");
    stays_silent(&runtime, name);
}

#[test]
fn beside_a_long_task_the_others_look_a_hundred_times_a_second_at_most() {
    looks_beside("ww-task", |runtime, over, tell| {
        drop(runtime.spawn(async move {
            tell.send(()).unwrap();
            assert!(over.recv().is_err());
        }));
    });
}

/// The future in `block_on` is like a task, in the first worker. Its thread is none of the runtime's.
#[test]
fn beside_a_long_main_future_too() {
    looks_beside("ww-main", |runtime, over, tell| {
        let handle = runtime.handle().clone();
        thread::spawn(move || {
            handle.block_on(async {
                tell.send(()).unwrap();
                assert!(over.recv().is_err());
            });
        });
    });
}
