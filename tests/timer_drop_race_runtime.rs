//! A sleep is dropped at the moment it fires, in whole runtimes: by a thread outside while a worker waits in the kernel for it, and by
//! tasks that something else wakes at the same time, on another worker than the one whose timer it is.

mod common;
mod race;

use common::{Random, rounds};
use race::{
    Aim, Baton, Moment, Moments, Witness, alive, alone, check_the_others, spin_until,
    spin_until_instant, take_part,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::time::{Sleep, Timers};
use waterwheel::{Runtime, sleep_until, spawn, timeout_at};

const SEED: u64 = 0xd20b_ace6;

/// A moment of which one thread tells a task.
#[derive(Default)]
struct Event {
    happened: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Event {
    fn happen(&self) {
        self.happened.store(true, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Waits for it.
struct Happening<'a>(&'a Event);

impl Future for Happening<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let displaced = self.0.waker.lock().unwrap().replace(cx.waker().clone());
        drop(displaced);
        if self.0.happened.load(Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// A runtime whose threads count what they allocate.
fn runtime(workers: usize) -> Runtime {
    Runtime::builder()
        .worker_threads(workers)
        .on_thread_start(|| std::mem::forget(take_part()))
        .build()
        .expect("a runtime")
}

/// The sleeps of one round, whose deadlines are close to each other; the worker waits in the kernel until they come.
fn dropped_from_outside(workers: usize) {
    const BATCH: usize = 64;
    let total = rounds(1_000_000, 50_000);
    let runtime = runtime(workers);
    let there = Baton::<(Vec<Sleep>, Arc<Event>)>::new();
    let back = Mutex::new(Vec::with_capacity(BATCH));
    let witnesses: Vec<_> = (0..BATCH).map(|_| Witness::new()).collect();
    let mut moments = Moments::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _part = take_part();
            let mut aim = Aim::new(2_000, 300_000, SEED);
            loop {
                let (mut sleeps, done) = there.take();
                if sleeps.is_empty() {
                    break;
                }
                let mut back = back.lock().unwrap();
                for (sleep, witness) in sleeps.drain(..).zip(&witnesses) {
                    spin_until_instant(aim.at(sleep.deadline()));
                    let began = witness.woken();
                    drop(sleep);
                    let ended = witness.woken();
                    aim.learn(ended > 0);
                    back.push(match (began, ended) {
                        (0, 0) => Moment::Before,
                        (0, _) => Moment::During,
                        _ => Moment::After,
                    });
                }
                drop(back);
                done.happen();
            }
        });

        let _part = take_part();
        runtime.block_on(async {
            let timers = Timers::current().expect("a runtime has timers");
            let mut baseline = 0;
            while moments.want_more(total) {
                let start = Instant::now() + Duration::from_micros(60);
                let mut sleeps = Vec::with_capacity(BATCH);
                for (n, witness) in witnesses.iter().enumerate() {
                    let mut sleep = sleep_until(start + Duration::from_micros(1) * n as u32);
                    let waker = witness.waker();
                    // Where the machine has stopped for a while it is ready, and not filed: dropped after the moment.
                    if Pin::new(&mut sleep)
                        .poll(&mut Context::from_waker(&waker))
                        .is_ready()
                    {
                        waker.wake();
                    }
                    sleeps.push(sleep);
                }
                let done = Arc::new(Event::default());
                there.give((sleeps, Arc::clone(&done)));
                Happening(&done).await;

                assert_eq!(timers.len(), 0, "a timer is left");
                for (moment, witness) in back.lock().unwrap().drain(..).zip(&witnesses) {
                    // Another worker may be about to wake what it has taken from this one's timers.
                    spin_until("the wheel keeps a waker", || {
                        Arc::strong_count(witness) == 1
                    });
                    let woken = witness.take();
                    assert!(woken <= 1, "one filing fires once, not {woken} times");
                    moments.add(moment);
                }
                if baseline == 0 && moments.all() > total / 10 {
                    baseline = alive();
                }
            }
            // What the runtime has room for may have grown by a little; a leak of one byte a sleep would be 45,000 bytes.
            let grown = alive() - baseline;
            assert!(grown < 16_384, "{grown} bytes more than after a tenth");
            there.give((Vec::new(), Arc::default()));
        });
    });
    println!("{workers} workers: drops from outside, {moments}");
    moments.check(moments.before, moments.during + moments.after);
}

#[test]
fn dropped_from_outside_while_the_only_worker_waits_in_the_kernel() {
    let _alone = alone();
    dropped_from_outside(1);
}

#[test]
fn dropped_from_outside_while_one_of_two_workers_waits_in_the_kernel() {
    let _alone = alone();
    dropped_from_outside(2);
}

/// What is to happen, the next first; and how the waits for it ended.
#[derive(Default)]
struct Schedule {
    due: Mutex<BTreeMap<(Instant, usize), Arc<Event>>>,
    in_time: AtomicUsize,
    too_late: AtomicUsize,
    /// How many tasks were on another thread after the wait than before it.
    moved: AtomicUsize,
}

impl Schedule {
    fn ended(&self) -> usize {
        self.in_time.load(Ordering::Acquire) + self.too_late.load(Ordering::Acquire)
    }

    /// Lets everything happen, each as close to its deadline as possible, until so many waits have ended.
    fn run(&self, waits: usize) {
        let mut aim = Aim::new(10_000, 300_000, SEED);
        let mut seen = (0, 0);
        while self.ended() < waits {
            check_the_others();
            let Some(((deadline, _), event)) = self.due.lock().unwrap().pop_first() else {
                thread::yield_now();
                continue;
            };
            spin_until_instant(aim.at(deadline));
            event.happen();
            let now = (
                self.in_time.load(Ordering::Relaxed),
                self.too_late.load(Ordering::Relaxed),
            );
            for _ in seen.0..now.0 {
                aim.learn(false);
            }
            for _ in seen.1..now.1 {
                aim.learn(true);
            }
            seen = now;
        }
    }

    /// One task's waits, so many.
    async fn wait(&self, task: usize, times: usize) {
        let mut random = Random(SEED ^ (task as u64) << 48);
        for _ in 0..times {
            let event = Arc::new(Event::default());
            let deadline = Instant::now() + Duration::from_nanos(50_000 + random.below(200_000));
            let entry = ((deadline, task), Arc::clone(&event));
            self.due.lock().unwrap().extend([entry]);
            let thread = thread::current().id();
            match timeout_at(deadline, Happening(&event)).await {
                Ok(()) => self.in_time.fetch_add(1, Ordering::Release),
                Err(_) => {
                    assert!(Instant::now() >= deadline, "early");
                    self.too_late.fetch_add(1, Ordering::Release)
                }
            };
            let moved = thread::current().id() != thread;
            self.moved.fetch_add(usize::from(moved), Ordering::Relaxed);
        }
    }
}

/// What limits the wait for an event ends at the moment when the event comes, again and again: the task that both wake drops its sleep on
/// whatever worker it runs.
#[test]
fn timeouts_that_end_at_the_moment_of_what_they_limit() {
    let _alone = alone();
    const TASKS: usize = 32;
    let each = rounds(1_000_000, 50_000) / TASKS;
    let runtime = runtime(2);
    let schedule = Arc::new(Schedule::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            let _part = take_part();
            schedule.run(TASKS * each);
        });

        let _part = take_part();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|task| {
                    let schedule = Arc::clone(&schedule);
                    spawn(async move { schedule.wait(task, each).await })
                })
                .collect();
            for task in tasks {
                task.await.expect("no task panics");
            }
            let timers = Timers::current().expect("a runtime has timers");
            assert_eq!(timers.len(), 0, "a timer is left");
        });
    });
    let [in_time, too_late, moved] =
        [&schedule.in_time, &schedule.too_late, &schedule.moved].map(|n| n.load(Ordering::Relaxed));
    println!("{in_time} events in time, {too_late} too late; {moved} times the task had moved");
    assert_eq!(in_time + too_late, TASKS * each, "each wait ends once");
    let part = TASKS * each / 1_000;
    assert!(in_time > part && too_late > part, "beside the moment");
}
