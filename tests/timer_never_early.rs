//! A million sleeps of random length, through the whole runtime: none is early, all end.

mod seats;

use seats::block_on;
use std::time::{Duration, Instant};
use waterwheel::{sleep, spawn, timeout};

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
    println!("{ended} sleeps, {early} early, seed {SEED:#x}");
    assert_eq!((ended, early), (1_000_000, 0), "seed {SEED:#x}");
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
