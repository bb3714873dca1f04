//! A million operations on wheels beside the model, and two centuries of uptime with a far timer alive.

mod common;
mod model;

use common::Random;
use model::{Op, Pair, Tally, Time};

const SEED: u64 = 0x3a11_10f0_9500;

/// How the operations of one run are drawn.
struct Profile {
    /// Deadlines are at most so many bits ahead.
    reach: u64,
    /// Steps of time are at most so many bits long.
    step: u64,
    /// About how many timers there are.
    crowd: usize,
}

struct Draw {
    random: Random,
    profile: Profile,
}

impl Draw {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let reach = 1 + random.below(63);
        let profile = Profile {
            reach,
            // Now the time goes from one timer to the next, now past many, and now it hardly moves.
            step: 1 + random.below(reach),
            crowd: [2, 16, 128][random.below(3) as usize],
        };
        Draw { random, profile }
    }

    fn any(&mut self) -> u64 {
        self.random.below(1 << 32) << 32 | self.random.below(1 << 32)
    }

    /// Of any magnitude of up to so many bits, small and large being equally likely.
    fn magnitude(&mut self, bits: u64) -> u64 {
        self.any() >> (63 - self.random.below(bits))
    }

    fn boundary(&mut self) -> Time {
        let level = self.random.below(11) as u32;
        Time::Boundary(level, self.random.below(3) as i8 - 1)
    }

    fn absolute(&mut self) -> Time {
        const EDGES: [u64; 6] = [0, 1, 63, 64, u64::MAX - 1, u64::MAX];
        match self.random.below(2) {
            0 => Time::Absolute(self.any()),
            _ => Time::Absolute(EDGES[self.random.below(6) as usize]),
        }
    }

    fn deadline(&mut self) -> Time {
        match self.random.below(16) {
            0..8 => Time::Later(self.magnitude(self.profile.reach)),
            8..11 => self.boundary(),
            11..13 => Time::Earlier(self.random.below(200)),
            13..15 => Time::Next, // a tie
            _ => self.absolute(),
        }
    }

    fn advance(&mut self) -> Time {
        match self.random.below(2_048) {
            0..1_200 => Time::Later(self.magnitude(self.profile.step)),
            1_200..1_900 => Time::Next,
            1_900..2_000 => {
                Time::Boundary(self.random.below(7) as u32, self.random.below(3) as i8 - 1)
            }
            2_000..2_046 => Time::Earlier(self.random.below(200)),
            2_046 => self.boundary(),
            _ => self.absolute(),
        }
    }

    fn op(&mut self, crowd: usize) -> Op {
        let number = self.random.below(1 << 32) as usize;
        let crowded = crowd > self.profile.crowd;
        match self.random.below(32) {
            0..10 if !crowded => Op::Insert(self.deadline()),
            0..14 => Op::Remove(number),
            14..18 => Op::Reset(number, self.deadline()),
            18..22 => Op::Refile(number, self.deadline()),
            22..24 => Op::SetWaker(number),
            _ => Op::Advance(self.advance()),
        }
    }
}

fn add(sum: &mut Tally, run: Tally) {
    sum.inserted += run.inserted;
    sum.removed_pending += run.removed_pending;
    sum.removed_fired += run.removed_fired;
    sum.reset_pending += run.reset_pending;
    sum.reset_fired += run.reset_fired;
    sum.refiled += run.refiled;
    sum.wakers_set += run.wakers_set;
    sum.advanced += run.advanced;
    sum.fired += run.fired;
    sum.loose_bounds += run.loose_bounds;
    sum.vain_turns += run.vain_turns;
}

#[test]
fn a_million_operations_of_every_kind_do_what_the_model_does() {
    const RUNS: u64 = 1_000;
    const OPS: u64 = 1_000;
    let mut sum = Tally::default();
    for run in 0..RUNS {
        let seed = SEED ^ run << 40;
        let mut draw = Draw::new(seed);
        let origin = match run % 3 {
            0 => 0,
            1 => draw.magnitude(63),
            // On the eve of a boundary.
            _ => (1 << draw.random.below(63)) - 1,
        };
        let mut pair = Pair::at(origin);
        let failed = Told(seed);
        for _ in 0..OPS {
            let op = draw.op(pair.crowd());
            pair.run(&op);
        }
        add(&mut sum, pair.finish());
        std::mem::forget(failed);
    }
    println!("{} operations, seed {SEED:#x}: {sum:#?}", RUNS * OPS);
    for (count, least) in [
        (sum.removed_pending, 20_000),
        (sum.removed_fired, 20_000),
        (sum.reset_pending, 20_000),
        (sum.reset_fired, 20_000),
        (sum.refiled, 20_000),
        (sum.wakers_set, 20_000),
        (sum.fired, 20_000),
        (sum.loose_bounds, 5_000),
        (sum.vain_turns, 200),
    ] {
        assert!(count >= least, "hardly any of one kind: {sum:#?}");
    }
}

/// Says, when a comparison panics, of which run it was.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        println!("the run with seed {:#x}", self.0);
    }
}

/// A far-future timer and days of uptime wrap the top level; short sleeps then hang (tokio#8334).
#[test]
fn two_centuries_of_short_and_long_timers_with_a_far_one_alive() {
    const HOUR: u64 = 60 * 60 * 1_000_000_000;
    const YEAR: u64 = 365 * 24 * HOUR;
    let mut random = Random(SEED);
    // Where the clock of the crate begins: a century in.
    let mut pair = Pair::at(100 * YEAR);
    let mut days = 0;
    while pair.wheel.elapsed() < 300 * YEAR {
        pair.run(&Op::Insert(Time::Later(random.below(HOUR / 1_000))));
        pair.run(&Op::Insert(Time::Later(random.below(90 * 24 * HOUR))));
        let number = random.below(1 << 32) as usize;
        let later = Time::Later(random.below(90 * 24 * HOUR));
        match random.below(9) {
            0..3 => pair.run(&Op::Remove(number)),
            3 => pair.run(&Op::Reset(number, later)),
            4 => pair.run(&Op::Refile(number, later)),
            _ => {}
        }
        pair.run(&Op::Advance(Time::Next));
        pair.run(&Op::Advance(Time::Later(random.below(48 * HOUR))));
        // What has fired is not wanted any more; the crowd is that of three months.
        while pair.crowd() > 200 {
            pair.run(&Op::Remove(random.below(1 << 32) as usize));
        }
        days += 1;
    }
    let tally = pair.finish();
    println!("{days} days or so, seed {SEED:#x}: {tally:#?}");
    assert!(days > 70_000 && tally.fired > days);
}
