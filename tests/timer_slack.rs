//! Timers with slack share the wakes of their thread, are never early, and never later than their slack.

mod common;

use common::Random;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use waterwheel::time::{self, Sleep, Timers, VirtualClock};
use waterwheel::{JoinSet, Runtime, interval_at, sleep, sleep_until, timeout};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;
const SLACK: Duration = Duration::from_millis(10);

/// Ten thousand timers with some slack, spread over a second that begins after `lead`. Returns the deadlines, each with when it was seen.
async fn ten_thousand(lead: Duration, slack: Duration) -> Vec<(Instant, Instant)> {
    let start = time::now() + lead;
    let mut set = JoinSet::new();
    for index in 0..10_000 {
        let deadline = start + Duration::from_micros(100 * index);
        set.spawn(async move {
            sleep_until(deadline).with_slack(slack).await;
            (deadline, time::now())
        });
    }
    let mut seen = Vec::new();
    while let Some(joined) = set.join_next().await {
        seen.push(joined.unwrap());
    }
    seen
}

#[test]
fn ten_thousand_timers_wake_the_thread_at_most_120_times() {
    let runtime = Runtime::builder().worker_threads(1).build().unwrap();
    let parks = || runtime.metrics().workers[0].parks;
    let before = parks();
    // The lead is for them to be spawned in.
    let seen = runtime.block_on(ten_thousand(MS(100), SLACK));
    let parks = parks() - before;
    assert_eq!(seen.len(), 10_000);
    assert!(seen.iter().all(|(deadline, at)| at >= deadline), "early");
    assert!(parks <= 120, "{parks} wakes");
}

#[test]
fn with_paused_time_they_meet_at_round_instants() {
    let runtime = Runtime::builder().paused_time().build().unwrap();
    for slack in [SLACK, MS(19), MS(50), Duration::ZERO] {
        let seen = runtime.block_on(ten_thousand(MS(100), slack));
        for (deadline, at) in &seen {
            assert!(deadline <= at && *at <= *deadline + slack);
        }
        let instants: BTreeSet<_> = seen.iter().map(|(_, at)| at).collect();
        let step = match slack {
            slack if slack == MS(50) => 50,
            Duration::ZERO => {
                assert_eq!(instants.len(), 10_000, "exact without slack");
                continue;
            }
            _ => 10,
        };
        let most = 1_000 / step + 1;
        assert!(instants.len() as u64 <= most, "{} instants", instants.len());
        let apart = instants.iter().zip(instants.iter().skip(1));
        assert!(apart.into_iter().all(|(a, b)| **b - **a == MS(step)));
    }
}

/// Unequal slacks share wakes too, where one's step is a multiple of the other's.
#[test]
fn unequal_slacks_share_wakes() {
    let runtime = Runtime::builder().paused_time().build().unwrap();
    runtime.block_on(async {
        let start = time::now() + S(1);
        let mut set = JoinSet::new();
        for index in 0..1_000 {
            let deadline = start + Duration::from_micros(997 * index);
            let slack = [MS(100), MS(20), MS(150)][index as usize % 3];
            set.spawn(async move {
                sleep_until(deadline).with_slack(slack).await;
                let late = time::now() - deadline;
                assert!(late <= slack, "{late:?}");
                time::now()
            });
        }
        let mut instants = BTreeSet::new();
        while let Some(joined) = set.join_next().await {
            instants.insert(joined.unwrap());
        }
        assert!(instants.len() <= 1_000 / 20 + 2, "{}", instants.len());
    });
}

#[test]
fn an_interval_with_slack_tells_exact_ticks_and_takes_them_together() {
    let runtime = Runtime::builder().paused_time().build().unwrap();
    runtime.block_on(async {
        let start = time::now();
        let taken = Arc::new(Mutex::new(BTreeSet::new()));
        let mut set = JoinSet::new();
        for index in 0..100 {
            let taken = Arc::clone(&taken);
            set.spawn(async move {
                let first = start + Duration::from_micros(313 * index);
                let mut interval = interval_at(first, MS(100)).with_slack(SLACK);
                for tick in 0..100 {
                    let at = interval.tick().await;
                    assert_eq!(at, first + MS(100) * tick, "no drift");
                    let late = time::now() - at;
                    assert!(late <= SLACK, "{late:?}");
                    taken.lock().unwrap().insert(time::now());
                }
            });
        }
        while let Some(joined) = set.join_next().await {
            joined.unwrap();
        }
        // Some four for all the firsts in 31 ms, each time.
        let taken = taken.lock().unwrap().len();
        assert!(taken <= 5 * 100, "{taken} wakes for 10,000 ticks");
    });
}

/// More slack than period: whole ticks are missed, by the policy, and the phase stays.
#[test]
fn an_interval_with_more_slack_than_period() {
    let runtime = Runtime::builder().paused_time().build().unwrap();
    runtime.block_on(async {
        let start = time::now();
        let mut interval = interval_at(start + MS(7), MS(7)).with_slack(MS(20));
        let mut last = start;
        for _ in 0..100 {
            let tick = interval.tick().await;
            let now = time::now();
            assert!(tick <= now && now <= tick + MS(20));
            assert!(tick > last && (tick - start).as_nanos().is_multiple_of(7_000_000));
            last = tick;
        }
        assert!(last >= start + MS(20) * 99, "one a step");
    });
}

/// A timeout drops its sleep in each round, and the next one takes its entry over; so does one with slack.
#[test]
fn an_entry_that_is_taken_over_fires_neither_early_nor_late() {
    let runtime = Runtime::builder().paused_time().build().unwrap();
    runtime.block_on(async {
        let timers = Timers::current().unwrap();
        let mut random = Random(17);
        for round in 0..2_000 {
            let limit = MS(5 + random.below(40));
            let slack = MS(random.below(30));
            // Cancelled, and its entry kept.
            {
                let mut dropped = pin!(sleep(limit).with_slack(slack));
                poll_fn(|cx| {
                    assert!(dropped.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
            }
            let deadline = time::now() + MS(1 + random.below(60));
            let slack = MS(random.below(30));
            let mut sleep = pin!(sleep_until(deadline).with_slack(slack));
            poll_fn(|cx| {
                let polled = sleep.as_mut().poll(cx);
                if polled.is_pending() {
                    assert_eq!(timers.len(), 1, "one task, one entry");
                }
                polled
            })
            .await;
            let late = time::now().checked_duration_since(deadline);
            let late = late.unwrap_or_else(|| panic!("round {round}: early"));
            assert!(
                late <= slack,
                "round {round}: {late:?} late, slack {slack:?}"
            );
        }
        assert_eq!(timers.len(), 0);
    });
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Seed 23. A sleep that is reset, given other slack, and polled from other tasks, at random.
#[test]
fn reset_slack_and_other_wakers_together() {
    let clock = Arc::new(VirtualClock::new());
    let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
    let _enter = timers.enter();
    let mut random = Random(23);
    let flags = [(); 3].map(|()| Arc::new(Flag::default()));
    for round in 0..3_000 {
        let mut slack = MS(random.below(30));
        let mut sleep: Sleep = time::sleep(MS(random.below(50))).with_slack(slack);
        let mut task = 0;
        let mut wakes = 0;
        let mut changes = 0;
        loop {
            flags[task].0.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(&flags[task]));
            if Pin::new(&mut sleep)
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                break;
            }
            while changes < 12 && random.below(3) > 0 {
                changes += 1;
                match random.below(4) {
                    0 => sleep.reset(clock.now() + MS(random.below(60))),
                    1 => {
                        slack = MS(random.below(30));
                        sleep = sleep.with_slack(slack);
                    }
                    2 => {
                        clock.advance(Duration::from_micros(random.below(5_000)));
                    }
                    _ => task = random.below(3) as usize,
                }
            }
            // Whoever is polled next would have been woken by now: the rest happens by wakes alone, of the task that polled last.
            let waker = Waker::from(Arc::clone(&flags[task]));
            if Pin::new(&mut sleep)
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                break;
            }
            if !flags[task].0.load(Ordering::SeqCst) {
                assert_eq!(timers.len(), 1, "round {round}");
                let due = sleep.deadline() + slack;
                assert!(timers.next_deadline().expect("it is filed") <= due.max(clock.now()));
                wakes += clock.advance_to_next(None);
                assert!(
                    flags[task].0.load(Ordering::SeqCst),
                    "round {round}: who polled last is woken"
                );
            }
        }
        let late = clock.now().checked_duration_since(sleep.deadline());
        let late = late.unwrap_or_else(|| panic!("round {round}: early"));
        // What was moved by hand beyond the deadline is not the timer's doing.
        assert!(late <= slack + MS(60), "round {round}: {late:?}");
        assert!(wakes <= 40, "round {round}: {wakes} wakes");
        drop(sleep);
        assert_eq!(timers.len(), 0);
    }
}

/// By wakes alone, once all is settled, no later than the slack.
#[test]
fn after_any_change_it_ends_within_the_slack() {
    let clock = Arc::new(VirtualClock::new());
    let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
    let _enter = timers.enter();
    let mut random = Random(29);
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0..5_000 {
        let mut slack = MS(random.below(30));
        let mut sleep = time::sleep(MS(1 + random.below(50))).with_slack(slack);
        assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
        for _ in 0..random.below(4) {
            if random.below(2) == 0 {
                sleep.reset(clock.now() + MS(1 + random.below(60)));
            } else {
                slack = MS(random.below(30));
                sleep = sleep.with_slack(slack);
            }
        }
        while Pin::new(&mut sleep).poll(&mut cx).is_pending() {
            assert_eq!(clock.advance_to_next(None), 1, "round {round}: it is filed");
        }
        let late = clock.now().checked_duration_since(sleep.deadline());
        let late = late.unwrap_or_else(|| panic!("round {round}: early"));
        assert!(
            late <= slack,
            "round {round}: {late:?} late, slack {slack:?}"
        );
    }
}

#[test]
fn any_slack_and_any_deadline() {
    let runtime = Runtime::builder().paused_time().build().unwrap();
    runtime.block_on(async {
        let start = time::now();
        sleep(S(1)).with_slack(Duration::from_nanos(1)).await;
        assert_eq!(time::now(), start + S(1), "a step of a nanosecond is none");
        sleep(S(1)).with_slack(Duration::ZERO).await;
        assert_eq!(time::now(), start + S(2));
        let never = sleep(Duration::MAX).with_slack(S(1));
        assert!(timeout(S(1), never).await.is_err());
        sleep_until(start).with_slack(S(1)).await;
        assert_eq!(time::now(), start + S(3), "it has passed, and is not late");
        sleep(Duration::ZERO).with_slack(Duration::MAX).await;
        assert_eq!(time::now(), start + S(3));
        // The coarsest step is centuries long, so this may come in as many, or never; it is not early.
        let late = sleep(S(1)).with_slack(Duration::MAX);
        assert!(timeout(S(1) - MS(1), late).await.is_err());
    });
}
