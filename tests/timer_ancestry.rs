//! What the event libraries that Waterwheel descends from do with timers, and Waterwheel does too: a test for each line of the
//! table in the documentation of `waterwheel::time`, by the name of the operation there.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;
use waterwheel::time::{
    self, Callback, Timers, VirtualClock, Wheel, advance, now, run_after, run_at, run_every,
    set_system_time, system_now,
};
use waterwheel::{Runtime, sleep, yield_now};

const SECOND: Duration = Duration::from_secs(1);

/// Runs a future in a runtime whose time is paused.
#[track_caller]
fn paused<F: Future>(future: F) -> F::Output {
    let runtime = Runtime::builder().worker_threads(1).paused_time().build();
    runtime.expect("a runtime").block_on(future)
}

/// Seconds after a start, at which something ran.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Duration>>>);

impl Notes {
    fn taker(&self) -> impl FnMut() + Send + 'static {
        let (notes, start) = (self.clone(), now());
        move || notes.0.lock().unwrap().push(now() - start)
    }

    #[track_caller]
    fn assert_seconds(&self, expected: &[u64]) {
        let expected: Vec<_> = expected.iter().map(|n| Duration::from_secs(*n)).collect();
        assert_eq!(*self.0.lock().unwrap(), expected);
    }
}

#[test]
fn run_at_an_instant() {
    paused(async {
        let notes = Notes::default();
        run_at(now() + 5 * SECOND, notes.taker());
        advance(5 * SECOND - Duration::from_nanos(1)).await;
        notes.assert_seconds(&[]);
        advance(Duration::from_nanos(1)).await;
        notes.assert_seconds(&[5]);
        // One that has passed is run at once, and not in the call.
        let past = run_at(now() - SECOND, notes.taker());
        assert!(past.is_pending());
        yield_now().await;
        assert!(!past.is_pending());
    });
}

#[test]
fn run_after_a_delay() {
    paused(async {
        let notes = Notes::default();
        for delay in [3, 1, 2] {
            run_after(delay * SECOND, notes.taker());
        }
        sleep(10 * SECOND).await;
        notes.assert_seconds(&[1, 2, 3]);
    });
}

#[test]
fn run_every_period() {
    paused(async {
        let notes = Notes::default();
        let handle = run_every(2 * SECOND, notes.taker());
        sleep(9 * SECOND).await;
        notes.assert_seconds(&[2, 4, 6, 8]);
        assert!(handle.cancel());
    });
}

#[test]
fn cancel_timer() {
    paused(async {
        let notes = Notes::default();
        let (once, often) = (
            run_after(3 * SECOND, notes.taker()),
            run_every(SECOND, notes.taker()),
        );
        sleep(2 * SECOND + SECOND / 2).await;
        assert!(once.cancel() && often.cancel());
        assert!(!once.cancel() && !often.cancel(), "once each");
        sleep(10 * SECOND).await;
        notes.assert_seconds(&[1, 2]);
        assert!(!Timers::current().unwrap().has_pending());
    });
}

/// By `addTimer(ms, cb, recurring)`: the two functions, and the handle.
#[test]
fn add_timer_and_recurring() {
    paused(async {
        let (once, often) = (Notes::default(), Notes::default());
        let once_handle = run_after(SECOND, once.taker());
        let often_handle = run_every(SECOND, often.taker());
        sleep(3 * SECOND + SECOND / 2).await;
        once.assert_seconds(&[1]);
        often.assert_seconds(&[1, 2, 3]);
        assert!(!once_handle.is_pending() && often_handle.is_pending());
    });
}

#[test]
fn add_condition_timer() {
    paused(async {
        let (alive, dead) = (Arc::new(7), Arc::new(8));
        let (ran, timers) = (Arc::new(Mutex::new(Vec::new())), Timers::current().unwrap());
        let note = |ran: &Arc<Mutex<Vec<i32>>>| {
            let ran = Arc::clone(ran);
            move |target: Arc<i32>| ran.lock().unwrap().push(*target)
        };
        Callback::after(SECOND)
            .while_alive(&Arc::downgrade(&alive))
            .run(note(&ran));
        Callback::after(SECOND)
            .while_alive(&Arc::downgrade(&dead))
            .run(note(&ran));
        let repeated = Callback::every(2 * SECOND)
            .while_alive(&Arc::downgrade(&alive))
            .run(note(&ran));
        drop(dead);
        sleep(3 * SECOND).await;
        assert_eq!(*ran.lock().unwrap(), [7, 7]);
        assert_eq!(
            timers.len(),
            1,
            "of the dead one nothing is left in the wheel"
        );
        drop(alive);
        sleep(2 * SECOND).await;
        assert_eq!(ran.lock().unwrap().len(), 2, "its target is gone");
        assert!(!repeated.is_pending() && !timers.has_pending());
    });
}

#[test]
fn cancel_from_anywhere() {
    paused(async {
        let handle = run_after(SECOND, || unreachable!("cancelled"));
        let elsewhere = handle.clone();
        assert!(thread::spawn(move || elsewhere.cancel()).join().unwrap());
        assert!(!handle.cancel());
        sleep(2 * SECOND).await;
    });
}

#[test]
fn refresh() {
    paused(async {
        let notes = Notes::default();
        let handle = run_after(5 * SECOND, notes.taker());
        for _ in 0..3 {
            sleep(3 * SECOND).await;
            assert!(handle.refresh());
        }
        sleep(4 * SECOND).await;
        notes.assert_seconds(&[]);
        sleep(2 * SECOND).await;
        notes.assert_seconds(&[14]);
        assert!(!handle.refresh(), "it has run");
    });
}

#[test]
fn reset_from_now_and_not() {
    paused(async {
        let notes = Notes::default();
        let (from_now, from_start) = (
            run_after(5 * SECOND, notes.taker()),
            run_after(5 * SECOND, notes.taker()),
        );
        sleep(2 * SECOND).await;
        assert!(from_now.reset(10 * SECOND, true));
        assert!(from_start.reset(10 * SECOND, false));
        sleep(20 * SECOND).await;
        notes.assert_seconds(&[10, 12]);
        assert!(!from_now.reset(SECOND, true) && !from_start.reset(SECOND, false));
    });
}

/// Of a timer that repeats, the new delay counts from its last run, and is the new period.
#[test]
fn reset_of_a_recurring_timer() {
    paused(async {
        let notes = Notes::default();
        let handle = run_every(4 * SECOND, notes.taker());
        sleep(5 * SECOND).await;
        assert!(handle.reset(2 * SECOND, false));
        sleep(4 * SECOND).await;
        notes.assert_seconds(&[4, 6, 8]);
        assert!(handle.reset(3 * SECOND, true));
        sleep(7 * SECOND).await;
        notes.assert_seconds(&[4, 6, 8, 12, 15]);
    });
}

#[test]
fn get_next_timer_and_has_timer() {
    paused(async {
        let timers = Timers::current().unwrap();
        assert_eq!(
            (timers.next_deadline(), timers.has_pending()),
            (None, false)
        );
        let far = run_after(9 * SECOND, || ());
        let near = run_after(4 * SECOND, || ());
        yield_now().await;
        assert_eq!(timers.next_deadline(), Some(now() + 4 * SECOND));
        assert_eq!((timers.has_pending(), timers.len()), (true, 2));
        assert_eq!(far.next_deadline(), Some(now() + 9 * SECOND));
        near.cancel();
        far.cancel();
        yield_now().await;
        assert!(!timers.has_pending());
    });
}

/// By `listExpiredCb`: a loop of one's own takes what is due out of a wheel, and does with it what it likes.
#[test]
fn list_expired() {
    let mut wheel = Wheel::new();
    let keys = [30, 10, 20].map(|deadline| wheel.insert(deadline, Waker::noop().clone()));
    let mut expired = Vec::new();
    wheel.expire(20, &mut |waker| expired.push(waker));
    assert_eq!((expired.len(), wheel.len()), (2, 1));
    assert_eq!(wheel.next_deadline(), Some(30));
    for key in keys {
        wheel.remove(key);
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Pokes(AtomicUsize);

impl Wake for Pokes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A timer that another thread puts before all others pokes the owner out of its wait, and no other does.
#[test]
fn inserted_at_front() {
    let pokes = Arc::new(Pokes::default());
    let timers = Arc::new(Timers::new(Waker::from(Arc::clone(&pokes))));
    let poked = || pokes.0.load(Ordering::SeqCst);
    let _enter = timers.enter();
    let mut cx = Context::from_waker(Waker::noop());
    let (mut first, mut second) = (sleep(100 * SECOND), sleep(200 * SECOND));
    assert!(pin!(&mut first).poll(&mut cx).is_pending());
    assert!(pin!(&mut second).poll(&mut cx).is_pending());
    thread::scope(|scope| {
        scope.spawn(|| second.reset(first.deadline() + SECOND));
    });
    assert_eq!(poked(), 0, "behind the first");
    thread::scope(|scope| {
        scope.spawn(|| second.reset(first.deadline() - SECOND));
    });
    assert_eq!(poked(), 1, "in front");
    assert_eq!(timers.next_deadline(), Some(second.deadline()));
}

/// An ancestor that kept deadlines of the system clock had to notice when the clock was set back, and then fired everything. Here no
/// step moves a plain timer.
#[test]
fn clock_rollover() {
    paused(async {
        let notes = Notes::default();
        run_after(10 * SECOND, notes.taker());
        let (day, start) = (24 * 3600 * SECOND, system_now());
        for step in [start - day, start + day, start - 365 * day] {
            set_system_time(step);
            sleep(SECOND).await;
            notes.assert_seconds(&[]);
        }
        sleep(20 * SECOND).await;
        notes.assert_seconds(&[10]);
    });
}

/// The oldest of them had a timer for each connection that it refreshed with each message: here that is a stored value.
#[test]
fn idle_connections() {
    let clock = Arc::new(VirtualClock::new());
    let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
    let _enter = timers.enter();
    let mut idle = time::IdleTimeout::new(3 * SECOND);
    let mut cx = Context::from_waker(Waker::noop());
    let mut poll = |idle: &mut time::IdleTimeout| pin!(idle).poll(&mut cx);
    assert!(poll(&mut idle).is_pending());
    let filed = timers.next_deadline();
    for _ in 0..5 {
        clock.advance(SECOND / 2);
        idle.touch();
        assert_eq!(
            timers.next_deadline(),
            filed,
            "the wheel has not heard of it"
        );
    }
    let silent_since = now();
    while poll(&mut idle) == Poll::Pending {
        clock.advance_to_next(None);
    }
    assert_eq!(now(), silent_since + 3 * SECOND);
}
