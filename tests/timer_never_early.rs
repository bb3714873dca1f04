//! Sleeps of random length, through the whole runtime: none is early, all end. How many they were is told on the standard output, also when
//! the test passes.
//!
//! A million by the system's clock. By a virtual one, which jumps from deadline to deadline, half a million, or, with
//! `WATERWHEEL_LONG=1`, a hundred million; there a sleep that is late by a nanosecond is an error, too. As many of the wheel alone, without
//! a runtime or futures, are in `timer/tests/wheel_never_early.rs`. All of them:
//!
//! ```sh
//! WATERWHEEL_LONG=1 cargo test --release -p waterwheel -p waterwheel-timer --test timer_never_early --test wheel_never_early
//! ```

mod workers;

use std::io::{self, Write};
use std::time::{Duration, Instant};
use waterwheel::{Runtime, sleep, spawn, time, timeout};
use workers::block_on;

const TASKS: u64 = 2_000;
const SLEEPS: u64 = 500;
const SEED: u64 = 0x5eed_0f71_3e5a;

/// Steele, Lea and Flood, «Fast Splittable Pseudorandom Number Generators» (OOPSLA 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The lengths are spread over six orders of magnitude, from a nanosecond to two milliseconds. None is zero, which would not wait.
fn random_delay(random: &mut SplitMix) -> Duration {
    let magnitude = random.next() % 21;
    Duration::from_nanos((random.next() % (1 << magnitude)) * 2 + 1)
}

#[test]
fn a_million_sleeps_of_random_length() {
    let (mut ended, mut early) = (0, 0);
    block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                spawn(async move {
                    let mut random = SplitMix(SEED ^ task << 48);
                    let mut early = 0;
                    for _ in 0..SLEEPS {
                        let delay = random_delay(&mut random);
                        let began = Instant::now();
                        sleep(delay).await;
                        early += u64::from(began.elapsed() < delay);
                    }
                    early
                })
            })
            .collect();
        for task in tasks {
            early += task.await.unwrap();
            ended += SLEEPS;
        }
    });
    tell(&format!(
        "{ended} sleeps by the system's clock: {early} early, seed {SEED:#x}"
    ));
    assert_eq!((ended, early), (1_000_000, 0), "seed {SEED:#x}");
}

/// Not by `println!`, which is not shown of a test that passes.
fn tell(line: &str) {
    writeln!(io::stdout(), "{line}").expect("stdout");
}

/// From a nanosecond to eighteen minutes, short and long being equally likely. Of sixteen, fifteen end at a multiple of a millisecond, about, so
/// that many end together: a clock that stops for each one alone takes most of the time.
fn any_delay(random: &mut SplitMix, now: Duration) -> Duration {
    const GRID: u64 = 1 << 20;
    let magnitude = random.next() % 41;
    let nanos = 1 + random.next() % (1 << magnitude);
    if random.next().is_multiple_of(16) {
        return Duration::from_nanos(nanos);
    }
    let now = u64::try_from(now.as_nanos()).expect("less than centuries");
    Duration::from_nanos((now + nanos).next_multiple_of(GRID) - now)
}

#[test]
fn a_hundred_million_sleeps_by_a_virtual_clock() {
    const TASKS: u64 = 10_000;
    let each = match std::env::var_os("WATERWHEEL_LONG") {
        Some(_) => 10_000,
        None => 50,
    };
    let runtime = Runtime::builder()
        .worker_threads(1)
        .paused_time()
        .build()
        .expect("a runtime");
    let (mut ended, mut early, mut late) = (0, 0, 0);
    let passed = runtime.block_on(async {
        let start = time::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                spawn(async move {
                    let mut random = SplitMix(SEED ^ task << 32);
                    let (mut early, mut late) = (0, 0);
                    for _ in 0..each {
                        let began = time::now();
                        let delay = any_delay(&mut random, began - start);
                        sleep(delay).await;
                        let slept = time::now() - began;
                        early += u64::from(slept < delay);
                        late += u64::from(slept > delay);
                    }
                    (early, late)
                })
            })
            .collect();
        for task in tasks {
            let (too_soon, too_late) = task.await.unwrap();
            early += too_soon;
            late += too_late;
            ended += each;
        }
        time::now() - start
    });
    tell(&format!(
        "{ended} sleeps by a virtual clock, over {passed:?}: {early} early, {late} late, seed {SEED:#x}"
    ));
    assert_eq!(ended, TASKS * each);
    assert_eq!((early, late), (0, 0), "seed {SEED:#x}");
}

/// Timeouts in turn share an entry of the wheel, which fires for an earlier one: that must not end a later one.
#[test]
fn timeouts_that_follow_one_another() {
    block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|task| {
                spawn(async move {
                    let mut random = SplitMix(SEED ^ task << 48);
                    for _ in 0..100 {
                        let limit = Duration::from_micros(random.next() % 2_000);
                        let work = sleep(Duration::from_micros(random.next() % 1_000));
                        let began = Instant::now();
                        let result = timeout(limit, work).await;
                        assert!(
                            result.is_ok() || began.elapsed() >= limit,
                            "early, seed {SEED:#x}, task {task}"
                        );
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
