//! Callback timers: when they run, who may stop or move them, and what becomes of the functions.

mod common;

use common::{Count, Random, eventually, rounds};
use std::cell::Cell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::time::{self, Callback, CallbackTimer, Schedule, TimerHandle, Timers};
use waterwheel::{
    Handle, Runtime, block_on, run_after, run_at, run_every, sleep, spawn, yield_now,
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// Runs a test in a runtime whose time is paused, on one worker, and on four.
fn paused<F: Future>(test: impl Fn() -> F) {
    for workers in [1, 4] {
        let builder = Runtime::builder().worker_threads(workers).paused_time();
        builder.build().unwrap().block_on(test());
    }
}

/// When something has happened, as time after the first.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<Duration>>>, Instant);

impl Log {
    fn new() -> Self {
        Log(Arc::default(), time::now())
    }

    fn note(&self) {
        self.0.lock().unwrap().push(time::now() - self.1);
    }

    fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// What notes a run.
    fn noting(&self) -> impl Fn() + Send + 'static {
        let log = self.clone();
        move || log.note()
    }
}

/// The handle of a timer, for its own function.
type Own = Arc<OnceLock<TimerHandle>>;

// ---- the table of the handle's documentation, row by row

#[test]
fn a_timer_that_waits() {
    paused(|| async {
        let log = Log::new();
        let start = log.1;
        let [cancelled, refreshed, nearer, farther] =
            [(); 4].map(|()| run_after(S(5), log.noting()));
        time::advance(S(2)).await;
        for timer in [&cancelled, &refreshed, &nearer, &farther] {
            assert!(timer.is_pending());
            assert_eq!(timer.next_deadline(), Some(start + S(5)));
        }
        assert!(cancelled.cancel());
        assert!(!cancelled.is_pending() && cancelled.next_deadline().is_none());
        assert!(refreshed.refresh());
        assert!(nearer.reset(S(1), true));
        assert!(farther.reset(S(20), false));
        let deadlines = [&refreshed, &nearer, &farther].map(|timer| timer.next_deadline());
        assert_eq!(deadlines, [7, 3, 20].map(|after| Some(start + S(after))));
        time::advance(S(60)).await;
        assert_eq!(log.take(), [S(3), S(7), S(20)]);
    });
}

#[test]
fn a_timer_that_repeats_in_and_beside_its_runs() {
    paused(|| async {
        let log = Log::new();
        let (own, answers) = (Own::default(), Arc::new(Mutex::new(Vec::new())));
        let timer = run_every(S(10), {
            let (log, own, answers) = (log.clone(), Arc::clone(&own), Arc::clone(&answers));
            let mut runs = 0;
            move || {
                log.note();
                runs += 1;
                let own = own.get().expect("set before the first run");
                let next = |own: &TimerHandle| own.next_deadline().map(|next| next - log.1);
                let moved = match runs {
                    // At 10.
                    1 => own.is_pending(),
                    // At 20: counted anew, which is the same here.
                    2 => own.refresh(),
                    // At 30: nearer, and a shorter period from there.
                    3 => own.reset(S(3), true),
                    // At 33: farther; counted from this run, or from now, alike.
                    4 => own.reset(S(20), false),
                    // At 53.
                    _ => own.cancel(),
                };
                answers.lock().unwrap().push((moved, next(own)));
            }
        });
        own.set(timer.clone()).unwrap();
        time::advance(S(300)).await;
        let due = |after| Some(S(after));
        assert_eq!(log.take(), [10, 20, 30, 33, 53].map(S));
        let expected = [due(20), due(30), due(33), due(53), None].map(|next| (true, next));
        assert_eq!(*answers.lock().unwrap(), expected);
        assert!(!timer.cancel() && !timer.refresh() && !timer.reset(S(1), true));
        assert!(!timer.is_pending());
    });
}

#[test]
fn a_timer_that_runs_once_in_and_beside_its_run() {
    paused(|| async {
        let log = Log::new();
        let own = Own::default();
        let answer = |own: &TimerHandle| {
            let moved = [
                own.cancel(),
                own.refresh(),
                own.reset(S(1), true),
                own.reset(S(1), false),
            ];
            assert!(!own.is_pending() && own.next_deadline().is_none());
            moved
        };
        let (tell, told) = mpsc::channel();
        let timer = run_after(S(1), {
            let (log, own) = (log.clone(), Arc::clone(&own));
            move || {
                log.note();
                tell.send(answer(own.get().unwrap())).unwrap();
            }
        });
        own.set(timer.clone()).unwrap();
        time::advance(S(10)).await;
        assert_eq!(told.try_recv(), Ok([false; 4]), "in its run");
        assert_eq!(answer(&timer), [false; 4], "when it is over");
        // One whose run takes a while, seen from beside.
        let slow = Callback::after(S(1)).run_async({
            let log = log.clone();
            async move || {
                sleep(S(5)).await;
                log.note();
            }
        });
        time::advance(S(3)).await;
        assert_eq!(answer(&slow), [false; 4], "beside its run");
        time::advance(S(100)).await;
        assert_eq!(
            log.take(),
            [1, 16].map(S),
            "the run went on, and was the last"
        );
    });
}

#[test]
fn a_repeated_timer_that_is_cancelled_in_an_async_run_ends_with_that() {
    paused(|| async {
        let log = Log::new();
        let timer = Callback::every(S(10)).run_async({
            let log = log.clone();
            move || {
                let log = log.clone();
                async move {
                    log.note();
                    sleep(S(4)).await;
                    log.note();
                }
            }
        });
        time::advance(S(12)).await;
        assert!(timer.is_pending() && timer.cancel() && !timer.cancel());
        time::advance(S(100)).await;
        assert_eq!(log.take(), [10, 14].map(S));
    });
}

#[test]
fn of_many_cancels_on_many_threads_one_prevents_the_run() {
    let handle = block_on(async {
        let timer = run_after(Duration::MAX, || unreachable!("it is cancelled"));
        assert!(timer.next_deadline().is_some());
        let barrier = std::sync::Barrier::new(4);
        let prevented = thread::scope(|scope| {
            let cancels = [(); 4].map(|()| {
                scope.spawn(|| {
                    barrier.wait();
                    usize::from(timer.cancel())
                })
            });
            cancels
                .map(|cancel| cancel.join().unwrap())
                .iter()
                .sum::<usize>()
        });
        assert_eq!(prevented, 1);
        timer
    });
    // Also when the runtime is gone.
    assert!(!handle.cancel() && !handle.is_pending());
}

/// Seed 11. The function runs, or a `cancel` has returned true: never both, and never neither.
#[test]
fn a_cancel_that_races_with_the_fire_prevents_the_run_or_says_that_it_did_not() {
    const BATCH: usize = 100;
    let rounds = rounds(100_000, 20_000) / BATCH;
    for workers in [1, 3] {
        let runtime = Runtime::builder().worker_threads(workers).build().unwrap();
        let _entered = runtime.enter();
        let mut random = Random(11);
        let functions = Count::default();
        let mut prevented_some = 0;
        for round in 0..rounds {
            let runs: Arc<[AtomicUsize; BATCH]> = Arc::new([const { AtomicUsize::new(0) }; BATCH]);
            let mut prevented = [false; BATCH];
            for (index, prevented) in prevented.iter_mut().enumerate() {
                let (runs, function) = (Arc::clone(&runs), functions.guard());
                let delay = Duration::from_nanos(random.below(60_000));
                let timer = run_after(delay, move || {
                    let _function = function;
                    runs[index].fetch_add(1, Ordering::SeqCst);
                });
                let patience = Duration::from_nanos(random.below(60_000));
                let start = Instant::now();
                while start.elapsed() < patience {
                    std::hint::spin_loop();
                }
                *prevented = timer.cancel();
                assert!(!timer.is_pending() && !timer.cancel());
            }
            let made = (round + 1) * BATCH;
            eventually("all functions are dropped", || functions.dropped() == made);
            for (runs, prevented) in runs.iter().zip(prevented) {
                assert_eq!(runs.load(Ordering::SeqCst), usize::from(!prevented));
                prevented_some += usize::from(prevented);
            }
        }
        let all = rounds * BATCH;
        assert!(
            (all / 100..all - all / 100).contains(&prevented_some),
            "no race"
        );
    }
}

// ---- moving

#[test]
fn what_is_moved_into_the_past_runs_at_once() {
    paused(|| async {
        let log = Log::new();
        let once = run_after(S(50), log.noting());
        let every = run_every(S(50), log.noting());
        time::advance(S(20)).await;
        assert!(once.reset(S(7), false) && every.reset(S(7), false));
        assert_eq!(once.next_deadline(), Some(log.1 + S(7)), "past");
        time::advance(Duration::ZERO).await;
        assert_eq!(log.take(), [S(20), S(20)]);
        time::advance(S(20)).await;
        assert_eq!(log.take(), [21, 28, 35].map(S), "in the phase of the reset");
        assert!(!once.is_pending() && every.cancel());
    });
}

#[test]
fn a_timer_is_moved_again_and_again_in_both_directions() {
    paused(|| async {
        let log = Log::new();
        let timer = run_after(S(10), log.noting());
        yield_now().await;
        for (delay, expected) in [(100, 100), (3, 3), (50, 50), (5, 5), (1_000, 1_000), (6, 6)] {
            assert!(timer.reset(S(delay), true));
            assert_eq!(timer.next_deadline(), Some(log.1 + S(expected)));
            yield_now().await;
        }
        time::advance(S(6)).await;
        assert_eq!(log.take(), [S(6)]);
        time::advance(S(2_000)).await;
        assert_eq!(log.take(), []);
    });
}

#[test]
fn a_cooldown_that_is_refreshed_for_ever_never_runs() {
    paused(|| async {
        let log = Log::new();
        let timer = run_after(S(10), log.noting());
        for _ in 0..1_000 {
            time::advance(S(9)).await;
            assert!(timer.refresh());
        }
        assert_eq!(log.take(), []);
        time::advance(S(10)).await;
        assert_eq!(log.take(), [S(9_010)]);
    });
}

#[test]
fn the_delay_of_a_timer_that_was_set_to_an_instant_is_what_was_left() {
    paused(|| async {
        let log = Log::new();
        let timer = run_at(log.1 + S(10), log.noting());
        let past = run_at(log.1 - S(10), log.noting());
        time::advance(S(4)).await;
        assert!(timer.refresh());
        assert!(!past.refresh());
        time::advance(S(100)).await;
        assert_eq!(log.take(), [0, 14].map(S));
    });
}

#[test]
fn a_handle_on_another_thread_goes_by_the_paused_clock() {
    paused(|| async {
        let log = Log::new();
        let timer = run_after(S(10), log.noting());
        time::advance(S(5)).await;
        let elsewhere = timer.clone();
        thread::spawn(move || assert!(elsewhere.refresh()))
            .join()
            .unwrap();
        assert_eq!(timer.next_deadline(), Some(log.1 + S(15)));
        time::advance(S(15)).await;
        assert_eq!(log.take(), [S(15)]);
    });
}

#[test]
fn never_comes_never_and_can_be_moved_to_now() {
    paused(|| async {
        let log = Log::new();
        let timers = [
            run_after(Duration::MAX, log.noting()),
            run_every(Duration::MAX, log.noting()),
            run_at(log.1 + Duration::from_secs(u64::MAX / 4), log.noting()),
        ];
        time::advance(S(1_000_000_000)).await;
        let [once, every, at] = &timers;
        assert!(once.refresh() && every.refresh() && at.refresh());
        time::advance(S(1_000_000_000)).await;
        assert_eq!(log.take(), []);
        assert!(at.cancel());
        assert!(once.reset(S(1), true) && every.reset(S(1), true));
        time::advance(S(1)).await;
        assert_eq!(log.take().len(), 2);
        assert!(every.reset(Duration::MAX, false));
        time::advance(S(10)).await;
        assert_eq!(log.take(), []);
    });
}

// ---- phase

/// Recurring timers re-armed at `now + period` drift (Cppnp, sylar).
#[test]
fn a_period_keeps_its_phase() {
    paused(|| async {
        let log = Log::new();
        let period = Duration::from_nanos(1_234_567);
        let every = run_every(period, log.noting());
        time::advance(10_000 * period).await;
        let expected: Vec<_> = (1..=10_000).map(|tick| tick * period).collect();
        assert_eq!(log.take(), expected);
        every.cancel();
    });
}

/// One that starts at an instant of its own keeps the phase of that; a refresh and a reset count a period, as of any that repeats.
#[test]
fn one_that_repeats_may_begin_at_an_instant() {
    paused(|| async {
        let log = Log::new();
        let start = log.1;
        let past = Callback::every_from(start - S(5), S(10)).run(log.noting());
        let ahead = Callback::every_from(start + S(3), S(10)).run(log.noting());
        assert_eq!(ahead.next_deadline(), Some(start + S(3)));
        time::advance(S(20)).await;
        assert_eq!(log.take(), [0, 3, 5, 13, 15].map(S));
        assert!(past.cancel() && ahead.refresh());
        assert_eq!(ahead.next_deadline(), Some(start + S(30)));
        assert!(ahead.reset(S(2), true));
        time::advance(S(5)).await;
        assert_eq!(log.take(), [22, 24].map(S));
        ahead.cancel();
        // Not begun: the new delay counts from one period before its first run.
        let first = time::now() + S(10);
        let early = Callback::every_from(first, S(4)).run(log.noting());
        assert!(early.reset(S(5), false));
        assert_eq!(early.next_deadline(), Some(first + S(1)));
        early.cancel();
    });
}

#[test]
fn what_is_missed_because_a_run_takes_long_is_left_out_and_runs_never_overlap() {
    paused(|| async {
        let log = Log::new();
        let running = Arc::new(AtomicBool::new(false));
        let every = Callback::every(S(10)).run_async({
            let log = log.clone();
            let mut takes = [25, 10, 0, 3].map(S).into_iter();
            move || {
                let (log, running) = (log.clone(), Arc::clone(&running));
                let takes = takes.next().unwrap_or_default();
                async move {
                    assert!(!running.swap(true, Ordering::SeqCst), "an overlap");
                    log.note();
                    sleep(takes).await;
                    running.store(false, Ordering::SeqCst);
                }
            }
        });
        time::advance(S(90)).await;
        // From 10 to 35: 20 and 30 are left out. From 40 to 50: that is due when the run ends.
        assert_eq!(log.take(), [10, 35, 45, 50, 60, 70, 80, 90].map(S));
        every.cancel();
    });
}

// ---- how it runs

/// A callback is a task: nested neither in the call, nor in the poll that is on when its time comes, nor in the turn of a driver.
#[test]
fn a_callback_runs_in_a_task_of_its_own() {
    thread_local! {
        static POLLED: Cell<bool> = const { Cell::new(false) };
    }
    block_on(async {
        let own = waterwheel::task::try_id();
        for delay in [Duration::ZERO, Duration::from_nanos(1), MS(1)] {
            let (tell, told) = mpsc::channel();
            POLLED.set(true);
            let past = Instant::now() - S(1);
            for timer in 0..2 {
                let tell = tell.clone();
                let run = move || {
                    assert!(!POLLED.get(), "nested in a poll");
                    tell.send(waterwheel::task::try_id()).unwrap();
                };
                let _detached = if timer == 0 {
                    run_after(delay, run)
                } else {
                    run_at(past, run)
                };
            }
            drop(tell);
            assert!(told.try_recv().is_err(), "nested in the call");
            POLLED.set(false);
            let told = waterwheel::spawn_blocking(move || told.iter().collect::<Vec<_>>());
            let ids = told.await.unwrap();
            assert!(ids.len() == 2 && ids[0] != ids[1]);
            assert!(ids.iter().all(|id| id.is_some() && *id != own));
        }
    });
}

/// A zero timer re-armed in its own callback starves the loop (libuv#4250).
#[test]
fn chains_of_timers_without_delay_starve_nobody() {
    fn link(stop: Arc<AtomicBool>, links: Arc<AtomicUsize>) {
        links.fetch_add(1, Ordering::Relaxed);
        if !stop.load(Ordering::Relaxed) {
            run_after(Duration::ZERO, move || link(stop, links));
        }
    }
    block_on(async {
        let stop = Arc::new(AtomicBool::new(false));
        let links: Arc<AtomicUsize> = Arc::default();
        for _ in 0..3 {
            link(Arc::clone(&stop), Arc::clone(&links));
        }
        // And one that is due again as soon as it has run.
        let ticks = Arc::clone(&links);
        let every = run_every(Duration::from_nanos(1), move || {
            ticks.fetch_add(1, Ordering::Relaxed);
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 8];
            for _ in 0..20 {
                stream.read(&mut buffer).await.unwrap();
                stream.write_all(b"w").await.unwrap();
            }
        });
        let client = TcpStream::connect(address).await.unwrap();
        let mut buffer = [0; 8];
        for _ in 0..20 {
            client.write_all(b"w").await.unwrap();
            client.read(&mut buffer).await.unwrap();
            sleep(Duration::from_micros(100)).await;
        }
        server.await.unwrap();
        assert!(
            links.load(Ordering::Relaxed) > 100,
            "the chains went on beside"
        );
        stop.store(true, Ordering::Relaxed);
        assert!(every.cancel());
    });
}

#[test]
fn it_runs_in_the_order_of_deadlines_and_then_of_calls() {
    paused(|| async {
        let order = Arc::new(Mutex::new(Vec::new()));
        for (name, delay) in [(0, 3), (1, 1), (2, 2), (3, 1), (4, 3), (5, 0), (6, 0)] {
            let order = Arc::clone(&order);
            run_after(S(delay), move || order.lock().unwrap().push(name));
        }
        time::advance(S(3)).await;
        assert_eq!(*order.lock().unwrap(), [5, 6, 1, 3, 2, 0, 4]);
    });
}

/// What has been made in one runtime goes by the clock of the one that polls it.
#[test]
fn a_timer_may_be_polled_by_another_clock_than_it_was_made_by() {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let paused = Runtime::builder().paused_time().build().unwrap();
        let runs = AtomicUsize::new(0);
        let run = || {
            runs.fetch_add(1, Ordering::SeqCst);
            Some(ready(()))
        };
        let (ahead, _) = paused.block_on(async {
            // By now the real clock is behind this one.
            time::advance(S(1)).await;
            CallbackTimer::new(Schedule::At(time::now() - S(1) + MS(1)), run)
        });
        let (behind, _) =
            paused.block_on(async { CallbackTimer::new(Schedule::At(time::now() + MS(1)), run) });
        block_on(ahead);
        block_on(behind);
        tell.send(runs.load(Ordering::SeqCst)).unwrap();
    });
    assert_eq!(
        told.recv_timeout(S(60)),
        Ok(2),
        "a poll that does not return"
    );
}

// ---- what becomes of the function

#[test]
fn a_function_is_dropped_once_and_soon() {
    paused(|| async {
        let functions = Count::default();
        let run = || {
            let function = functions.guard();
            move || {
                let _ = &function;
            }
        };
        let once = run_after(S(1), run());
        let every = run_every(S(1), run());
        let detached = run_after(S(1), run());
        drop(detached);
        time::advance(MS(999)).await;
        assert_eq!(functions.dropped(), 0);
        time::advance(MS(1)).await;
        assert_eq!(functions.dropped(), 2, "those that have run");
        time::advance(S(10)).await;
        assert!(every.cancel());
        yield_now().await;
        assert_eq!(functions.dropped(), 3, "what is cancelled");
        let far = run_after(Duration::MAX, run());
        yield_now().await;
        let timers = Timers::current().unwrap();
        assert_eq!(timers.len(), 1);
        assert!(far.cancel());
        yield_now().await;
        assert_eq!((functions.dropped(), timers.len()), (4, 0));
        assert!(!once.is_pending());
    });
}

#[test]
fn the_end_of_the_runtime_ends_its_timers() {
    let functions = Count::default();
    for workers in [0, 1, 4] {
        let make = || {
            let guard = || functions.guard();
            let (first, second, third) = (guard(), guard(), guard());
            [
                run_after(S(3600), move || drop(first)),
                run_every(S(3600), move || {
                    let _ = &second;
                }),
                Callback::after(Duration::ZERO).run_async(async move || {
                    let _third = third;
                    pending().await
                }),
            ]
        };
        let timers = if workers == 0 {
            block_on(async { make() })
        } else {
            let runtime = Runtime::builder().worker_threads(workers).build().unwrap();
            runtime.block_on(async { make() })
        };
        assert_eq!(functions.dropped(), functions.made());
        for timer in timers {
            assert!(!timer.is_pending() && !timer.cancel() && !timer.refresh());
        }
    }
    assert_eq!(functions.made(), 9);
}

#[test]
fn a_panic_ends_its_timer_alone_and_the_hook_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let hook = move |panic: &waterwheel::executor::TaskPanic<'_>| {
        let message = panic.payload().downcast_ref::<&str>().copied();
        let place = (panic.location().file(), panic.location().line());
        tell.lock().unwrap().push((message.unwrap_or("?"), place));
    };
    let builder = Runtime::builder().worker_threads(1).paused_time();
    let runtime = builder.on_task_panic(hook).build().unwrap();
    let functions = Count::default();
    let line = runtime.block_on(async {
        let log = Log::new();
        let other = run_every(S(1), log.noting());
        let guard = functions.guard();
        let line = line!() + 1;
        let broken = run_every(S(2), move || {
            let _ = &guard;
            panic!("broken");
        });
        let guard = functions.guard();
        let later = Callback::every(S(3)).run_async(move || {
            let _ = &guard;
            async { panic!("broken later") }
        });
        time::advance(S(10)).await;
        assert_eq!(log.take().len(), 10);
        assert!(other.is_pending() && !broken.is_pending() && !later.cancel());
        assert_eq!(functions.dropped(), 2);
        line
    });
    let told = told.lock().unwrap();
    let messages: Vec<_> = told.iter().map(|(message, _)| *message).collect();
    assert_eq!(messages, ["broken", "broken later"]);
    assert_eq!(told[0].1, (file!(), line), "where the timer was made");
}

// ---- condition timers

#[test]
fn a_condition_timer_runs_as_long_as_its_target_lives() {
    paused(|| async {
        let log = Log::new();
        let target = Arc::new(7);
        let weak = || Arc::downgrade(&target);
        let run = || {
            let log = log.clone();
            move |target: Arc<i32>| {
                assert_eq!(*target, 7);
                log.note();
            }
        };
        let _ = Callback::at(log.1 + S(1)).while_alive(&weak()).run(run());
        let _ = Callback::after(S(2)).while_alive(&weak()).run(run());
        let every = Callback::every(S(3)).while_alive(&weak()).run(run());
        let slow = Callback::every(S(4)).while_alive(&weak()).run_async({
            let log = log.clone();
            move |target: Arc<i32>| {
                let log = log.clone();
                async move {
                    sleep(S(2)).await;
                    assert_eq!(*target, 7, "it is kept meanwhile");
                    log.note();
                }
            }
        });
        time::advance(S(5)).await;
        assert_eq!(log.take(), [1, 2, 3].map(S));
        let watch = weak();
        drop(target);
        assert!(watch.upgrade().is_some(), "the run that is on has it");
        time::advance(S(1)).await;
        assert_eq!(log.take(), [S(6), S(6)], "both find it in that instant");
        assert!(watch.upgrade().is_none());
        time::advance(S(100)).await;
        assert_eq!(log.take(), []);
        assert!(!every.is_pending() && !slow.is_pending());
    });
}

#[test]
fn a_condition_timer_whose_target_is_dead_leaves_the_wheel_and_does_not_run() {
    paused(|| async {
        let timers = Timers::current().unwrap();
        let functions = Count::default();
        let run = || {
            let function = functions.guard();
            move |_: Arc<str>| {
                let _ = &function;
                unreachable!("the target is gone")
            }
        };
        let start = time::now();
        let target: Arc<str> = Arc::from("a session");
        let weak = || Arc::downgrade(&target);
        let handles = [
            Callback::at(start + S(1)).while_alive(&weak()).run(run()),
            Callback::after(S(1)).while_alive(&weak()).run(run()),
            Callback::every(S(1)).while_alive(&weak()).run(run()),
            Callback::after(S(1)).while_alive(&weak()).run_async({
                let run = run();
                move |target| {
                    run(target);
                    ready(())
                }
            }),
            Callback::every(S(1)).while_alive(&weak()).run_async({
                let run = run();
                move |target| {
                    run(target);
                    ready(())
                }
            }),
        ];
        yield_now().await;
        assert_eq!(timers.len(), 5);
        drop(target);
        time::advance(MS(999)).await;
        assert_eq!(
            (timers.len(), functions.dropped()),
            (5, 0),
            "until they fire"
        );
        time::advance(MS(1)).await;
        assert_eq!((timers.len(), functions.dropped()), (0, 5));
        assert!(
            handles
                .iter()
                .all(|handle| !handle.is_pending() && !handle.cancel())
        );
        // One that never had a target.
        let never = Callback::after(S(1))
            .while_alive(&Weak::<u8>::new())
            .run(|_| unreachable!());
        time::advance(S(1)).await;
        assert!(!never.is_pending());
    });
}

// ---- what is not allowed

fn message(run: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("no panic");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_owned(),
    }
}

#[test]
fn outside_a_runtime_it_panics_and_says_so() {
    let functions = Count::default();
    let guard = functions.guard();
    let said = message(|| drop(run_after(S(1), move || drop(guard))));
    assert!(said.contains("runtime"), "{said}");
    assert_eq!(functions.dropped(), 1);
}

#[test]
fn a_period_of_zero_panics_and_changes_nothing() {
    paused(|| async {
        let log = Log::new();
        let said = message(|| drop(run_every(Duration::ZERO, || ())));
        assert!(said.contains("zero"), "{said}");
        let every = run_every(S(1), log.noting());
        for from_now in [true, false] {
            let said = message(|| assert!(every.reset(Duration::ZERO, from_now)));
            assert!(
                said.contains("`TimerHandle::reset`") && said.contains("zero"),
                "{said}"
            );
        }
        time::advance(S(3)).await;
        assert_eq!(log.take(), [1, 2, 3].map(S));
        every.cancel();
        // Once, it is now.
        let once = run_after(S(100), log.noting());
        assert!(once.reset(Duration::ZERO, true));
        time::advance(Duration::ZERO).await;
        assert_eq!(log.take(), [S(3)]);
    });
}

#[test]
fn callbacks_may_do_what_tasks_may() {
    block_on(async {
        let (tell, told) = mpsc::channel();
        run_after(Duration::ZERO, move || {
            let handle = Handle::current();
            handle.spawn(async move {
                sleep(MS(1)).await;
                run_after(MS(1), move || tell.send(7).unwrap());
            });
        });
        let told = waterwheel::spawn_blocking(move || told.recv());
        assert_eq!(told.await.unwrap(), Ok(7));
    });
}
