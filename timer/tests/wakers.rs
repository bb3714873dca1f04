//! Wakers are foreign code: they may use timers, panic, and run for as long as they like.

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use common::{Counter, Owner, poll_once, waker_fn};
use waterwheel_timer::{Sleep, sleep};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Waking under the wheel's lock deadlocks when the waker touches a timer.
#[test]
fn a_waker_may_file_reset_and_drop_timers_of_the_same_wheel() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let pending = || {
        let mut sleep = sleep(HOUR);
        assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
        sleep
    };
    let to_drop = Mutex::new(Some(pending()));
    let to_reset = Arc::new(Mutex::new(pending()));
    let filed: Arc<Mutex<Option<Sleep>>> = Arc::default();

    let timers = owner.timers.clone();
    let waker = waker_fn({
        let (to_reset, filed) = (to_reset.clone(), filed.clone());
        move || {
            drop(to_drop.lock().unwrap().take());
            to_reset.lock().unwrap().reset(Instant::now() + HOUR / 2);
            *filed.lock().unwrap() = Some(pending());
            assert_eq!(timers.turn(), 0);
            assert_eq!(timers.len(), 2);
        }
    });
    let mut first = sleep(Duration::from_millis(1));
    assert!(poll_once(&mut first, &waker).is_pending());
    owner.turn_until(|| filed.lock().unwrap().is_some());
    assert_eq!(
        owner.timers.next_deadline(),
        Some(to_reset.lock().unwrap().deadline())
    );
}

/// A waker cloned or dropped under a lock runs user code there (tokio#5429): here it uses the same wheel.
#[test]
fn a_waker_that_uses_timers_when_it_is_dropped_is_dropped_without_the_lock() {
    struct Last {
        timers: Arc<waterwheel_timer::Timers>,
        dropped: Arc<AtomicUsize>,
    }
    impl Wake for Last {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Last {
        fn drop(&mut self) {
            let _takes_the_lock = self.timers.len();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let dropped = Arc::new(AtomicUsize::new(0));
    let waker = || {
        Waker::from(Arc::new(Last {
            timers: owner.timers.clone(),
            dropped: dropped.clone(),
        }))
    };
    let dropped = || dropped.load(Ordering::Relaxed);

    let mut cancelled = sleep(HOUR);
    assert!(poll_once(&mut cancelled, &waker()).is_pending());
    assert_eq!(dropped(), 0);
    drop(cancelled);
    assert_eq!(owner.timers.turn(), 0);
    assert_eq!(dropped(), 1);

    let mut displaced = sleep(HOUR);
    assert!(poll_once(&mut displaced, &waker()).is_pending());
    assert!(poll_once(&mut displaced, &waker()).is_pending());
    assert_eq!(dropped(), 2);

    let mut fired = sleep(Duration::from_millis(1));
    assert!(poll_once(&mut fired, &waker()).is_pending());
    owner.turn_until(|| dropped() == 3);

    owner.timers.close();
    assert_eq!(dropped(), 4);
    assert!(poll_once(&mut sleep(HOUR), &waker()).is_pending());
    assert_eq!(dropped(), 5, "refused by closed timers");
}

/// An error in the middle of dispatch drops the wakers already collected (async-io).
#[test]
fn a_waker_that_panics_loses_no_other_and_does_not_stop_the_turn() {
    for close in [false, true] {
        let owner = Owner::new();
        let _enter = owner.timers.enter();
        let woken = Counter::new();
        let deadline = Instant::now() + Duration::from_millis(1);
        let mut sleeps: Vec<Sleep> = (0..10).map(|_| sleep(Duration::from_millis(1))).collect();
        for (n, sleep) in sleeps.iter_mut().enumerate() {
            let woken = woken.clone();
            let waker = waker_fn(move || {
                woken.wake_by_ref();
                assert!(n % 2 == 0, "on purpose: an odd waker panics");
            });
            assert!(poll_once(sleep, &waker).is_pending());
        }
        if close {
            owner.timers.close();
        } else {
            owner.turn_until(|| woken.count() > 0);
            owner.turn_until(|| woken.count() == 10);
            assert!(Instant::now() >= deadline);
        }
        assert_eq!(woken.count(), 10);
        assert!(!owner.timers.has_pending());
    }
}

/// A zero timer re-armed in its own callback starves the loop (libuv#4250).
#[test]
fn a_timer_that_files_itself_anew_from_its_waker_waits_for_the_next_turn() {
    struct Again {
        sleep: Mutex<Option<Sleep>>,
        wakes: AtomicUsize,
    }
    impl Again {
        fn arm(self: &Arc<Self>) {
            let mut again = sleep(Duration::from_nanos(1)); // due before the turn can end
            assert!(poll_once(&mut again, &Waker::from(self.clone())).is_pending());
            *self.sleep.lock().unwrap() = Some(again);
        }
    }
    impl Wake for Again {
        fn wake(self: Arc<Self>) {
            self.wakes.fetch_add(1, Ordering::Relaxed);
            self.arm();
        }
    }

    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let again = Arc::new(Again {
        sleep: Mutex::default(),
        wakes: AtomicUsize::new(0),
    });
    again.arm();
    for turn in 1..=100 {
        while owner.timers.turn() == 0 {}
        assert_eq!(again.wakes.load(Ordering::Relaxed), turn, "once a turn");
    }
    owner.timers.close(); // ends: what the last wakers file is refused
    again.sleep.lock().unwrap().take();
}

/// A waker may block until another thread has used the wheel.
#[test]
fn other_threads_use_the_wheel_while_a_waker_runs() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let mut other = sleep(HOUR);
    assert!(poll_once(&mut other, Waker::noop()).is_pending());
    let (send, receive) = mpsc::channel();
    let (started, start) = mpsc::channel();
    let receive = Mutex::new(receive);
    let waker = waker_fn(move || {
        started.send(()).unwrap();
        receive.lock().unwrap().recv().unwrap();
    });
    let mut sleep = sleep(Duration::from_millis(1));
    assert!(poll_once(&mut sleep, &waker).is_pending());
    thread::scope(|scope| {
        scope.spawn(move || {
            start.recv().unwrap();
            drop(other);
            send.send(()).unwrap();
        });
        owner.turn_until(|| !owner.timers.has_pending());
    });
}

#[test]
fn a_poll_by_the_same_task_clones_no_waker() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let woken = Counter::new();
    let waker = Waker::from(woken.clone());
    let mut sleep = sleep(HOUR);
    for _ in 0..3 {
        assert!(poll_once(&mut sleep, &waker).is_pending());
        assert_eq!(
            Arc::strong_count(&woken),
            3,
            "here, in the waker, and in the wheel"
        );
    }
}

/// Who turns is shown each waker once, in order, before it is woken; what it does there loses no wake.
#[test]
fn each_waker_is_shown_before_it_is_woken_even_to_who_panics() {
    for (timers, panics) in [(1, false), (5, false), (100, false), (100, true)] {
        let owner = Owner::new();
        let _enter = owner.timers.enter();
        let woken: Vec<_> = (0..timers).map(|_| Counter::new()).collect();
        let wakers: Vec<Waker> = woken.iter().map(|count| count.clone().into()).collect();
        let mut sleeps = Vec::new();
        for waker in &wakers {
            let mut sleep = sleep(Duration::from_millis(1));
            assert!(poll_once(&mut sleep, waker).is_pending());
            sleeps.push(sleep);
        }
        thread::sleep(Duration::from_millis(2));

        let mut shown = 0;
        let due = owner.timers.turn_with(|waker| {
            assert!(waker.will_wake(&wakers[shown]), "in the order of waking");
            assert_eq!(woken[shown].count(), 0, "before it is woken");
            shown += 1;
            assert!(!panics, "on purpose");
        });
        assert_eq!((due, shown), (timers, timers));
        assert!(woken.iter().all(|woken| woken.count() == 1));
    }
}
