//! Paused time: the clock stands still while anything can run, and jumps when everything waits.

mod common;

use common::{Count, Random, eventually, rounds};
use futures_util::future::join;
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::reactor::{AsyncFd, Interest};
use waterwheel::time::{self, IdleTimeout, MissedTickBehavior, Timers};
use waterwheel::{
    JoinSet, Runtime, block_on, interval, run_after, run_every, sleep, sleep_until, spawn,
    spawn_blocking, spawn_local, timeout, yield_now,
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn paused(workers: usize) -> Runtime {
    Runtime::builder()
        .worker_threads(workers)
        .paused_time()
        .build()
        .expect("a runtime")
}

/// Runs a test on one worker, and on four.
fn on_each(test: impl Fn(&Runtime)) {
    for workers in [1, 4] {
        test(&paused(workers));
    }
}

/// Opens once, for any number of threads.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    /// Whether it has been opened; it waits for that no longer than a stuck test may take.
    fn pass(&self) {
        let limit = S(60);
        let opened = self.0.lock().unwrap();
        let opened = self.1.wait_timeout_while(opened, limit, |opened| !*opened);
        assert!(*opened.unwrap().0, "nobody has opened the gate");
    }
}

/// Ends with what `run` does, on a thread of its own; fails if that takes so long that it must be stuck.
#[track_caller]
fn ends<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || tell.send(run()));
    match told.recv_timeout(S(60)) {
        Ok(output) => output,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("stuck: {what}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

/// A value that one task sets and another waits for, woken by hand.
#[derive(Default)]
struct Signal(Mutex<(bool, Option<Waker>)>);

impl Signal {
    fn set(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if std::mem::take(&mut state.0) {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A queue between tasks, woken by hand.
#[derive(Default)]
struct Channel(Mutex<(VecDeque<u64>, VecDeque<Waker>)>);

impl Channel {
    fn send(&self, value: u64) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0.push_back(value);
            state.1.pop_front()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn receive(&self) -> u64 {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if let Some(value) = state.0.pop_front() {
                return Poll::Ready(value);
            }
            state.1.push_back(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// A socket whose bytes are with the reader as soon as they are written: no softirq carries them, as it does those of TCP.
struct Pipe(AsyncFd<UnixStream>);

impl Pipe {
    fn pair() -> (Pipe, Pipe) {
        let (one, other) = UnixStream::pair().unwrap();
        let pipe = |stream: UnixStream| {
            stream.set_nonblocking(true).unwrap();
            Pipe(AsyncFd::new(stream).unwrap())
        };
        (pipe(one), pipe(other))
    }

    fn write(&self, bytes: &[u8]) {
        self.0.get_ref().write_all(bytes).expect("there is room");
    }

    async fn read(&self) -> usize {
        let read = |mut stream: &UnixStream| stream.read(&mut [0; 8]);
        self.0.async_io(Interest::Read, read).await.unwrap()
    }
}

// ---- the clock

#[test]
fn a_year_of_sleeps_ends_in_no_time() {
    on_each(|runtime| {
        let (real, system) = (Instant::now(), std::time::SystemTime::now());
        runtime.block_on(async {
            let (start, system) = (time::now(), time::system_now());
            for day in 1..=365 {
                sleep(S(24 * 3600)).await;
                assert_eq!(time::now(), start + day * S(24 * 3600));
            }
            assert_eq!(time::now(), start + YEAR);
            assert_eq!(
                time::system_now(),
                system + YEAR,
                "the system clock goes along"
            );
            sleep(400 * YEAR).await;
            assert_eq!(time::now(), start + 401 * YEAR);
        });
        // It stands, and a slow machine is none that needs an hour.
        assert!(real.elapsed() < S(3600) && system.elapsed().unwrap() < S(3600));
    });
}

#[test]
fn the_clock_stands_still_while_a_task_is_ready() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let soon = spawn(async move {
                sleep(Duration::from_nanos(1)).await;
                time::now() - start
            });
            for _ in 0..10_000 {
                yield_now().await;
            }
            assert_eq!(time::now(), start);
            assert_eq!(soon.await.unwrap(), Duration::from_nanos(1));
        });
    });
}

/// What happens in the traced program: when, to whom, and what.
type Trace = Vec<(u128, u64, u64)>;

/// Some hundred tasks that sleep, tick, wait for each other, give up and are cancelled, with many ties. Seed 5.
async fn traced() -> Trace {
    let start = time::now();
    let trace: Arc<Mutex<Trace>> = Arc::default();
    let note = {
        let trace = Arc::clone(&trace);
        move |who: u64, what: u64| {
            let now = (time::now() - start).as_nanos();
            trace.lock().unwrap().push((now, who, what));
        }
    };
    let mut random = Random(5);
    let ring: Arc<[Channel; 16]> = Arc::new(std::array::from_fn(|_| Channel::default()));
    let mut set = JoinSet::new();
    for who in 0..400 {
        let (note, ring) = (note.clone(), Arc::clone(&ring));
        let mut random = Random(random.next());
        let task = async move {
            match who % 8 {
                // Sleeps of which many end together.
                0 => {
                    for what in 0..20 {
                        sleep(MS(10 * random.below(4))).await;
                        note(who, what);
                    }
                }
                1 => {
                    let mut interval = interval(MS(5 + random.below(3)));
                    interval.set_missed_tick_behavior(
                        [
                            MissedTickBehavior::Skip,
                            MissedTickBehavior::Burst,
                            MissedTickBehavior::Delay,
                        ][random.below(3) as usize],
                    );
                    for what in 0..20 {
                        interval.tick().await;
                        note(who, what);
                        sleep(MS(random.below(20))).await;
                    }
                }
                // Chains: who receives passes on.
                2 | 3 => {
                    let here = random.below(16) as usize;
                    for _ in 0..10 {
                        match timeout(MS(random.below(60)), ring[here].receive()).await {
                            Ok(value) => {
                                note(who, value);
                                ring[(here + 1) % 16].send(value + 1);
                            }
                            Err(_) => note(who, u64::MAX),
                        }
                    }
                }
                4 => {
                    for what in 0..10 {
                        ring[random.below(16) as usize].send(1_000 * who);
                        note(who, what);
                        if random.below(2) == 0 {
                            yield_now().await;
                        } else {
                            sleep(MS(random.below(3) * 10)).await;
                        }
                    }
                }
                // Families, of which some are cut off.
                5 => {
                    let mut family = JoinSet::new();
                    for child in 0..6 {
                        let note = note.clone();
                        let delay = MS(10 * random.below(6));
                        family.spawn(async move {
                            sleep(delay).await;
                            note(who, child);
                            child
                        });
                    }
                    let mut left = random.below(7);
                    while let Some(joined) = family.join_next().await {
                        note(who, 100 + joined.unwrap_or(99));
                        left = left.saturating_sub(1);
                        if left == 0 {
                            break;
                        }
                    }
                }
                6 => {
                    let ticks = note.clone();
                    let every = run_every(MS(7), move || ticks(who, 1));
                    let once = note.clone();
                    let after = run_after(MS(random.below(80)), move || once(who, 2));
                    sleep(MS(random.below(60))).await;
                    note(who, u64::from(after.cancel()));
                    every.reset(MS(10), true);
                    sleep(MS(50)).await;
                    note(who, u64::from(every.cancel()));
                }
                _ => {
                    let mut idle = IdleTimeout::new(MS(25));
                    for what in 0..10 {
                        let nap = sleep(MS(random.below(30))).with_slack(MS(random.below(10)));
                        note(who, what + 50 * u64::from(idle.watch(nap).await.is_ok()));
                    }
                    let lent = note.clone();
                    let pinned = spawn_local(async move { lent(who, 1_000) });
                    pinned.await.unwrap();
                }
            }
        };
        set.spawn_local(task);
        if who % 3 == 0 {
            set.spawn(async move { sleep(MS(who % 50)).await });
        }
    }
    let mut ended = 0;
    while let Some(end) = set.join_next().await {
        end.unwrap();
        note(1_000, ended);
        ended += 1;
    }
    std::mem::take(&mut *trace.lock().unwrap())
}

#[test]
fn the_same_program_gives_the_same_trace_every_time_on_any_number_of_workers() {
    let traces = |workers: usize| {
        let run = move |_| paused(workers).block_on(traced());
        (0..20).map(run).collect::<Vec<_>>()
    };
    let (one, four) = (traces(1), traces(4));
    let first = &one[0];
    assert!(first.len() > 3_000, "{} events", first.len());
    assert!(first.is_sorted_by_key(|(now, _, _)| *now));
    let instants = first.chunk_by(|a, b| a.0 == b.0).count();
    assert!(
        instants * 5 < first.len(),
        "{instants} instants: too few ties"
    );
    for (run, trace) in one.iter().chain(&four).enumerate() {
        let same = first.iter().zip(trace).take_while(|(a, b)| a == b).count();
        assert!(first == trace, "run {run} differs after {same} events");
    }
}

/// What is spawned with `Send` futures goes through the rings, and from task to task.
#[test]
fn chains_of_wakes_run_in_one_order() {
    let run = |workers: usize| {
        paused(workers).block_on(async {
            let order = Arc::new(Mutex::new(Vec::new()));
            let channels: Arc<[Channel; 50]> =
                Arc::new(std::array::from_fn(|_| Channel::default()));
            let mut set = JoinSet::new();
            for who in 0..500_u64 {
                let (order, channels) = (Arc::clone(&order), Arc::clone(&channels));
                set.spawn(async move {
                    let mut random = Random(who);
                    for _ in 0..10 {
                        sleep(MS(random.below(5))).await;
                        channels[random.below(50) as usize].send(who);
                        let from = &channels[random.below(50) as usize];
                        let got = timeout(MS(random.below(9)), from.receive()).await;
                        order.lock().unwrap().push((who, got.ok()));
                    }
                });
            }
            while set.join_next().await.is_some() {}
            std::mem::take(&mut *order.lock().unwrap())
        })
    };
    let first = run(1);
    assert_eq!(first.len(), 5_000);
    for workers in [1, 4, 4, 2] {
        assert!(run(workers) == first, "on {workers} workers");
    }
}

#[test]
fn tcp_inside_a_paused_runtime() {
    on_each(|runtime| {
        runtime.block_on(async {
            let ticks = Arc::new(AtomicUsize::new(0));
            let ticking = Arc::clone(&ticks);
            // Time goes on whenever the bytes are under way in the kernel.
            let every = run_every(S(1), move || {
                ticking.fetch_add(1, Ordering::Relaxed);
            });
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer).await.unwrap() {
                        0 => break,
                        count => stream.write_all(&buffer[..count]).await.unwrap(),
                    }
                }
            });
            let client = TcpStream::connect(address).await.unwrap();
            for message in 0..500_u32 {
                client.write_all(&message.to_le_bytes()).await.unwrap();
                let (mut echo, mut read) = ([0; 4], 0);
                while read < 4 {
                    read += client.read(&mut echo[read..]).await.unwrap();
                }
                assert_eq!(u32::from_le_bytes(echo), message);
                if message % 100 == 0 {
                    sleep(S(10)).await;
                }
            }
            drop(client);
            server.await.unwrap();
            assert!(ticks.load(Ordering::Relaxed) >= 50);
            assert!(every.cancel());
        });
    });
}

#[test]
fn bytes_that_are_there_come_before_the_next_deadline() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (ours, theirs) = Pipe::pair();
            let start = time::now();
            let echo = spawn(async move {
                while theirs.read().await > 0 {
                    theirs.write(b"wheel");
                }
            });
            for _ in 0..2_000 {
                ours.write(b"water");
                assert_eq!(timeout(MS(1), ours.read()).await, Ok(5));
            }
            assert_eq!(time::now(), start);
            drop(ours);
            echo.await.unwrap();
        });
    });
}

/// Another runtime, and a thread without any, know nothing of it.
#[test]
fn the_real_clock_is_untouched_elsewhere() {
    let start = Instant::now();
    let (begin, begun) = mpsc::channel();
    let real = thread::spawn(move || {
        block_on(async {
            let start = Instant::now();
            begin.send(()).unwrap();
            sleep(MS(50)).await;
            assert!(start.elapsed() >= MS(50), "by the clock of another runtime");
            let (before, now, after) = (Instant::now(), time::now(), Instant::now());
            assert!((before..=after).contains(&now));
            let other = paused(1);
            // A paused runtime in a job of a real one.
            spawn_blocking(move || other.block_on(sleep(YEAR)))
                .await
                .unwrap();
            assert!(time::now() < start + S(3600));
        });
    });
    begun.recv().unwrap();
    let runtime = paused(2);
    let virtual_now = runtime.block_on(async {
        while !real.is_finished() {
            sleep(YEAR / 1_000).await;
            if time::now() > start + 100 * YEAR {
                break;
            }
        }
        time::now()
    });
    assert!(virtual_now > start + S(3600));
    assert!(
        time::now() < start + S(3600),
        "this thread is in no runtime"
    );
    real.join().unwrap();
    let fresh = paused(1);
    let now = fresh.block_on(async { time::now() });
    assert!(now < start + S(3600), "each has a clock of its own");
}

#[test]
fn outside_paused_time_the_hands_of_the_clock_are_out_of_reach() {
    let message = |run: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("no panic");
        match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_owned(),
        }
    };
    let calls: [(&str, &dyn Fn()); 3] = [
        ("advance", &|| drop(time::advance(S(1)))),
        ("set_system_time", &|| {
            time::set_system_time(std::time::UNIX_EPOCH)
        }),
        ("suspend", &|| time::suspend(S(1))),
    ];
    for (name, call) in calls {
        let inside = || block_on(async { call() });
        for run in [call, &inside] {
            let said = message(run);
            assert!(said.contains(&format!("`time::{name}`")), "{said}");
            assert!(said.contains("paused_time()"), "{said}");
        }
    }
}

// ---- blocking jobs

/// A thread of the pool that comes when there is nothing left to do is the last that the clock has waited for.
#[test]
fn the_clock_moves_on_after_a_thread_that_came_too_late_for_its_job() {
    let late = Gate::new();
    let started = AtomicUsize::new(0);
    let hook = {
        let late = Arc::clone(&late);
        // The second thread of the pool (a runtime of one worker has one of its own) is as slow as can be.
        move || {
            let name = thread::current().name().unwrap_or_default().to_owned();
            if name.contains("blocking") && started.fetch_add(1, Ordering::SeqCst) == 1 {
                late.pass();
            }
        }
    };
    let runtime = Runtime::builder()
        .worker_threads(1)
        .paused_time()
        .on_thread_start(hook)
        .build()
        .unwrap();
    ends("the sleep", move || {
        runtime.block_on(async {
            let (first, second) = (spawn_blocking(|| ()), spawn_blocking(|| ()));
            first.await.unwrap();
            second.await.unwrap();
            // Opened by a thread that the runtime does not know, when this one has long gone to sleep.
            thread::spawn(move || {
                thread::sleep(MS(50));
                late.open();
            });
            sleep(S(1)).await;
        });
    });
}

/// «If the runtime ends meanwhile, the future runs all the same, with timers.»
#[test]
fn a_main_future_that_outlives_its_runtime_sleeps_on_when_a_blocking_job_ends() {
    let runtime = paused(1);
    let (gate, sleeps) = (Gate::new(), Gate::new());
    let handle = runtime.handle().clone();
    let job = Arc::clone(&gate);
    runtime.spawn_blocking(move || job.pass());
    let (tell, told) = mpsc::channel();
    let awake = Arc::clone(&sleeps);
    let main = thread::spawn(move || {
        handle.block_on(async {
            awake.open();
            sleep(S(1)).await;
        });
        tell.send(()).unwrap();
    });
    sleeps.pass();
    runtime.shutdown(MS(20));
    gate.open();
    told.recv_timeout(S(60)).expect("stuck: the sleep");
    main.join().unwrap();
}

/// A job that waits in `block_on` does not work meanwhile: it is a guest.
#[test]
fn a_blocking_job_may_sleep_in_block_on() {
    for workers in [1, 4] {
        let runtime = paused(workers);
        let slept = ends("the job", move || {
            let handle = runtime.handle().clone();
            runtime.block_on(async move {
                let start = time::now();
                let job = spawn_blocking(move || {
                    handle.block_on(async move {
                        sleep(S(3600)).await;
                        time::now() - start
                    })
                });
                job.await.unwrap()
            })
        });
        assert_eq!(slept, S(3600));
    }
}

/// Whether somebody awaits it or not.
#[test]
fn the_clock_stands_still_while_a_blocking_job_runs() {
    for workers in [1, 4] {
        for is_awaited in [true, false] {
            let runtime = paused(workers);
            ends("the sleep", move || {
                runtime.block_on(async {
                    let clock = Timers::current().unwrap().virtual_clock().unwrap().clone();
                    let start = time::now();
                    let gate = Gate::new();
                    let has_ended = Arc::new(AtomicBool::new(false));
                    let job = spawn_blocking({
                        let (gate, has_ended) = (Arc::clone(&gate), Arc::clone(&has_ended));
                        move || {
                            gate.pass();
                            has_ended.store(true, Ordering::SeqCst);
                        }
                    });
                    thread::spawn(move || {
                        for _ in 0..50 {
                            assert_eq!(clock.now(), start, "it moves in a job");
                            thread::sleep(MS(1));
                        }
                        gate.open();
                    });
                    let nap = spawn({
                        let has_ended = Arc::clone(&has_ended);
                        async move {
                            sleep(S(1)).await;
                            has_ended.load(Ordering::SeqCst)
                        }
                    });
                    if is_awaited {
                        job.await.unwrap();
                        assert_eq!(time::now(), start, "the job took no time");
                    }
                    assert!(nap.await.unwrap(), "the clock moved before the job's end");
                    assert_eq!(time::now(), start + S(1));
                });
            });
        }
    }
}

#[test]
fn sleeps_and_blocking_jobs_in_turn() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let rounds = rounds(20_000, 2_000) as u32;
            for round in 0..rounds {
                let jobs = [1, 2, 3].map(|job| spawn_blocking(move || job));
                let nap = spawn(sleep(MS(1)));
                let [first, ..] = jobs;
                if round % 2 == 0 {
                    assert_eq!(first.await.unwrap(), 1);
                    assert_eq!(time::now(), start + MS(1) * round);
                }
                nap.await.unwrap();
                assert_eq!(time::now(), start + MS(1) * (round + 1));
            }
        });
    });
}

// ---- guests

/// While one member polls, another must not move the clock.
#[test]
fn the_clock_stands_still_in_a_poll_that_a_foreign_thread_has_caused() {
    for workers in [1, 2] {
        let runtime = paused(workers);
        let (stop, signal) = (AtomicBool::new(false), Signal::default());
        thread::scope(|scope| {
            let (stop, signal, handle) = (&stop, &signal, runtime.handle().clone());
            let guest = scope.spawn(move || {
                handle.block_on(async {
                    let mut moved = 0;
                    while !stop.load(Ordering::Relaxed) {
                        signal.wait().await;
                        let before = time::now();
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_micros(50) {}
                        moved += u32::from(time::now() != before);
                    }
                    moved
                })
            });
            let foreign = scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    signal.set();
                    thread::sleep(Duration::from_micros(30));
                }
                signal.set();
            });
            runtime.block_on(async {
                for _ in 0..rounds(20_000, 3_000) {
                    sleep(MS(1)).await;
                }
            });
            stop.store(true, Ordering::Relaxed);
            foreign.join().unwrap();
            signal.set();
            assert_eq!(guest.join().unwrap(), 0, "the clock moved in a poll");
        });
    }
}

/// What a zero turn finds may concern somebody on another thread: here main's driver has the descriptor on which the guest waits.
#[test]
fn bytes_that_one_member_finds_for_another_come_before_the_next_deadline() {
    let exchanges = rounds(50_000, 5_000);
    let runtime = paused(1);
    let handle = runtime.handle().clone();
    let (to_guest, for_guest) = mpsc::channel();
    let sits = Gate::new();
    let guest = {
        let sits = Arc::clone(&sits);
        thread::spawn(move || {
            handle.block_on(async {
                sits.open();
                let pipe: Arc<Pipe> = for_guest.recv().unwrap();
                for _ in 0..exchanges {
                    assert_eq!(timeout(S(1), pipe.read()).await, Ok(5));
                    pipe.write(b"wheel");
                }
            });
        })
    };
    runtime.block_on(async {
        let (pipe, other) = Pipe::pair();
        // Registers it here.
        {
            let mut reading = pin!(pipe.read());
            let is_pending = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx).is_pending()));
            assert!(is_pending.await);
        }
        sits.pass();
        to_guest.send(Arc::new(pipe)).unwrap();
        for _ in 0..exchanges {
            other.write(b"water");
            assert_eq!(timeout(S(2), other.read()).await, Ok(5));
        }
    });
    guest.join().unwrap();
}

/// The bytes are in the kernel when main leaves the first worker; the spare, who has yet to sit down there, takes the turn that finds them.
#[test]
fn no_jump_while_the_first_worker_changes_hands() {
    let runtime = Runtime::builder()
        .worker_threads(1)
        .paused_time()
        .build()
        .unwrap();
    for round in 0..rounds(1_000, 200) {
        let (tell, told) = mpsc::channel();
        let (sits, ready) = (Gate::new(), Gate::new());
        let sitting = Arc::clone(&sits);
        let leaving = Arc::clone(&ready);
        let handle = runtime.handle().clone();
        let guest = thread::spawn(move || {
            sitting.pass();
            handle.block_on(async {
                leaving.open();
                sleep(S(1)).await;
            });
        });
        runtime.block_on(async {
            let (pipe, other) = Pipe::pair();
            let start = time::now();
            spawn(async move {
                let read = other.read().await;
                tell.send((read, time::now() - start)).unwrap();
            });
            for _ in 0..3 {
                yield_now().await;
            }
            sits.open();
            ready.pass();
            pipe.write(b"water");
        });
        let (read, after) = told.recv_timeout(S(60)).unwrap();
        assert_eq!((read, after), (5, Duration::ZERO), "round {round}");
        guest.join().unwrap();
    }
}

/// Seed 3. Every sleep ends exactly at its deadline, whoever sleeps: the clock does not jump while anybody has something to do.
#[test]
fn guests_tasks_and_foreign_threads_all_see_exact_instants() {
    async fn naps(seed: u64, count: usize, kinds: u64) {
        let mut random = Random(seed);
        for _ in 0..count {
            let deadline = time::now() + Duration::from_micros(random.below(500));
            match random.below(kinds) {
                0 => sleep_until(deadline).await,
                1 => spawn(sleep_until(deadline)).await.unwrap(),
                2 => {
                    let (pipe, other) = Pipe::pair();
                    let write = spawn(async move {
                        sleep_until(deadline).await;
                        other.write(b"water");
                    });
                    assert_eq!(pipe.read().await, 5);
                    write.await.unwrap();
                }
                // Not for tasks, whose thread may leave.
                _ => spawn_local(sleep_until(deadline)).await.unwrap(),
            }
            assert_eq!(time::now(), deadline);
        }
    }
    let naps_each = rounds(5_000, 500);
    for workers in [1, 4] {
        ends("guests", move || {
            let runtime = paused(workers);
            thread::scope(|scope| {
                for guest in 0..4 {
                    let handle = runtime.handle().clone();
                    scope.spawn(move || {
                        // They come and go.
                        for stay in 0..5 {
                            handle.block_on(naps(100 * guest + stay, naps_each / 5, 4));
                        }
                    });
                }
                for foreign in 0..2 {
                    let handle = runtime.handle().clone();
                    scope.spawn(move || {
                        for spawned in 0..naps_each as u64 / 10 {
                            let task = handle.spawn(async move {
                                let deadline = time::now() + MS(1);
                                sleep_until(deadline).await;
                                assert_eq!(time::now(), deadline);
                                naps(1_000 * foreign + spawned, 3, 3).await;
                            });
                            if spawned % 3 == 0 {
                                handle.block_on(task).unwrap();
                            }
                        }
                    });
                }
            });
        });
    }
}

/// A guest whose main future never pends keeps the clock where it is, and no longer.
#[test]
fn the_clock_waits_for_a_guest_that_is_busy() {
    let runtime = paused(1);
    ends("the sleep", move || {
        let handle = runtime.handle().clone();
        let (go, on) = (Gate::new(), Gate::new());
        let (opened, passed) = (Arc::clone(&go), Arc::clone(&on));
        let guest = thread::spawn(move || {
            let start = handle.block_on(async {
                let start = time::now();
                opened.open();
                for _ in 0..20_000 {
                    yield_now().await;
                    assert_eq!(time::now(), start);
                }
                start
            });
            passed.open();
            start
        });
        // If the guest came first, it has the first worker, and this is the guest: all the same.
        let end = runtime.block_on(async {
            go.pass();
            sleep(S(1)).await;
            time::now()
        });
        on.pass();
        assert_eq!(guest.join().unwrap() + S(1), end);
    });
}

/// When main has left, who is left goes on.
#[test]
fn guests_and_tasks_go_on_when_main_leaves() {
    for workers in [1, 4] {
        ends("the guest", move || {
            let runtime = paused(workers);
            for leaves_task in [true, false] {
                let (sits, leave) = (Gate::new(), Gate::new());
                let handle = runtime.handle().clone();
                let (sitting, leaving) = (Arc::clone(&sits), Arc::clone(&leave));
                let guest = thread::spawn(move || {
                    sitting.pass();
                    handle.block_on(async {
                        leaving.open();
                        for _ in 0..10 {
                            let deadline = time::now() + S(1);
                            sleep_until(deadline).await;
                            assert_eq!(time::now(), deadline);
                        }
                    });
                });
                let (tell, told) = mpsc::channel();
                runtime.block_on(async {
                    sits.open();
                    leave.pass();
                    if leaves_task {
                        let deadline = time::now() + S(100);
                        spawn(async move {
                            sleep_until(deadline).await;
                            tell.send(time::now() == deadline).unwrap();
                        });
                    }
                });
                guest.join().unwrap();
                assert_eq!(told.recv().ok(), leaves_task.then_some(true));
            }
        });
    }
}

/// Nobody is in `block_on`: the spare thread sees to the tasks, and the clock.
#[test]
fn what_foreign_threads_spawn_sleeps_without_main() {
    on_each(|runtime| {
        let (tell, told) = mpsc::channel();
        for round in 0..200_u32 {
            let tell = tell.clone();
            let _entered = runtime.enter();
            spawn(async move {
                let start = time::now();
                sleep(YEAR / 1_000).await;
                tell.send((round, time::now() - start)).unwrap();
            });
            assert_eq!(told.recv_timeout(S(60)), Ok((round, YEAR / 1_000)));
        }
    });
}

// ---- ends

#[test]
fn shutdown_and_drop_while_all_sleep() {
    for workers in [1, 4] {
        let tasks = Count::default();
        for is_dropped in [true, false] {
            let runtime = paused(workers);
            let sleepers = runtime.block_on(async {
                let gate = Gate::new();
                let job = Arc::clone(&gate);
                // While this runs the clock stands, so that they do sleep.
                let job = spawn_blocking(move || job.pass());
                for _ in 0..10 {
                    let guard = tasks.guard();
                    spawn(async move {
                        let _guard = guard;
                        sleep(S(1)).await;
                        unreachable!("no second has passed");
                    });
                }
                for _ in 0..3 {
                    yield_now().await;
                }
                (gate, job)
            });
            if is_dropped {
                drop(runtime);
            } else {
                let report = runtime.shutdown(Duration::ZERO);
                assert_eq!(report.tasks.len(), 10);
            }
            sleepers.0.open();
            assert_eq!(tasks.dropped(), tasks.made());
        }
    }
}

#[test]
fn a_guest_and_a_main_future_outlive_their_runtime() {
    for workers in [1, 4] {
        ends("block_on", move || {
            let runtime = paused(workers);
            let (arrived, go) = (Arc::new(AtomicUsize::new(0)), Gate::new());
            let threads = [(); 3].map(|()| {
                let (handle, arrived, go) = (
                    runtime.handle().clone(),
                    Arc::clone(&arrived),
                    Arc::clone(&go),
                );
                thread::spawn(move || {
                    handle.block_on(async {
                        let start = time::now();
                        arrived.fetch_add(1, Ordering::SeqCst);
                        poll_fn(|_| {
                            go.pass();
                            Poll::Ready(())
                        })
                        .await;
                        sleep(S(10)).await;
                        // The others may have slept already.
                        assert!(time::now() >= start + S(10));
                    });
                })
            });
            eventually("all are there", || arrived.load(Ordering::SeqCst) == 3);
            let open = Arc::clone(&go);
            let opener = thread::spawn(move || {
                thread::sleep(MS(5));
                open.open();
            });
            drop(runtime);
            for thread in threads {
                thread.join().unwrap();
            }
            opener.join().unwrap();
        });
    }
}

/// Dropped with everything in it, it gives all descriptors back.
#[test]
fn a_paused_runtime_leaves_nothing_behind() {
    let threads = Count::default();
    for _ in 0..20 {
        let guard = threads.guard();
        let runtime = paused(3);
        let clock = runtime.block_on(async move {
            spawn(async move {
                let _guard = guard;
                pending::<()>().await
            });
            let mut steps = time::clock_steps();
            let steps = spawn(async move { futures_util::StreamExt::next(&mut steps).await });
            spawn(async { time::sleep_until_system(time::system_now() + YEAR).await });
            yield_now().await;
            steps.abort();
            let timers = Timers::current().unwrap();
            Arc::downgrade(timers.virtual_clock().unwrap())
        });
        drop(runtime);
        assert!(clock.upgrade().is_none(), "somebody has the clock still");
    }
    assert_eq!(threads.dropped(), 20);
}

// ---- advance

#[test]
fn advance_stops_at_each_deadline_on_its_way() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let seen = Arc::new(Mutex::new(Vec::new()));
            for (who, delay) in [(0, 3), (1, 1), (2, 2), (3, 2), (4, 5), (5, 6)] {
                let seen = Arc::clone(&seen);
                spawn(async move {
                    sleep(S(delay)).await;
                    seen.lock().unwrap().push((who, time::now() - start));
                });
            }
            time::advance(S(5)).await;
            assert_eq!(time::now(), start + S(5));
            let expected = [(1, 1), (2, 2), (3, 2), (0, 3), (4, 5)];
            assert_eq!(
                *seen.lock().unwrap(),
                expected.map(|(who, after)| (who, S(after)))
            );
            time::advance(MS(999)).await;
            assert_eq!(seen.lock().unwrap().len(), 5, "not yet");
            time::advance(MS(1)).await;
            assert_eq!(seen.lock().unwrap().last(), Some(&(5, S(6))));
        });
    });
}

/// What a task does at a stop, and whom it wakes, and what these file, is all done before the clock goes on.
#[test]
fn chain_reactions_at_a_stop() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let channels: Arc<[Channel; 40]> =
                Arc::new(std::array::from_fn(|_| Channel::default()));
            let links: Vec<_> = (0..39)
                .map(|link| {
                    let channels = Arc::clone(&channels);
                    spawn(async move {
                        let value = channels[link].receive().await;
                        let before = time::now();
                        spawn(async {}).await.unwrap();
                        yield_now().await;
                        // Due at once: at the same stop.
                        sleep(Duration::ZERO).await;
                        sleep_until(before).await;
                        channels[link + 1].send(value + 1);
                        // And one that is filed for later at a stop.
                        sleep(MS(1)).await;
                        (before - start, time::now() - start)
                    })
                })
                .collect();
            let first = Arc::clone(&channels);
            run_after(S(2), move || first[0].send(7));
            time::advance(S(10)).await;
            assert_eq!(channels[39].receive().await, 7 + 39);
            for link in links {
                assert!(link.is_finished());
                assert_eq!(link.await.unwrap(), (S(2), S(2) + MS(1)));
            }
        });
    });
}

#[test]
fn advance_goes_on_past_a_blocking_job_and_a_task_that_never_pends() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let gate = Gate::new();
            let job = Arc::clone(&gate);
            let job = spawn_blocking(move || job.pass());
            let nap = spawn(async move {
                sleep(S(1)).await;
                time::now() - start
            });
            time::advance(S(5)).await;
            assert!(!job.is_finished() && nap.is_finished());
            assert_eq!(nap.await.unwrap(), S(1));
            let busy = spawn(async {
                loop {
                    yield_now().await;
                }
            });
            time::advance(S(5)).await;
            assert_eq!(time::now(), start + S(10));
            busy.abort();
            gate.open();
            job.await.unwrap();
            assert_eq!(time::now(), start + S(10));
        });
    });
}

/// It lets everybody run who can, and wakes who is due by now.
#[test]
fn advance_by_nothing() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let ran = Arc::new(AtomicBool::new(false));
            let running = Arc::clone(&ran);
            spawn(async move {
                yield_now().await;
                sleep_until(start).await;
                running.store(true, Ordering::SeqCst);
            });
            let later = spawn(sleep(Duration::from_nanos(1)));
            time::advance(Duration::ZERO).await;
            assert!(ran.load(Ordering::SeqCst) && !later.is_finished());
            assert_eq!(time::now(), start);
        });
    });
}

#[test]
fn a_dropped_advance_leaves_the_clock_at_its_stop() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let stop = sleep(S(3));
            {
                let mut advance = pin!(time::advance(S(10)));
                let mut stop = pin!(stop);
                poll_fn(|cx| match stop.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(()),
                    Poll::Pending => advance.as_mut().poll(cx).map(|()| unreachable!()),
                })
                .await;
            }
            assert_eq!(time::now(), start + S(3));
            sleep(S(1)).await;
            assert_eq!(time::now(), start + S(4));
        });
    });
}

/// At each stop all runs that has been woken there, also what shares the task.
#[test]
fn advance_lets_the_futures_beside_it_see_their_instants() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let (_, seen) = join(time::advance(S(10)), async {
                sleep(S(2)).await;
                let first = time::now() - start;
                sleep(S(3)).await;
                (first, time::now() - start)
            })
            .await;
            assert_eq!(seen, (S(2), S(5)));
        });
    });
}

/// A chain of wakes at a stop that leads through the main future.
#[test]
fn advance_in_a_task_waits_for_the_main_future() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = time::now();
            let (to_main, to_task) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
            let link = spawn({
                let (to_main, to_task) = (Arc::clone(&to_main), Arc::clone(&to_task));
                async move {
                    sleep(S(2)).await;
                    to_main.set();
                    to_task.wait().await;
                    time::now()
                }
            });
            let advance = spawn(async move {
                yield_now().await;
                time::advance(S(10)).await;
                time::now()
            });
            to_main.wait().await;
            assert_eq!(time::now(), start + S(2), "main is woken by the task");
            yield_now().await;
            assert_eq!(time::now(), start + S(2), "main has yielded");
            to_task.set();
            assert_eq!(link.await.unwrap(), start + S(2));
            assert_eq!(advance.await.unwrap(), start + S(10));
        });
    });
}

/// *Never* is a time that no clock comes to, however far it is moved.
#[test]
fn what_is_never_due_is_not_when_the_clock_comes_to_its_end() {
    let runtime = paused(1);
    runtime.block_on(async {
        let never = spawn(sleep(Duration::MAX));
        let due = sleep(S(1));
        yield_now().await;
        time::advance(Duration::MAX).await;
        time::advance(900 * YEAR).await;
        // Filed now, under a deadline that has long passed.
        due.await;
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!never.is_finished());
        never.abort();
    });
}
