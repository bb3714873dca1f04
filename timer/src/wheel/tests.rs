//! The wheel from within: its invariants after every step, and the pitfalls of its kind.

use std::{
    mem::size_of,
    sync::{Arc, Mutex},
    task::{Wake, Waker},
};

use super::{
    chunk::{PLACES, SPARSE},
    *,
};

impl Wheel {
    /// Advances to `now`, and returns the deadlines that fired.
    fn fire(&mut self, now: u64) -> Vec<u64> {
        self.validate();
        let due = self.take_due(now);
        self.validate();
        due.iter().map(|due| due.deadline).collect()
    }

    fn add(&mut self, deadline: u64) -> Key {
        self.insert(deadline, Waker::noop().clone())
    }
}

/// Numbers that look random, from a fixed seed (Steele et al., SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Of any magnitude, small and large ones being equally likely.
    fn any_magnitude(&mut self) -> u64 {
        self.next() >> (self.next() % 64)
    }
}

/// How many bits there are below a boundary: of an instant first, then of the slots of the ten levels.
fn bits(boundary: u64) -> u64 {
    boundary.checked_sub(1).map_or(0, |level| 8 + 6 * level)
}

#[test]
fn an_entry_takes_32_bytes_in_the_slab() {
    let mut wheel = Wheel::new();
    let keys = [wheel.add(1), wheel.add(2)];
    let [first, second] = keys.map(|key| &raw const wheel.slabs.entries[key.index()]);
    assert_eq!(
        second.addr() - first.addr(),
        32,
        "neighbours, the slab's own mark included"
    );
    assert_eq!(size_of::<Option<Key>>(), 4);
}

#[test]
fn the_invariants_hold_after_every_step() {
    for seed in 0..50 {
        let mut random = Random(seed);
        let mut wheel = Wheel::new();
        let mut keys = Vec::new();
        for step in 0..400 {
            let deadline = wheel.elapsed().saturating_add(random.any_magnitude());
            let pick = random.next() as usize % keys.len().max(1);
            match random.next() % 6 {
                0..3 => keys.push(wheel.add(deadline)),
                3 if !keys.is_empty() => drop(wheel.remove(keys.swap_remove(pick))),
                4 if !keys.is_empty() => {
                    drop(wheel.reset(&keys[pick], deadline, Waker::noop().clone()));
                }
                _ => {
                    // Half of the range at most, so that a run does not end at its first advance.
                    let now = wheel.elapsed().saturating_add(random.any_magnitude() >> 1);
                    let fired = wheel.fire(now);
                    assert!(
                        fired.is_sorted() && fired.iter().all(|&at| at <= now),
                        "seed {seed}"
                    );
                }
            }
            wheel.validate();
            assert!(wheel.len() <= keys.len(), "seed {seed}, step {step}");
        }
        for key in keys {
            wheel.remove(key);
            wheel.validate();
        }
        assert!(
            wheel.is_empty() && wheel.slabs.entries.is_empty(),
            "seed {seed}"
        );
    }
}

#[test]
fn a_nanosecond_around_the_boundary_of_every_level_from_random_origins() {
    let mut random = Random(1);
    for round in 0..2_000 {
        let origin = random.any_magnitude();
        let level = random.next() % 11;
        let mut wheel = Wheel::new();
        wheel.fire(origin);
        // The next boundary of that level, and those around it; saturated at the end of the range.
        let boundary = (origin >> bits(level))
            .saturating_add(1)
            .saturating_mul(1 << bits(level));
        let around = [boundary - 1, boundary, boundary.saturating_add(1)];
        let keys = around.map(|deadline| wheel.add(deadline));
        for deadline in around {
            if wheel.elapsed() < deadline {
                assert_eq!(wheel.fire(deadline - 1), [0; 0], "round {round}: early");
            }
            let fired = wheel.fire(deadline);
            assert!(
                fired.iter().all(|&at| at == deadline),
                "round {round}: {fired:?}"
            );
            assert!(
                wheel.next_deadline().is_none_or(|next| next > deadline),
                "round {round}"
            );
        }
        assert!(keys.iter().all(|key| wheel.is_fired(key)), "round {round}");
    }
}

/// A waker that writes down its number.
struct Recorder {
    number: usize,
    log: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Recorder {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.number);
    }
}

/// Origins of any magnitude; some on the eve of a boundary of many levels, some at one, some close to the end of time.
fn origin(random: &mut Random) -> u64 {
    let any = random.any_magnitude();
    let low = (1 << bits(random.next() % 11)) - 1;
    match random.next() % 8 {
        0 => any | low,
        1 => any & !low,
        2 => u64::MAX - any / 2,
        _ => any,
    }
}

/// Four timers at each of three instants about a boundary of every level, filed from three distances, some of them taken
/// out of the middle, the front and the back of their slots: what remains fires at its nanosecond, in order.
#[test]
fn crowds_around_the_boundary_of_every_level_from_random_origins() {
    const ORIGINS: u64 = 100;
    let mut random = Random(2);
    let all = (0..11).flat_map(|level| (-1..=1).map(move |off| (level, off)));
    for (level, off) in all {
        for round in 0..ORIGINS {
            let origin = origin(&mut random);
            let boundary = (origin >> bits(level))
                .saturating_add(1)
                .saturating_mul(1 << bits(level));
            let middle = boundary.saturating_add_signed(off);
            let told = format!("level {level}, offset {off}, round {round}, origin {origin:#x}");

            let mut wheel = Wheel::at(origin);
            let log = Arc::<Mutex<Vec<usize>>>::default();
            let mut timers = Vec::new();
            // Nearer and nearer, so that what is filed later is filed from another level.
            let last = middle.saturating_sub(2).max(origin);
            for from in [origin, origin + (last - origin) / 2, last] {
                assert_eq!(wheel.fire(from), [0; 0], "early: {told}");
                for deadline in [middle, middle.saturating_add(1), middle.max(1) - 1, middle] {
                    // What is due by now is not about the boundary, but about what has passed.
                    if deadline > from {
                        let number = timers.len();
                        let log = Arc::clone(&log);
                        let waker = Arc::new(Recorder { number, log }).into();
                        timers.push((deadline, number, Some(wheel.insert(deadline, waker))));
                    }
                }
                for (_, _, key) in &mut timers {
                    if random.next().is_multiple_of(5)
                        && let Some(key) = key.take()
                    {
                        assert!(wheel.remove(key).is_some(), "{told}");
                    }
                }
            }
            let mut expected: Vec<(u64, usize)> = timers
                .iter()
                .filter(|(_, _, key)| key.is_some())
                .map(|&(deadline, number, _)| (deadline, number))
                .collect();
            expected.sort_unstable();
            for instants in expected.chunk_by(|a, b| a.0 == b.0) {
                let deadline = instants[0].0;
                assert!(
                    wheel.next_deadline().is_some_and(|next| next <= deadline),
                    "{told}"
                );
                if wheel.elapsed() < deadline {
                    // Which checks the invariants first.
                    assert_eq!(wheel.fire(deadline - 1), [0; 0], "early: {told}");
                }
                wheel.expire(deadline, &mut Waker::wake);
                wheel.validate();
                let fired = std::mem::take(&mut *log.lock().unwrap());
                let numbers: Vec<usize> = instants.iter().map(|instant| instant.1).collect();
                assert_eq!(fired, numbers, "at {deadline:#x}, {told}");
            }
            assert!(wheel.is_empty(), "{told}");
            for (_, _, key) in timers {
                assert!(key.is_none_or(|key| wheel.remove(key).is_none()), "{told}");
            }
        }
    }
}

/// A far-future timer and days of uptime wrap the top level; short sleeps then hang (tokio#8334).
#[test]
fn a_far_timer_and_years_of_uptime_disturb_no_short_sleep() {
    const DAY: u64 = 24 * 60 * 60 * 1_000_000_000;
    let mut wheel = Wheel::new();
    let far = [wheel.add(u64::MAX - 1), wheel.add(u64::MAX)];
    for day in 0..(u64::MAX / DAY) {
        let short = day * DAY + 1_000_000;
        let key = wheel.add(short);
        assert_eq!(wheel.next_deadline(), Some(short), "day {day}");
        let due = wheel.take_due(day * DAY + DAY / 2);
        assert_eq!(due.len(), 1, "day {day}");
        wheel.remove(key);
    }
    assert!(far.iter().all(|key| !wheel.is_fired(key)));
    assert_eq!(wheel.fire(u64::MAX - 1), [u64::MAX - 1]);
    // A far deadline collides with no sentinel (tokio#5183).
    assert_eq!(wheel.next_deadline(), Some(u64::MAX));
    assert_eq!(wheel.fire(u64::MAX), [u64::MAX]);
}

/// `elapsed == when` panics on removal (tokio#2473), and on reset (tokio#3270).
#[test]
fn a_deadline_that_is_now_can_be_removed_reset_and_fired() {
    for now in [0, 1, 63, 64, 4_095, 4_096, 1 << 60, u64::MAX] {
        let mut wheel = Wheel::new();
        wheel.fire(now);
        for deadline in [now, now.saturating_sub(1), now.saturating_sub(100), 0] {
            let key = wheel.add(deadline);
            wheel.validate();
            assert_eq!(wheel.next_deadline(), Some(deadline));
            assert!(wheel.remove(key).is_some());
            wheel.validate();

            let key = wheel.add(deadline);
            assert!(wheel.reset(&key, now, Waker::noop().clone()).is_some());
            assert_eq!(wheel.fire(now), [now]);
            assert!(wheel.remove(key).is_none());
        }
    }
}

/// Reprocessing a top-level slot that refills itself never ends: take the whole slot first.
#[test]
fn the_slot_of_the_new_time_is_processed_once() {
    let mut wheel = Wheel::new();
    let slot = 15 << 60;
    let keys: Vec<Key> = (0..100).map(|n| wheel.add(slot + n * (1 << 50))).collect();
    assert_eq!(wheel.fire(slot), [slot]);
    assert_eq!(wheel.len(), keys.len() - 1);
    assert_eq!(wheel.fire(u64::MAX).len(), keys.len() - 1);
}

/// Cancelled timers stay in the wheel until due (tokio#8252).
#[test]
fn what_is_removed_is_gone_at_once() {
    let mut wheel = Wheel::new();
    for round in 0..10_000 {
        let key = wheel.add(1 << 40 | round);
        wheel.remove(key);
    }
    wheel.validate();
    assert_eq!((wheel.len(), wheel.next_deadline()), (0, None));
    assert!(
        wheel.slabs.entries.capacity() < 16,
        "room for one at a time"
    );
}

/// A reused slab index removes another task's waker (compio#502).
#[test]
fn a_fired_entry_keeps_its_index_until_its_owner_removes_it() {
    let mut wheel = Wheel::new();
    let fired = wheel.add(1);
    wheel.fire(1);
    let other = wheel.add(2);
    assert_ne!(fired.index(), other.index());
    assert!(wheel.remove(fired).is_none());
    assert_eq!(wheel.len(), 1, "the other is untouched");
    assert!(wheel.remove(other).is_some());
}

/// Hundreds of timers in one slot, at four instants, of which many are taken out or moved from anywhere: those that remain fire
/// in order, ties as they were inserted.
#[test]
fn a_crowd_in_one_slot_keeps_its_order_whatever_leaves_it() {
    const FAR: u64 = 1 << 40;
    for seed in 0..30 {
        let mut random = Random(seed);
        let mut wheel = Wheel::new();
        let log = Arc::<Mutex<Vec<usize>>>::default();
        let waker = |number| {
            let log = Arc::clone(&log);
            Waker::from(Arc::new(Recorder { number, log }))
        };
        let mut timers = Vec::new();
        // In waves, so that what has become sparse is filled again.
        for wave in 0..4 {
            for _ in 0..random.next() % 300 {
                let deadline = FAR + random.next() % 4;
                let number = timers.len();
                let key = wheel.insert(deadline, waker(number));
                timers.push(Some((deadline, number, key)));
            }
            let kept = random.next() % 20;
            for number in 0..timers.len() {
                let number = (number * 7919) % timers.len();
                if random.next() % 20 < kept {
                    continue;
                }
                let Some((_, _, key)) = timers[number].take() else {
                    continue;
                };
                if random.next().is_multiple_of(4) {
                    // As if it were inserted now.
                    let deadline = FAR + random.next() % 4;
                    let number = timers.len();
                    assert!(wheel.reset(&key, deadline, waker(number)).is_some());
                    timers.push(Some((deadline, number, key)));
                } else {
                    assert!(wheel.remove(key).is_some());
                }
                wheel.validate();
            }
            let left = timers.iter().flatten().count();
            assert_eq!(wheel.len(), left, "seed {seed}, wave {wave}");
        }
        let mut expected: Vec<(u64, usize)> = timers
            .iter()
            .flatten()
            .map(|&(deadline, number, _)| (deadline, number))
            .collect();
        expected.sort_unstable();
        // From one slot to the next lower one, until each instant has its own.
        for now in [FAR - 4096, FAR - 1] {
            wheel.expire(now, &mut |_| panic!("early"));
            wheel.validate();
        }
        for now in FAR..FAR + 4 {
            wheel.expire(now, &mut Waker::wake);
            wheel.validate();
        }
        let numbers: Vec<usize> = expected.iter().map(|&(_, number)| number).collect();
        assert_eq!(*log.lock().unwrap(), numbers, "seed {seed}");
        assert!(wheel.slabs.chunks.is_empty());
    }
}

/// What is left of a crowd takes no more chunks than it may: of two neighbours, one is a quarter full.
#[test]
fn the_few_that_remain_of_a_crowd_stand_together() {
    let mut wheel = Wheel::new();
    let mut keys: Vec<Option<Key>> = (0..10_000).map(|n| Some(wheel.add(1 << 40 | n))).collect();
    let full = wheel.slabs.chunks.len();
    assert_eq!(full, keys.len().div_ceil(PLACES));
    for (number, key) in keys.iter_mut().enumerate() {
        if number % PLACES != 3 {
            wheel.remove(key.take().unwrap());
        }
    }
    wheel.validate();
    assert_eq!(wheel.len(), full);
    assert!(
        wheel.slabs.chunks.len() <= 2 * full / (SPARSE / 2) + 1,
        "{} chunks for {full} timers",
        wheel.slabs.chunks.len()
    );
}

#[test]
fn a_burst_does_not_hold_its_memory() {
    let mut wheel = Wheel::new();
    let keys: Vec<Key> = (0..100_000).map(|n| wheel.add(n)).collect();
    assert_eq!(wheel.fire(100_000).len(), keys.len());
    for key in keys {
        wheel.remove(key);
    }
    assert_eq!(wheel.slabs.entries.capacity(), 0);
    assert_eq!(wheel.slabs.chunks.capacity(), 0);
}

#[test]
fn an_idle_far_timer_needs_no_cascade() {
    let mut wheel = Wheel::new();
    wheel.fire(12_345);
    let hour = wheel.add(3_600_000_000_000);
    for now in (12_345..3_600_000_000_000).step_by(9_999_999_937) {
        wheel.fire(now);
        assert_eq!(
            wheel.next_deadline(),
            Some(3_600_000_000_000),
            "the exact deadline throughout"
        );
    }
    assert!(!wheel.is_fired(&hour));
}

#[test]
fn time_does_not_go_back() {
    let mut wheel = Wheel::new();
    wheel.fire(1_000);
    let _key = wheel.add(999);
    assert_eq!(
        wheel.fire(10),
        [999],
        "what has passed fires at whatever time comes next"
    );
    assert_eq!(wheel.elapsed(), 1_000);
}

#[test]
fn refile_keeps_the_waker_and_leaves_the_fired_alone() {
    let mut wheel = Wheel::new();
    let key = wheel.add(1_000_000);
    assert!(wheel.refile(&key, 10));
    wheel.validate();
    assert_eq!(wheel.next_deadline(), Some(10));
    assert_eq!(wheel.fire(10), [10]);
    assert!(!wheel.refile(&key, 20));
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn clear_fires_everything_and_frees_nothing() {
    let mut wheel = Wheel::new();
    let keys = [wheel.add(5), wheel.add(u64::MAX)];
    assert_eq!(wheel.clear().len(), 2);
    wheel.validate();
    assert_eq!((wheel.len(), wheel.elapsed()), (0, 0));
    for key in keys {
        assert!(wheel.is_fired(&key));
        assert!(wheel.remove(key).is_none());
    }
    assert!(wheel.slabs.entries.is_empty());
}

#[test]
fn a_panic_while_firing_leaves_the_wheel_sound() {
    let mut wheel = Wheel::new();
    let keys: Vec<Key> = (0..10).map(|n| wheel.add(n)).collect();
    let panics = std::panic::AssertUnwindSafe(|| wheel.expire(5, &mut |_| panic!("on purpose")));
    assert!(std::panic::catch_unwind(panics).is_err());
    wheel.validate();
    assert_eq!(keys.iter().filter(|key| wheel.is_fired(key)).count(), 6);
    assert_eq!(wheel.fire(9), [6, 7, 8, 9]);
}

#[test]
fn an_unused_wheel_allocates_nothing() {
    let Slabs { entries, chunks } = Wheel::new().slabs;
    assert_eq!((entries.capacity(), chunks.capacity()), (0, 0));
}
