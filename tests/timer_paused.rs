//! Paused time: the clock stands still while anything can run, and jumps when everything waits.

mod common;

use common::{Random, eventually, rounds};
use futures_util::future::{join, join_all};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::timer::{self, IdleTimeout};
use waterwheel::{
    JoinSet, Runtime, interval, sleep, sleep_until, spawn, spawn_blocking, spawn_local, timeout,
    yield_now,
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn paused(seats: usize) -> Runtime {
    Runtime::builder()
        .worker_threads(seats)
        .paused_time()
        .build()
        .expect("a runtime")
}

/// Runs a test on one seat, and on four.
fn on_each(test: impl Fn(&Runtime)) {
    for seats in [1, 4] {
        test(&paused(seats));
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

// ---- blocking jobs

/// A thread of the pool that comes when there is nothing left to do is the last that the clock has waited for.
#[test]
fn the_clock_moves_on_after_a_thread_that_came_too_late_for_its_job() {
    let late = Gate::new();
    let started = AtomicUsize::new(0);
    let hook = {
        let late = Arc::clone(&late);
        // The second thread of the pool (a runtime of one seat has one of its own) is as slow as can be.
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
    runtime.shutdown(Instant::now() + MS(20));
    gate.open();
    told.recv_timeout(S(60)).expect("stuck: the sleep");
    main.join().unwrap();
}

/// A job that waits in `block_on` does not work meanwhile: it is a guest.
#[test]
fn a_blocking_job_may_sleep_in_block_on() {
    for seats in [1, 4] {
        let runtime = paused(seats);
        let slept = ends("the job", move || {
            let handle = runtime.handle().clone();
            runtime.block_on(async move {
                let start = timer::now();
                let job = spawn_blocking(move || {
                    handle.block_on(async move {
                        sleep(S(3600)).await;
                        timer::now() - start
                    })
                });
                job.await.unwrap()
            })
        });
        assert_eq!(slept, S(3600));
    }
}

// ---- guests

/// While one member polls, another must not move the clock.
#[test]
fn the_clock_stands_still_in_a_poll_that_a_foreign_thread_has_caused() {
    for seats in [1, 2] {
        let runtime = paused(seats);
        let (stop, signal) = (AtomicBool::new(false), Signal::default());
        thread::scope(|scope| {
            let (stop, signal, handle) = (&stop, &signal, runtime.handle().clone());
            let guest = scope.spawn(move || {
                handle.block_on(async {
                    let mut moved = 0;
                    while !stop.load(Ordering::Relaxed) {
                        signal.wait().await;
                        let before = timer::now();
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_micros(50) {}
                        moved += u32::from(timer::now() != before);
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
                let stream: Arc<TcpStream> = for_guest.recv().unwrap();
                let mut buffer = [0; 8];
                for _ in 0..exchanges {
                    let read = timeout(S(1), stream.read(&mut buffer)).await;
                    assert_eq!(read.expect("in no time").unwrap(), 5);
                    stream.write_all(&buffer[..5]).await.unwrap();
                }
            });
        })
    };
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, server) = join(TcpStream::connect(address), listener.accept()).await;
        let (client, server) = (Arc::new(client.unwrap()), server.unwrap().0);
        // Registers it here.
        let mut buffer = [0; 8];
        {
            let mut reading = pin!(client.read(&mut buffer));
            poll_fn(|cx| Poll::Ready(assert!(reading.as_mut().poll(cx).is_pending()))).await;
        }
        sits.pass();
        to_guest.send(client).unwrap();
        for _ in 0..exchanges {
            server.write_all(b"water").await.unwrap();
            let read = timeout(S(2), server.read(&mut buffer)).await;
            assert_eq!(read.expect("in no time").unwrap(), 5);
        }
    });
    guest.join().unwrap();
}

/// The bytes are in the kernel when main leaves the first seat; the spare, who has yet to sit down there, takes the turn that finds them.
#[test]
fn no_jump_while_the_first_seat_changes_hands() {
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
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (client, server) = join(TcpStream::connect(address), listener.accept()).await;
            let (client, server) = (client.unwrap(), server.unwrap().0);
            let start = timer::now();
            spawn(async move {
                let mut buffer = [0; 8];
                let read = server.read(&mut buffer).await;
                tell.send((read.unwrap(), timer::now() - start)).unwrap();
            });
            for _ in 0..3 {
                yield_now().await;
            }
            sits.open();
            ready.pass();
            client.write_all(b"water").await.unwrap();
        });
        let (read, after) = told.recv_timeout(S(60)).unwrap();
        assert_eq!((read, after), (5, Duration::ZERO), "round {round}");
        guest.join().unwrap();
    }
}

// ---- advance

/// At each stop all runs that has been woken there, also what shares the task.
#[test]
fn advance_lets_the_futures_beside_it_see_their_instants() {
    on_each(|runtime| {
        runtime.block_on(async {
            let start = timer::now();
            let (_, seen) = join(timer::advance(S(10)), async {
                sleep(S(2)).await;
                let first = timer::now() - start;
                sleep(S(3)).await;
                (first, timer::now() - start)
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
            let start = timer::now();
            let (to_main, to_task) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
            let link = spawn({
                let (to_main, to_task) = (Arc::clone(&to_main), Arc::clone(&to_task));
                async move {
                    sleep(S(2)).await;
                    to_main.set();
                    to_task.wait().await;
                    timer::now()
                }
            });
            let advance = spawn(async move {
                yield_now().await;
                timer::advance(S(10)).await;
                timer::now()
            });
            to_main.wait().await;
            assert_eq!(timer::now(), start + S(2), "main is woken by the task");
            yield_now().await;
            assert_eq!(timer::now(), start + S(2), "main has yielded");
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
        timer::advance(Duration::MAX).await;
        timer::advance(900 * YEAR).await;
        // Filed now, under a deadline that has long passed.
        due.await;
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!never.is_finished());
        never.abort();
    });
}
