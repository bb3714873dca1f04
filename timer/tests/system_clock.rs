//! Waits for a system clock that is the test's own: steps, steps that nobody tells of, and clocks that are slow to read.

mod common;

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant, SystemTime},
};

use common::{Counter, Owner, poll_once, waker_fn};
use futures_util::{FutureExt, StreamExt, future::join};
use waterwheel_timer::{
    CallbackTimer, ClockStep, Schedule, SystemClock, SystemReading, Timers, VirtualClock,
    clock_steps, sleep, sleep_boottime, sleep_until_system,
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// A system clock that runs with the monotonic one, and is set by hand.
struct Manual {
    start: Instant,
    /// What the clock showed at the start, as it has been set since.
    system: Mutex<SystemTime>,
    watcher: Mutex<Option<Waker>>,
    /// How many calls of `watch` are still to fail.
    deaf: AtomicUsize,
    watches: AtomicUsize,
    reads: AtomicUsize,
    /// How long it takes to return what is read first.
    stall: Mutex<Duration>,
    uncertainty: Duration,
}

impl Manual {
    fn new() -> Self {
        Manual {
            start: Instant::now(),
            system: Mutex::new(SystemTime::UNIX_EPOCH + S(1_000_000_000)),
            watcher: Mutex::new(None),
            deaf: AtomicUsize::new(0),
            watches: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            stall: Mutex::default(),
            uncertainty: Duration::ZERO,
        }
    }

    fn deaf(times: usize) -> Self {
        Manual {
            deaf: AtomicUsize::new(times),
            ..Manual::new()
        }
    }

    fn system_now(&self) -> SystemTime {
        *self.system.lock().unwrap() + self.start.elapsed()
    }

    fn set(&self, change: impl FnOnce(&mut SystemTime)) {
        change(&mut self.system.lock().unwrap());
        let watcher = self.watcher.lock().unwrap().clone();
        watcher.inspect(Waker::wake_by_ref);
    }

    fn forward(&self, by: Duration) {
        self.set(|system| *system += by);
    }

    fn backward(&self, by: Duration) {
        self.set(|system| *system -= by);
    }
}

impl SystemClock for Manual {
    fn read(&self) -> SystemReading {
        let elapsed = self.start.elapsed();
        let reading = SystemReading {
            system: *self.system.lock().unwrap() + elapsed,
            boottime: elapsed,
            uncertainty: self.uncertainty,
        };
        // Who sees this sets a clock that has been read.
        self.reads.fetch_add(1, Ordering::SeqCst);
        thread::sleep(std::mem::take(&mut *self.stall.lock().unwrap()));
        reading
    }

    fn watch(&self, changed: Waker) -> bool {
        self.watches.fetch_add(1, Ordering::SeqCst);
        let can = |left: usize| left.checked_sub(1);
        let order = Ordering::SeqCst;
        if self.deaf.fetch_update(order, order, can).is_ok() {
            return false;
        }
        *self.watcher.lock().unwrap() = Some(changed);
        true
    }
}

/// A loop whose timers go by that system clock.
fn owner(clock: &Arc<Manual>) -> Owner {
    Owner::with(|unpark| Timers::with_system_clock(unpark, Arc::clone(clock) as _))
}

#[test]
fn a_step_forward_past_the_deadline_resolves_the_sleep_then() {
    let clock = Arc::new(Manual::new());
    let deadline = clock.system_now() + S(3600);
    let start = Instant::now();
    let stepper = thread::spawn({
        let clock = Arc::clone(&clock);
        move || {
            // The clock is read when the sleep is listed. A step before that would be in the reading, and nobody would have to tell of it.
            common::until(|| clock.reads.load(Ordering::SeqCst) > 0);
            clock.forward(S(3600));
        }
    });
    owner(&clock).block_on(sleep_until_system(deadline));
    assert!(start.elapsed() < S(60), "it waited for the wheel");
    stepper.join().unwrap();
}

#[test]
fn a_step_back_makes_the_sleep_wait_longer() {
    let clock = Arc::new(Manual::new());
    let start = Instant::now();
    let deadline = clock.system_now() + MS(20);
    let owner = owner(&clock);
    owner.block_on(async {
        let sleep = sleep_until_system(deadline);
        let step = async {
            sleep_for(MS(5)).await;
            clock.backward(MS(50));
        };
        join(sleep, step).await;
    });
    assert!(clock.system_now() >= deadline, "early by the system clock");
    assert!(start.elapsed() >= MS(70), "the step back was not heard of");
}

async fn sleep_for(delay: Duration) {
    sleep(delay).await;
}

/// Its times are looked at once a second, though it says that it has been set when it has not.
#[test]
fn a_clock_that_tells_for_nothing_changes_nothing() {
    let clock = Arc::new(Manual::new());
    let owner = owner(&clock);
    let _enter = owner.timers.enter();
    let wakes = Counter::new();
    let waker = wakes.clone().into();
    let mut sleep = sleep_until_system(clock.system_now() + S(3600));
    for round in 0..100 {
        assert!(poll_once(&mut sleep, &waker).is_pending());
        clock.forward(Duration::ZERO);
        assert_eq!(wakes.count(), round + 1, "it is woken to look again");
    }
    assert_eq!(owner.timers.len(), 1, "one entry, filed anew");
    drop(sleep);
    assert!(!owner.timers.has_pending());
    clock.forward(S(1));
    assert_eq!(wakes.count(), 100, "nobody is listed any more");
}

/// Once told, a waker is gone from the list, until its owner polls again.
#[test]
fn one_step_wakes_once() {
    let clock = Arc::new(Manual::new());
    let owner = owner(&clock);
    let _enter = owner.timers.enter();
    let wakes = Counter::new();
    let mut sleep = sleep_until_system(clock.system_now() + S(3600));
    assert!(poll_once(&mut sleep, &wakes.clone().into()).is_pending());
    clock.forward(S(1));
    clock.forward(S(1));
    assert_eq!(wakes.count(), 1);
}

#[test]
fn a_clock_that_cannot_tell_is_looked_at_once_a_second() {
    let clock = Arc::new(Manual::deaf(usize::MAX));
    let owner = owner(&clock);
    let (start, deadline) = (Instant::now(), clock.system_now() + S(3600));
    let stepper = thread::spawn({
        let clock = Arc::clone(&clock);
        move || {
            common::until(|| clock.reads.load(Ordering::SeqCst) > 0);
            clock.forward(S(3600));
        }
    });
    owner.block_on(sleep_until_system(deadline));
    stepper.join().unwrap();
    assert!(clock.system_now() >= deadline);
    // It looks at 0, 1 and, on a machine that is very slow, some more seconds.
    let looks = clock.reads.load(Ordering::SeqCst);
    let most = start.elapsed().as_secs() + 3;
    assert!(looks as u64 <= most, "{looks} looks, {most} expected");
    assert!(start.elapsed() >= S(1), "it was told, it seems");
}

#[test]
fn a_clock_that_can_tell_later_is_asked_again() {
    let clock = Arc::new(Manual::deaf(1));
    let owner = owner(&clock);
    let _enter = owner.timers.enter();
    let wakes = Counter::new();
    let waker = wakes.clone().into();
    let mut sleep = sleep_until_system(clock.system_now() + S(3600));
    assert!(poll_once(&mut sleep, &waker).is_pending());
    let next = owner.timers.next_deadline().expect("to look again");
    assert!(next <= Instant::now() + S(1));
    assert!(poll_once(&mut sleep, &waker).is_pending());
    assert_eq!(clock.watches.load(Ordering::SeqCst), 2);
    clock.forward(S(1));
    assert_eq!(wakes.count(), 1, "now it tells");
    assert!(poll_once(&mut sleep, &waker).is_pending());
    assert_eq!(clock.watches.load(Ordering::SeqCst), 2, "no more");
}

/// Between the reading of the time since boot and that of the monotonic clock the thread may lose the processor.
#[test]
fn a_boottime_sleep_is_not_early_by_what_the_reading_takes() {
    let clock = Arc::new(Manual {
        stall: Mutex::new(MS(30)),
        ..Manual::new()
    });
    let start = clock.start.elapsed();
    owner(&clock).block_on(sleep_boottime(MS(50)));
    let slept = clock.start.elapsed() - start;
    assert!(slept >= MS(50), "after {slept:?}");
}

#[test]
fn a_boottime_sleep_counts_from_the_call() {
    let clock = Arc::new(Manual::new());
    let owner = owner(&clock);
    let sleep = sleep_boottime(MS(20));
    let start = Instant::now();
    thread::sleep(MS(20));
    owner.block_on(sleep);
    assert!(
        start.elapsed() < S(20),
        "the time before its first poll counts"
    );
    owner.block_on(sleep_boottime(Duration::ZERO));
    let _enter = owner.timers.enter();
    assert!(sleep_boottime(Duration::MAX).now_or_never().is_none());
}

#[test]
fn times_before_1970_and_times_that_no_clock_shows() {
    let clock = Arc::new(Manual::new());
    let before_1970 = SystemTime::UNIX_EPOCH - S(1_000_000);
    *clock.system.lock().unwrap() = before_1970;
    let owner = owner(&clock);
    owner.block_on(sleep_until_system(before_1970));
    let deadline = clock.system_now() + MS(10);
    owner.block_on(sleep_until_system(deadline));
    assert!(clock.system_now() >= deadline);
    let _enter = owner.timers.enter();
    let last = SystemTime::UNIX_EPOCH + S(i64::MAX.unsigned_abs());
    let mut never = sleep_until_system(last);
    assert!(poll_once(&mut never, Waker::noop()).is_pending());
    assert_eq!(owner.timers.next_deadline(), None, "never");
    never.reset(before_1970);
    assert!(poll_once(&mut never, Waker::noop()).is_ready());
}

/// «Polled in another runtime, it moves there», as a plain sleep does: the clock that it waits for is that one's.
#[test]
fn a_sleep_that_moves_to_other_timers_hears_of_their_clock() {
    let clocks = [(); 2].map(|()| Arc::new(VirtualClock::new()));
    let timers = clocks
        .each_ref()
        .map(|clock| Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(clock)));
    let wakes = Counter::new();
    let waker = wakes.clone().into();
    let deadline = SystemTime::now() + S(3600);
    let mut sleep = sleep_until_system(deadline);
    for timers in &timers {
        let _enter = timers.enter();
        assert!(poll_once(&mut sleep, &waker).is_pending());
    }
    clocks[0].set_system_time(deadline);
    assert_eq!(wakes.count(), 0, "that clock is left behind");
    clocks[1].set_system_time(deadline);
    assert_eq!(wakes.count(), 1);
    let _enter = timers[1].enter();
    assert!(poll_once(&mut sleep, &waker).is_ready());
}

#[test]
fn who_waits_is_woken_when_the_timers_close() {
    let clock = Arc::new(Manual::new());
    let first = owner(&clock);
    let wakes = Counter::new();
    let mut steps = first.timers.enter_then(clock_steps);
    first.timers.enter_then(|| {
        assert!(poll_next(&mut steps, &wakes.clone().into()).is_pending());
    });
    first.timers.close();
    assert_eq!(wakes.count(), 1);
    // Polled where others are turned, it goes on there.
    let second = owner(&clock);
    clock.forward(S(5));
    assert_eq!(
        second.block_on(steps.next()),
        Some(ClockStep::Forward(S(5)))
    );
}

trait EnterThen {
    fn enter_then<R>(&self, run: impl FnOnce() -> R) -> R;
}

impl EnterThen for Arc<Timers> {
    fn enter_then<R>(&self, run: impl FnOnce() -> R) -> R {
        let _enter = self.enter();
        run()
    }
}

fn poll_next<S: futures_util::Stream + Unpin>(
    stream: &mut S,
    waker: &Waker,
) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker))
}

#[test]
fn steps_are_told_exactly_and_what_is_too_small_adds_up() {
    let clock = Arc::new(VirtualClock::new());
    let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
    let _enter = timers.enter();
    let mut steps = clock_steps();
    let mut next = || poll_next(&mut steps, Waker::noop());
    assert!(next().is_pending());
    let set = |by: i64| {
        let time = if by < 0 {
            clock.system_now() - Duration::from_nanos(by.unsigned_abs())
        } else {
            clock.system_now() + Duration::from_nanos(by.unsigned_abs())
        };
        clock.set_system_time(time);
    };
    set(5_000_000_001);
    assert_eq!(
        next(),
        Poll::Ready(Some(ClockStep::Forward(Duration::from_nanos(
            5_000_000_001
        ))))
    );
    assert!(next().is_pending());
    set(-7_000);
    clock.advance(S(10));
    assert_eq!(
        next(),
        Poll::Ready(Some(ClockStep::Backward(Duration::from_nanos(7_000))))
    );
    // Two that take each other back, and a suspension, are none.
    set(1_000_000_000);
    set(-1_000_000_000);
    clock.suspend(S(3600));
    assert!(next().is_pending());
    for _ in 0..9 {
        set(111);
        assert!(next().is_pending(), "less than can be told");
    }
    set(111);
    assert_eq!(
        next(),
        Poll::Ready(Some(ClockStep::Forward(Duration::from_nanos(1_110))))
    );
}

#[test]
fn two_uncertain_readings_make_no_step() {
    let clock = Arc::new(Manual {
        uncertainty: MS(5),
        ..Manual::new()
    });
    let owner = owner(&clock);
    let _enter = owner.timers.enter();
    let mut steps = clock_steps();
    clock.forward(MS(9));
    assert!(poll_next(&mut steps, Waker::noop()).is_pending());
    clock.forward(MS(2));
    assert_eq!(
        poll_next(&mut steps, Waker::noop()),
        Poll::Ready(Some(ClockStep::Forward(MS(11))))
    );
}

#[test]
fn a_callback_timer_goes_by_the_injected_clock() {
    let clock = Arc::new(Manual::new());
    let owner = owner(&clock);
    let deadline = clock.system_now() + S(3600);
    let ran_at = Mutex::new(None);
    let schedule = Schedule::AtSystem(deadline);
    let (timer, handle) = owner.timers.enter_then(|| {
        CallbackTimer::new(schedule, || {
            *ran_at.lock().unwrap() = Some(clock.system_now());
            Some(std::future::ready(()))
        })
    });
    owner.block_on(join(timer, async {
        sleep_for(MS(5)).await;
        assert!(handle.is_pending());
        clock.forward(S(3600));
    }));
    assert!(ran_at.into_inner().unwrap().expect("it has run") >= deadline);
}

/// The machine's year may be any, and a program may set a paused clock to any.
#[test]
fn a_virtual_system_clock_stops_at_the_last_time_there_is() {
    let clock = Arc::new(VirtualClock::new());
    let last = SystemTime::UNIX_EPOCH + S(i64::MAX.unsigned_abs());
    clock.set_system_time(last);
    clock.advance(S(10));
    assert!(clock.system_now() >= last, "not 1970 again");
    clock.suspend(Duration::MAX);
    clock.suspend(Duration::MAX);
    assert!(clock.system_now() >= last);
    let before = SystemTime::UNIX_EPOCH - S(5);
    clock.set_system_time(before);
    assert_eq!(clock.system_now(), before);
    clock.advance(S(7));
    assert_eq!(clock.system_now(), SystemTime::UNIX_EPOCH + S(2));
}

/// The lock of the list is not held while a waker's code runs: a waker that tells of a step is woken by one.
#[test]
fn a_waker_may_set_the_clock() {
    let clock = Arc::new(Manual::new());
    let owner = owner(&clock);
    let _enter = owner.timers.enter();
    let timers = Arc::clone(&owner.timers);
    let waker = waker_fn(move || timers.system_clock_set());
    let mut sleep = sleep_until_system(clock.system_now() + S(3600));
    assert!(poll_once(&mut sleep, &waker).is_pending());
    clock.forward(S(1));
    owner.timers.close();
    assert!(poll_once(&mut sleep, &waker).is_pending());
}
