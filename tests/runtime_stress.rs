//! The parts of a runtime by which work comes to a worker, each under as much of it as makes them meet: every task runs, once, and a wake that
//! is lost shows as a hang.

mod common;

use common::{Random, eventually, rounds};
use futures_util::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::{Handle, JoinHandle, Runtime, sleep, spawn, spawn_local, yield_now};

const SEED: u64 = 0x57e5_5000;

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

/// How often each of so many tasks has run.
#[derive(Clone)]
struct Ran(Arc<[AtomicUsize]>);

impl Ran {
    fn new(tasks: usize) -> Self {
        Self((0..tasks).map(|_| AtomicUsize::new(0)).collect())
    }

    fn mark(&self, task: usize) {
        self.0[task].fetch_add(1, Ordering::Relaxed);
    }

    #[track_caller]
    fn check(&self) {
        for (number, ran) in self.0.iter().enumerate() {
            let ran = ran.load(Ordering::Relaxed);
            assert_eq!(ran, 1, "task {number} ran {ran} times");
        }
    }
}

async fn join(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        handle.await.unwrap();
    }
}

/// More tasks than a ring holds, made by one worker, and polled a few times each; the others steal from its ring and from behind it.
#[test]
fn rings_that_overflow_and_are_stolen_from() {
    for workers in [2, 8] {
        let runtime = runtime(workers);
        for _ in 0..rounds(200, 20) {
            let ran = Ran::new(2_000);
            runtime.block_on(async {
                let spawn_one = |number: usize| {
                    let ran = ran.clone();
                    spawn(async move {
                        for _ in 0..number % 4 {
                            yield_now().await;
                        }
                        ran.mark(number);
                    })
                };
                join((0..ran.0.len()).map(spawn_one).collect()).await;
            });
            ran.check();
        }
        let steals: u64 = runtime
            .metrics()
            .workers
            .iter()
            .map(|worker| worker.steals)
            .sum();
        assert!(steals > 0, "nobody has stolen");
    }
}

/// Every worker makes tasks, which make tasks.
#[test]
fn tasks_that_make_tasks_on_every_worker() {
    fn tree(ran: Ran, number: usize) {
        ran.mark(number);
        for child in [2 * number + 1, 2 * number + 2] {
            if child < ran.0.len() {
                let ran = ran.clone();
                drop(spawn(async move {
                    if child % 3 == 0 {
                        yield_now().await;
                    }
                    tree(ran, child);
                }));
            }
        }
    }
    for workers in [2, 8] {
        let runtime = runtime(workers);
        for _ in 0..rounds(200, 20) {
            let ran = Ran::new(4_000);
            let theirs = ran.clone();
            drop(runtime.spawn(async move { tree(theirs, 0) }));
            eventually("all have run", || runtime.metrics().tasks_alive == 0);
            ran.check();
        }
    }
}

/// Pairs that wake each other, so that each is in the LIFO slot again and again, beside tasks that yield.
#[test]
fn slots_that_are_stolen_from() {
    const LAPS: usize = 300;
    for workers in [2, 8] {
        let runtime = runtime(workers);
        for _ in 0..rounds(50, 5) {
            let pair = || {
                let turn = Arc::new((AtomicUsize::new(0), Mutex::new([None::<Waker>, None])));
                [0, 1].map(|side| {
                    let turn = Arc::clone(&turn);
                    runtime.spawn(async move {
                        for lap in 0..LAPS {
                            poll_fn(|cx| {
                                turn.1.lock().unwrap()[side] = Some(cx.waker().clone());
                                if turn.0.load(Ordering::SeqCst) == 2 * lap + side {
                                    Poll::Ready(())
                                } else {
                                    Poll::Pending
                                }
                            })
                            .await;
                            turn.0.fetch_add(1, Ordering::SeqCst);
                            let other = turn.1.lock().unwrap()[1 - side].take();
                            if let Some(other) = other {
                                other.wake();
                            }
                        }
                    })
                })
            };
            let pairs: Vec<_> = (0..20).flat_map(|_| pair()).collect();
            let yielding = (0..20).map(|_| {
                runtime.spawn(async {
                    for _ in 0..LAPS {
                        yield_now().await;
                    }
                })
            });
            let all = pairs.into_iter().chain(yielding).collect();
            runtime.block_on(join(all));
        }
    }
}

#[test]
fn spawns_from_eight_threads() {
    const THREADS: usize = 8;
    for workers in [1, 2, 8] {
        let runtime = runtime(workers);
        let each = rounds(50_000, 2_000);
        let ran = Ran::new(THREADS * each);
        let handles: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (ran, runtime) = (&ran, &runtime);
                    scope.spawn(move || -> Vec<_> {
                        (0..each)
                            .map(|number| {
                                let ran = ran.clone();
                                runtime.spawn(async move { ran.mark(thread * each + number) })
                            })
                            .collect()
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap());
            joined.flatten().collect()
        });
        runtime.block_on(join(handles));
        ran.check();
    }
}

/// Waits for `count` messages; a minute without one is a hang, and then says what the workers do.
#[track_caller]
fn expect(told: &mpsc::Receiver<()>, count: usize, runtime: &Handle, round: usize) {
    for number in 0..count {
        if told.recv_timeout(Duration::from_secs(60)).is_err() {
            let metrics = runtime.metrics();
            panic!(
                "a wake is lost: {number} of {count} ran in round {round}, seed {SEED:#x}; {metrics:#?}"
            );
        }
    }
}

/// Into silence, of whatever length: workers sleep, or are about to. Work comes from outside.
#[test]
fn bursts_from_outside_and_silences() {
    println!("seed {SEED:#x}");
    let mut random = Random(SEED);
    for workers in [1, 2, 8] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel();
        for round in 0..rounds(20_000, 1_500) {
            let burst = 1 + random.below(12) as usize;
            for _ in 0..burst {
                let tell = tell.clone();
                drop(runtime.spawn(async move { tell.send(()).unwrap() }));
            }
            expect(&told, burst, runtime.handle(), round);
            match random.below(40) {
                0 => thread::sleep(Duration::from_millis(random.below(15))),
                1..15 => thread::sleep(Duration::from_micros(random.below(100))),
                _ => {}
            }
        }
    }
}

/// The same, from a worker that a timer wakes, all others being asleep.
#[test]
fn bursts_from_a_worker_and_silences() {
    let mut random = Random(SEED + 1);
    for workers in [2, 8] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel();
        for round in 0..rounds(5_000, 300) {
            let burst = 1 + random.below(12) as usize;
            let silence = Duration::from_micros(random.below(500));
            let tell = tell.clone();
            drop(runtime.spawn(async move {
                sleep(silence).await;
                for number in 0..burst {
                    let tell = tell.clone();
                    drop(spawn(async move {
                        for _ in 0..number {
                            yield_now().await;
                        }
                        tell.send(()).unwrap();
                    }));
                }
            }));
            expect(&told, burst, runtime.handle(), round);
        }
    }
}

/// A chain of tasks through silence: each ends by waking the next, from outside, and no second wake repairs a lost one.
#[test]
fn one_wake_from_outside_at_a_time() {
    let mut random = Random(SEED + 2);
    for workers in [1, 2, 8] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel();
        let (give, wakers) = mpsc::channel::<Waker>();
        let wakes = rounds(20_000, 2_000);
        drop(runtime.spawn(async move {
            for _ in 0..wakes {
                let mut given = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut given, true) {
                        return Poll::Ready(());
                    }
                    give.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                })
                .await;
                tell.send(()).unwrap();
            }
        }));
        for round in 0..wakes {
            let waker = wakers.recv().unwrap();
            if random.below(10) == 0 {
                thread::sleep(Duration::from_micros(random.below(100)));
            }
            waker.wake();
            expect(&told, 1, runtime.handle(), round);
        }
    }
}

/// Pinned tasks of every worker, woken by threads outside, by tasks and by each other. Each must see the last value of its counter.
#[test]
fn wakes_of_pinned_tasks() {
    const PINNED: usize = 16;
    const WAKERS: usize = 4;
    struct Pinned {
        waker: Mutex<Option<Waker>>,
        counters: [AtomicUsize; WAKERS],
    }
    for workers in [1, 2, 8] {
        let runtime = runtime(workers);
        let wakes = rounds(100_000, 10_000);
        let all: Arc<Vec<Pinned>> = Arc::new(
            (0..PINNED)
                .map(|_| Pinned {
                    waker: Mutex::new(None),
                    counters: Default::default(),
                })
                .collect(),
        );
        let pinned: Vec<_> = (0..PINNED)
            .map(|number| {
                let all = Arc::clone(&all);
                runtime.spawn(async move {
                    let not_send = Rc::new(all);
                    let here = thread::current().id();
                    let pinned = spawn_local(poll_fn(move |cx| {
                        assert_eq!(thread::current().id(), here);
                        let own = &not_send[number];
                        let is_last =
                            |counter: &AtomicUsize| counter.load(Ordering::Relaxed) == wakes;
                        if own.counters.iter().all(is_last) {
                            return Poll::Ready(());
                        }
                        own.waker
                            .lock()
                            .unwrap()
                            .get_or_insert_with(|| cx.waker().clone());
                        Poll::Pending
                    }));
                    pinned.await.unwrap();
                })
            })
            .collect();
        eventually("all have pended", || {
            all.iter()
                .all(|pinned| pinned.waker.lock().unwrap().is_some())
        });
        let wake = |way: usize, all: &[Pinned], wake: usize| {
            for pinned in all {
                pinned.counters[way].store(wake, Ordering::Relaxed);
                let waker = pinned.waker.lock().unwrap().clone();
                waker.expect("it has pended").wake();
            }
        };
        thread::scope(|scope| {
            for way in 0..WAKERS {
                let theirs = Arc::clone(&all);
                if way % 2 == 0 {
                    scope.spawn(move || (1..=wakes).for_each(|count| wake(way, &theirs, count)));
                } else {
                    drop(runtime.spawn(async move {
                        for count in 1..=wakes {
                            wake(way, &theirs, count);
                            yield_now().await;
                        }
                    }));
                }
            }
            runtime.block_on(join(pinned));
        });
    }
}

/// What each stay in `block_on` does: tasks, timers, pinned tasks, sockets. It leaves a task behind, which goes on without it.
async fn stay(listener: &TcpListener, left_behind: &mpsc::Sender<()>) {
    let task = spawn(async {
        sleep(Duration::from_micros(100)).await;
        yield_now().await;
        7
    });
    let not_send = Rc::new(7);
    let pinned = spawn_local(async move {
        yield_now().await;
        *not_send
    });
    let address = listener.local_addr().unwrap();
    let client = spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    });
    assert_eq!(task.await.unwrap(), pinned.await.unwrap());
    assert_eq!(&client.await.unwrap(), b"hello");
    sleep(Duration::from_micros(50)).await;
    let left_behind = left_behind.clone();
    drop(spawn(async move {
        yield_now().await;
        sleep(Duration::from_micros(200)).await;
        left_behind.send(()).unwrap();
    }));
}

async fn serve(listener: Arc<TcpListener>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        drop(spawn(async move {
            let mut buffer = [0; 16];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                stream.write_all(&buffer[..count]).await.unwrap();
            }
        }));
    }
}

/// Threads come and go, one of them in the first worker and the others as guests, while tasks run; with pauses in which the spare thread takes
/// the worker, and leaves it again.
#[test]
fn threads_that_come_and_go() {
    println!("seed {SEED:#x}");
    for (workers, threads) in [(1, 1), (1, 4), (2, 1), (2, 4), (8, 2)] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel();
        let listener = runtime.block_on(async {
            let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            drop(spawn(serve(Arc::clone(&listener))));
            listener
        });
        let stays = rounds(1_000, 60);
        thread::scope(|scope| {
            for thread in 0..threads {
                let (runtime, listener, tell) = (&runtime, &listener, tell.clone());
                scope.spawn(move || {
                    let mut random = Random(SEED + thread);
                    for _ in 0..stays {
                        runtime.block_on(stay(listener, &tell));
                        if random.below(4) == 0 {
                            thread::sleep(Duration::from_micros(random.below(2_000)));
                        }
                    }
                });
            }
        });
        expect(&told, stays * threads as usize, runtime.handle(), 0);
    }
}

/// The shortest of stays, so that the worker changes hands as often as can be, while tasks are made and run that nobody else may lose.
#[test]
fn a_worker_that_changes_hands() {
    for (workers, threads) in [(1, 1), (1, 3), (2, 3)] {
        let runtime = runtime(workers);
        let is_over = Arc::new(AtomicBool::new(false));
        let ticks = Arc::new(AtomicUsize::new(0));
        let (theirs, over) = (Arc::clone(&ticks), Arc::clone(&is_over));
        let busy = runtime.spawn(async move {
            while !over.load(Ordering::SeqCst) {
                theirs.fetch_add(1, Ordering::SeqCst);
                yield_now().await;
            }
        });
        let (tell, told) = mpsc::channel();
        let stays = rounds(20_000, 1_000);
        thread::scope(|scope| {
            for _ in 0..threads {
                let (runtime, tell) = (&runtime, tell.clone());
                scope.spawn(move || {
                    for stay in 0..stays {
                        let tell = tell.clone();
                        if stay % 2 == 0 {
                            runtime.block_on(async {
                                drop(spawn(async move { tell.send(()).unwrap() }));
                            });
                        } else {
                            drop(runtime.spawn(async move { tell.send(()).unwrap() }));
                            runtime.block_on(async {});
                        }
                    }
                });
            }
        });
        expect(&told, stays * threads, runtime.handle(), 0);
        // With nobody in the worker, the task that was there from the beginning goes on.
        let before = ticks.load(Ordering::SeqCst);
        eventually("it goes on", || ticks.load(Ordering::SeqCst) > before);
        is_over.store(true, Ordering::SeqCst);
        runtime.block_on(busy).unwrap();
    }
}

/// Tells a thread to begin a round. Dropped, also by a panic, it ends that thread.
struct Beginner<'a>(&'a AtomicUsize);

impl Drop for Beginner<'_> {
    fn drop(&mut self) {
        self.0.store(usize::MAX, Ordering::SeqCst);
    }
}

/// Waits until a count is as high, awake for a while.
fn wait_for(count: &AtomicUsize, least: usize) -> usize {
    for looks in 0.. {
        let now = count.load(Ordering::SeqCst);
        if now >= least {
            return now;
        }
        if looks > 10_000 {
            thread::yield_now();
        }
    }
    unreachable!("it looks for ever")
}

/// The same in a runtime where nothing else runs: the worker is vacant in between, and a task that comes just when it is left must find
/// somebody. In each round it is left once, and nobody takes it after that but for the task. The order of the steps themselves is modelled
/// in `executor/tests/loom_threads.rs`.
#[test]
fn a_worker_that_is_vacant_in_between() {
    println!("seed {SEED:#x}");
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let (tell, told) = mpsc::channel();
        let [begun, inside, left] = [const { AtomicUsize::new(0) }; 3];
        // How long a stay takes: the task comes at some moment of its end, or shortly after.
        let start = Instant::now();
        (0..100).for_each(|_| runtime.block_on(async {}));
        let stay = (start.elapsed() / 100).as_nanos() as u64;
        let mut random = Random(SEED + 9);
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1.. {
                    if wait_for(&begun, round) == usize::MAX {
                        return;
                    }
                    runtime.block_on(async { inside.store(round, Ordering::SeqCst) });
                    left.store(round, Ordering::SeqCst);
                }
            });
            let beginner = Beginner(&begun);
            for round in 1..=rounds(20_000, 2_000) {
                let moment = Duration::from_nanos(random.below(stay));
                beginner.0.store(round, Ordering::SeqCst);
                wait_for(&inside, round);
                let start = Instant::now();
                while start.elapsed() < moment {
                    std::hint::spin_loop();
                }
                let tell = tell.clone();
                drop(runtime.spawn(async move { tell.send(()).unwrap() }));
                wait_for(&left, round);
                expect(&told, 1, runtime.handle(), round);
            }
        });
    }
}
