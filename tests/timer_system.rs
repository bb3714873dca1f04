//! System time where it is paused: steps across deadlines, suspensions, and what neither touches.

use futures_util::{StreamExt, future::join};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use waterwheel::time::{self, Callback, ClockStep, TimerHandle, Timers};
use waterwheel::{Runtime, interval_at, run_after, run_every, sleep, spawn, timeout, yield_now};

const S: fn(u64) -> Duration = Duration::from_secs;
const HOUR: Duration = Duration::from_secs(3600);

/// Runs a test in a runtime whose time is paused, on one worker, and on four.
fn paused<F: Future>(test: impl Fn() -> F) {
    for workers in [1, 4] {
        let builder = Runtime::builder().worker_threads(workers).paused_time();
        builder.build().unwrap().block_on(test());
    }
}

fn step(by: ClockStep) {
    let now = time::system_now();
    time::set_system_time(match by {
        ClockStep::Forward(by) => now + by,
        ClockStep::Backward(by) => now - by,
    });
}

fn forward(by: Duration) {
    step(ClockStep::Forward(by));
}

fn backward(by: Duration) {
    step(ClockStep::Backward(by));
}

/// A task that waits for the system clock; it tells what both clocks show then.
fn waiting(until: SystemTime) -> waterwheel::JoinHandle<(Instant, SystemTime)> {
    spawn(async move {
        time::sleep_until_system(until).await;
        (time::now(), time::system_now())
    })
}

#[test]
fn without_steps_the_system_clock_goes_with_the_other() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        time::sleep_until_system(system + HOUR).await;
        assert_eq!(time::now(), start + HOUR);
        assert_eq!(time::system_now(), system + HOUR);
        time::sleep_until_system(system).await;
        time::sleep_until_system(SystemTime::UNIX_EPOCH - HOUR).await;
        assert_eq!(time::now(), start + HOUR, "those have passed");
    });
}

#[test]
fn a_step_forward_across_the_deadline_is_its_end() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        let (near, far) = (waiting(system + HOUR), waiting(system + 3 * HOUR));
        yield_now().await;
        forward(2 * HOUR);
        assert_eq!(near.await.unwrap(), (start, system + 2 * HOUR));
        // The other waits for what is left by the clock.
        assert_eq!(far.await.unwrap(), (start + HOUR, system + 3 * HOUR));
    });
}

#[test]
fn a_step_back_makes_the_wait_longer_by_as_much() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        let waiting = waiting(system + HOUR);
        time::advance(HOUR / 2).await;
        backward(HOUR);
        time::advance(HOUR).await;
        assert!(!waiting.is_finished(), "the old deadline has passed by far");
        assert_eq!(waiting.await.unwrap(), (start + 2 * HOUR, system + HOUR));
    });
}

/// By the order of the stops: a step at the very instant of the deadline.
#[test]
fn a_step_back_at_the_last_moment() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        // Filed first, so it is woken first.
        let setter = run_after(S(10), || backward(S(5)));
        yield_now().await;
        let waiting = waiting(system + S(10));
        assert_eq!(waiting.await.unwrap(), (start + S(15), system + S(10)));
        assert!(!setter.is_pending());
    });
}

#[test]
fn a_thousand_steps_to_and_fro() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        let waiting = waiting(system + HOUR);
        for _ in 0..1_000 {
            forward(HOUR / 2);
            yield_now().await;
            backward(HOUR / 2);
            time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(waiting.await.unwrap(), (start + HOUR, system + HOUR));
    });
}

#[test]
fn a_deadline_that_is_reset_goes_by_the_clock_of_then() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        let mut sleep = pin!(time::sleep_until_system(system + HOUR));
        assert!(timeout(S(1), &mut sleep).await.is_err());
        forward(S(10));
        sleep.reset(system + S(31));
        assert_eq!(sleep.deadline(), system + S(31));
        sleep.as_mut().await;
        assert_eq!(time::now(), start + S(21));
        sleep.reset(system + HOUR);
        sleep.as_mut().await;
        assert_eq!(time::now(), start + HOUR - S(10), "used again");
    });
}

/// Years from now and before 1970, and a clock that somebody sets there.
#[test]
fn far_away_times() {
    paused(|| async {
        let start = time::now();
        let last = SystemTime::UNIX_EPOCH + S(i64::MAX.unsigned_abs());
        let never = waiting(last);
        time::set_system_time(SystemTime::UNIX_EPOCH - 100 * HOUR);
        time::sleep_until_system(SystemTime::UNIX_EPOCH - 99 * HOUR).await;
        assert_eq!(time::now(), start + HOUR);
        time::sleep_until_system(SystemTime::UNIX_EPOCH).await;
        assert_eq!(time::now(), start + 100 * HOUR);
        assert!(!never.is_finished());
        time::set_system_time(last);
        assert_eq!(never.await.unwrap(), (start + 100 * HOUR, last));
    });
}

/// Deadlines of the system clock on a monotonic timer (muduo, Cppnp); a clock stepped back fires everything (sylar).
#[test]
fn monotonic_timers_are_untouched_by_steps() {
    paused(|| async {
        let start = time::now();
        let log = Arc::new(Mutex::new(Vec::new()));
        let note = |name: u64| {
            let log = Arc::clone(&log);
            move || log.lock().unwrap().push((name, time::now() - start))
        };
        let every = run_every(S(10), note(1));
        let after = run_after(S(15), note(2));
        let napping = note(3);
        spawn(async move {
            sleep(S(25)).await;
            napping();
        });
        let ticking = note(4);
        spawn(async move {
            let mut interval = interval_at(time::now() + S(7), S(7));
            loop {
                interval.tick().await;
                ticking();
            }
        });
        let limited = note(5);
        spawn(async move {
            assert!(timeout(S(22), std::future::pending::<()>()).await.is_err());
            limited();
        });
        for second in 0..30 {
            if second % 2 == 0 {
                forward(HOUR * second);
            } else {
                backward(HOUR * second);
            }
            time::suspend(HOUR);
            time::advance(S(1)).await;
        }
        let expected = [
            (4, 7),
            (1, 10),
            (4, 14),
            (2, 15),
            (1, 20),
            (4, 21),
            (5, 22),
            (3, 25),
            (4, 28),
        ];
        let mut log = std::mem::take(&mut *log.lock().unwrap());
        assert_eq!(log.pop(), Some((1, S(30))));
        assert_eq!(log, expected.map(|(name, after)| (name, S(after))));
        assert!(every.cancel() && !after.is_pending());
    });
}

// ---- Callback::at_system

#[test]
fn a_callback_goes_by_the_system_clock() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        let (tell, told) = mpsc::channel();
        let run_at = |time: SystemTime, name: u32| -> TimerHandle {
            let tell = tell.clone();
            Callback::at_system(time).run(move || {
                tell.send((name, time::now() - start, time::system_now()))
                    .unwrap();
            })
        };
        let timers = [
            (system - HOUR, 0),
            (system + HOUR, 1),
            (system + 4 * HOUR, 2),
            (system + 4 * HOUR, 3),
        ]
        .map(|(time, name)| run_at(time, name));
        time::advance(Duration::ZERO).await;
        assert_eq!(told.try_recv(), Ok((0, Duration::ZERO, system)), "past");
        forward(2 * HOUR);
        assert_eq!(timers[2].next_deadline(), Some(start + 2 * HOUR));
        time::advance(S(1)).await;
        assert_eq!(told.try_recv(), Ok((1, Duration::ZERO, system + 2 * HOUR)));
        backward(HOUR);
        assert_eq!(timers[2].next_deadline(), Some(start + 3 * HOUR));
        assert!(timers[3].cancel());
        time::advance(3 * HOUR - S(2)).await;
        assert!(told.try_recv().is_err());
        time::advance(S(1)).await;
        assert_eq!(told.try_recv(), Ok((2, 3 * HOUR, system + 4 * HOUR)));
        time::advance(10 * HOUR).await;
        assert!(told.try_recv().is_err());
    });
}

#[test]
fn a_callback_by_the_system_clock_is_refreshed_and_reset_by_it() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        let (tell, told) = mpsc::channel();
        let timer = Callback::at_system(system + HOUR).run(move || tell.send(time::now()).unwrap());
        time::advance(S(60)).await;
        assert!(timer.refresh(), "an hour from now, by the system clock");
        assert_eq!(timer.next_deadline(), Some(start + HOUR + S(60)));
        assert!(timer.reset(2 * HOUR, false));
        assert_eq!(timer.next_deadline(), Some(start + 2 * HOUR + S(60)));
        forward(HOUR);
        assert_eq!(timer.next_deadline(), Some(start + HOUR + S(60)));
        let elsewhere = timer.clone();
        thread::spawn(move || assert!(elsewhere.reset(HOUR / 2, true)))
            .join()
            .unwrap();
        time::advance(HOUR / 2).await;
        assert_eq!(told.try_recv(), Ok(start + S(60) + HOUR / 2));
    });
}

// ---- steps

#[test]
fn steps_have_exact_values() {
    paused(|| async {
        let mut steps = time::clock_steps();
        let mut others = time::clock_steps();
        let told = spawn(async move {
            let mut told = Vec::new();
            while told.len() < 4 {
                told.push((steps.next().await.unwrap(), time::now()));
            }
            told
        });
        let start = time::now();
        let by = [
            ClockStep::Forward(Duration::new(3, 1)),
            ClockStep::Backward(Duration::new(40_000, 999_999_999)),
            ClockStep::Forward(Duration::from_micros(1)),
            ClockStep::Backward(Duration::from_secs(50 * 365 * 24 * 3600)),
        ];
        for by in by {
            time::advance(S(10)).await;
            step(by);
        }
        let told = told.await.unwrap();
        let expected: Vec<_> = by
            .into_iter()
            .zip(1..)
            .map(|(by, n)| (by, start + S(10) * n))
            .collect();
        assert_eq!(told, expected);
        // Who has not looked meanwhile hears of the sum.
        let first = others.next().await.unwrap();
        let sum = S(50 * 365 * 24 * 3600 + 40_000 - 3 + 1) - Duration::from_nanos(1 + 1 + 1_000);
        assert_eq!(first, ClockStep::Backward(sum));
    });
}

#[test]
fn who_sleeps_for_the_system_clock_and_who_watches_steps_are_both_told() {
    paused(|| async {
        let system = time::system_now();
        let mut steps = time::clock_steps();
        let sleep = time::sleep_until_system(system + HOUR);
        let setter = async {
            yield_now().await;
            forward(HOUR);
        };
        let ((), (step, ())) = join(setter, join(steps.next(), sleep)).await;
        assert_eq!(step, Some(ClockStep::Forward(HOUR)));
    });
}

/// A suspension is none: both clocks go on.
#[test]
fn a_suspension_is_no_step_and_moves_the_system_clock() {
    paused(|| async {
        let (start, system) = (time::now(), time::system_now());
        let mut steps = time::clock_steps();
        let waiting = waiting(system + HOUR);
        yield_now().await;
        time::suspend(2 * HOUR);
        assert_eq!(waiting.await.unwrap(), (start, system + 2 * HOUR));
        let next = poll_fn(|cx| Poll::Ready(steps.poll_next_unpin(cx)));
        assert!(next.await.is_pending());
    });
}

// ---- the time since boot

#[test]
fn a_boottime_sleep_counts_suspensions_and_no_steps() {
    paused(|| async {
        let start = time::now();
        let asleep = spawn(async {
            time::sleep_boottime(10 * HOUR).await;
            time::now()
        });
        time::advance(HOUR).await;
        forward(100 * HOUR);
        backward(200 * HOUR);
        time::advance(HOUR).await;
        time::suspend(3 * HOUR);
        time::advance(HOUR).await;
        assert!(!asleep.is_finished());
        assert_eq!(asleep.await.unwrap(), start + 7 * HOUR);
        // One that ends while the machine is suspended ends when that is over.
        let now = time::now();
        let asleep = spawn(async {
            time::sleep_boottime(HOUR).await;
            time::now()
        });
        yield_now().await;
        time::suspend(100 * HOUR);
        assert_eq!(asleep.await.unwrap(), now);
        time::sleep_boottime(Duration::ZERO).await;
        assert_eq!(time::now(), now);
    });
}

#[test]
fn dropped_waits_leave_no_timer_behind() {
    paused(|| async {
        let timers = Timers::current().unwrap();
        let system = time::system_now();
        for _ in 0..100 {
            let sleep = time::sleep_until_system(system + HOUR);
            let boot = time::sleep_boottime(HOUR);
            assert!(
                timeout(Duration::from_nanos(1), join(sleep, boot))
                    .await
                    .is_err()
            );
        }
        assert_eq!(timers.len(), 0);
        let mut steps = time::clock_steps();
        let next = poll_fn(|cx| Poll::Ready(steps.poll_next_unpin(cx)));
        assert!(next.await.is_pending());
        assert_eq!(timers.len(), 0, "a clock that tells is not looked at");
    });
}

/// A sleep that a step has resolved has no timer left that would wake its task for nothing.
#[test]
fn a_sleep_that_a_step_resolves_leaves_the_wheel() {
    paused(|| async {
        let timers = Timers::current().unwrap();
        let mut sleep = pin!(time::sleep_until_system(time::system_now() + HOUR));
        assert!(timeout(S(1), &mut sleep).await.is_err());
        assert_eq!(timers.len(), 1);
        forward(HOUR);
        sleep.as_mut().await;
        assert_eq!(timers.len(), 0);
    });
}
