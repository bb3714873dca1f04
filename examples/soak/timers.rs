//! A million callback timers that are always pending, of which a share fires, is cancelled, refreshed, and moved earlier and later, all the
//! time; and sleeps that are reset, dropped, and raced with.
//!
//! A timer's slot knows the earliest moment at which it may fire. Before the timer is moved earlier that is noted, and after it was moved later, so
//! that a callback that finds the moment still to come has come early, whatever happens at the same time.

use crate::random::Random;
use crate::tally::{Tally, count, lock};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};
use waterwheel::time::{TimerHandle, run_at};
use waterwheel::{sleep, sleep_until, timeout, yield_now};

pub(crate) const TIMERS: usize = 1_000_000;
const SHARDS: usize = 16;
/// One timer in so many is a short one, and fires soon.
const SHORT: usize = 8;
/// How far away deadlines are, in milliseconds: those of short timers, and those of the others, which are mostly cancelled or moved before, as timeouts
/// are.
const SOON: (usize, usize) = (100, 60_000);
const LATE: (usize, usize) = (120_000, 3_600_000);
/// How many timers of a shard are changed each ten milliseconds.
const CHANGES: usize = 4;
const SLEEPERS: u64 = 500;

struct Slot {
    /// In nanoseconds since the epoch of the run.
    not_before: AtomicU64,
    /// Which of the timers that have been here may fire.
    number: AtomicU32,
}

struct Shard {
    tally: Arc<Tally>,
    slots: Box<[Slot]>,
    fired: Mutex<Vec<u32>>,
    fires: Arc<AtomicU64>,
}

impl Shard {
    fn fire(&self, index: u32, number: u32) {
        let slot = &self.slots[index as usize];
        let now = self.tally.epoch.elapsed().as_nanos() as u64;
        let not_before = slot.not_before.load(Ordering::SeqCst);
        let current = slot.number.load(Ordering::SeqCst);
        self.tally
            .check(current == number, "a timer that was cancelled has fired");
        match now.checked_sub(not_before) {
            Some(late) => self.tally.timers_late.add(late),
            None => self
                .tally
                .fault(format_args!("a timer fired {} ns early", not_before - now)),
        }
        count(&self.fires);
        lock(&self.fired).push(index);
    }
}

fn delay(random: &mut Random, index: usize) -> Duration {
    let (least, most) = if index.is_multiple_of(SHORT) {
        SOON
    } else {
        LATE
    };
    random.millis(least, most)
}

pub(crate) async fn run(tally: Arc<Tally>) {
    let shards: Vec<_> = (0..SHARDS as u64)
        .map(|number| waterwheel::spawn(shard(Arc::clone(&tally), number)))
        .collect();
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|number| waterwheel::spawn(sleeper(Arc::clone(&tally), number)))
        .collect();
    for task in shards.into_iter().chain(sleepers) {
        task.await.expect("no panic");
    }
}

/// Keeps its share of the timers pending.
async fn shard(tally: Arc<Tally>, number: u64) {
    let size = TIMERS / SHARDS;
    let shard = Arc::new(Shard {
        slots: (0..size)
            .map(|_| Slot {
                not_before: AtomicU64::new(0),
                number: AtomicU32::new(0),
            })
            .collect(),
        fired: Mutex::new(Vec::with_capacity(size)),
        fires: tally.watched("timers fired"),
        tally: Arc::clone(&tally),
    });
    let mut keeper = Keeper {
        handles: Vec::with_capacity(size),
        random: Random::new(tally.seed, "timers", number),
        shard: Arc::clone(&shard),
        cancelled: tally.watched("timers cancelled"),
        moved: tally.watched("timers refreshed or reset"),
    };
    let mut fired = Vec::with_capacity(size);
    for index in 0..size {
        let handle = keeper.start(index);
        keeper.handles.push(handle);
        if index % 256 == 0 {
            yield_now().await;
        }
    }
    while !tally.is_over() {
        std::mem::swap(&mut *lock(&shard.fired), &mut fired);
        for (done, index) in fired.drain(..).enumerate() {
            keeper.handles[index as usize] = keeper.start(index as usize);
            if done % 256 == 255 {
                yield_now().await;
            }
        }
        for _ in 0..CHANGES {
            keeper.change();
        }
        sleep(Duration::from_millis(10)).await;
    }
    // Each function has a reference to the shard, and so has the keeper.
    for (done, handle) in keeper.handles.iter().enumerate() {
        handle.cancel();
        if done % 256 == 0 {
            yield_now().await;
        }
    }
    let began = Instant::now();
    while Arc::strong_count(&shard) > 2 && began.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(5)).await;
    }
    let left = Arc::strong_count(&shard) - 2;
    tally.check(left == 0, format_args!("{left} timers' functions are left"));
}

struct Keeper {
    shard: Arc<Shard>,
    handles: Vec<TimerHandle>,
    random: Random,
    cancelled: Arc<AtomicU64>,
    moved: Arc<AtomicU64>,
}

impl Keeper {
    fn delay(&mut self, index: usize) -> Duration {
        delay(&mut self.random, index)
    }

    fn start(&mut self, index: usize) -> TimerHandle {
        let deadline = Instant::now() + self.delay(index);
        let slot = &self.shard.slots[index];
        let not_before = deadline - self.shard.tally.epoch;
        slot.not_before
            .store(not_before.as_nanos() as u64, Ordering::SeqCst);
        let number = slot.number.fetch_add(1, Ordering::SeqCst) + 1;
        let shard = Arc::clone(&self.shard);
        run_at(deadline, move || shard.fire(index as u32, number))
    }

    /// Does something to one timer, if that has not fired.
    fn change(&mut self) {
        let index = self.random.below(self.handles.len());
        let delay = self.delay(index);
        let slot = &self.shard.slots[index];
        let handle = &self.handles[index];
        let present = slot.not_before.load(Ordering::SeqCst);
        let wanted = (self.shard.tally.epoch.elapsed() + delay).as_nanos() as u64;
        match self.random.below(4) {
            0 | 1 => {
                if handle.cancel() {
                    let again = handle.cancel() || handle.is_pending();
                    self.shard.tally.check(!again, "cancelled twice");
                    count(&self.cancelled);
                    self.handles[index] = self.start(index);
                }
                return;
            }
            2 if wanted < present => {
                slot.not_before.store(wanted, Ordering::SeqCst);
                if !handle.reset(delay, true) {
                    // It has fired, or does, by its old deadline, which was later.
                    slot.not_before.store(present, Ordering::SeqCst);
                }
            }
            2 => {
                if handle.reset(delay, true) {
                    slot.not_before.store(wanted, Ordering::SeqCst);
                }
            }
            // Always later, or the same: the delay counts from now.
            _ => {
                if handle.refresh()
                    && let Some(next) = handle.next_deadline()
                {
                    let next = (next - self.shard.tally.epoch).as_nanos() as u64;
                    slot.not_before.store(next, Ordering::SeqCst);
                }
            }
        }
        count(&self.moved);
    }
}

/// Has the wheel of the worker that this stays with hold as many timers as there are in all, for a moment, beside its own.
///
/// Which share of the timers each worker has wanders, by minutes, and a wheel keeps the room of its highest tide until it is empty. So each has its
/// highest tide in the warm-up: what grows after that is something else.
pub(crate) async fn tide(seed: u64) {
    let mut random = Random::new(seed, "tide", 0);
    let count = TIMERS + TIMERS / 8;
    let mut sleeps = Vec::with_capacity(count);
    for index in 0..count {
        let mut sleep = sleep(delay(&mut random, index));
        poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx).is_ready())).await;
        sleeps.push(sleep);
        if index % 256 == 0 {
            yield_now().await;
        }
    }
    while sleeps.pop().is_some() {
        if sleeps.len().is_multiple_of(256) {
            yield_now().await;
        }
    }
}

/// Sleeps for some milliseconds at a time, and changes its mind.
async fn sleeper(tally: Arc<Tally>, number: u64) {
    let mut random = Random::new(tally.seed, "sleeper", number);
    let sleeps = tally.watched("sleeps");
    while !tally.is_over() {
        let mut deadline = Instant::now() + random.millis(0, 400);
        match random.below(4) {
            // Filed, and then moved, earlier or later.
            0 => {
                let mut sleep = sleep_until(deadline);
                poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx).is_ready())).await;
                deadline = Instant::now() + random.millis(0, 400);
                sleep.reset(deadline);
                sleep.await;
            }
            // Raced with, so that one of the two is dropped.
            1 => {
                let (limit, inner) = (random.millis(1, 300), random.millis(1, 300));
                let began = Instant::now();
                let _whichever = timeout(limit, sleep(inner)).await;
                deadline = began + limit.min(inner);
            }
            _ => sleep_until(deadline).await,
        }
        let late = Instant::now().checked_duration_since(deadline);
        match late {
            Some(late) => tally.timers_late.add(late.as_nanos() as u64),
            None => tally.fault("a sleep ended early"),
        }
        count(&sleeps);
    }
}
