//! The skill cooldowns of a game server: thousands of timers that overlap, each cancelled, refreshed, run out or repeated.
//!
//!     cargo run --release --example cooldown              a minute of play, in paused time: done in a moment
//!     cargo run --release --example cooldown -- 2000      so many players; 1,000 if nothing is said
//!
//! Each player has four skills. To use one starts its cooldown, a timer that makes it ready again. Some moves cancel a
//! cooldown, some make it begin anew, some shorten it. A player who is poisoned loses health at every tick of a repeated timer, which
//! dies with the player: a condition timer. Everything is counted, and must add up.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use waterwheel::time::{Callback, TimerHandle, Timers, now, run_after};
use waterwheel::{Runtime, sleep, spawn};

const PLAY: Duration = Duration::from_secs(60);
/// The cooldowns of the skills.
const SKILLS: [Duration; 4] = [
    Duration::from_millis(800),
    Duration::from_millis(2_500),
    Duration::from_secs(8),
    Duration::from_secs(25),
];
const POISON: Duration = Duration::from_millis(500);

#[derive(Default, Debug)]
struct Counts {
    used: usize,
    not_ready: usize,
    ran_out: usize,
    dispelled: usize,
    begun_anew: usize,
    shortened: usize,
    poisoned: usize,
    poison_ticks: usize,
    died: usize,
}

struct Player {
    health: Mutex<i32>,
    /// The skills that are not ready, each with its timer.
    cooldowns: Mutex<HashMap<usize, TimerHandle>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> io::Result<()> {
    let players = match std::env::args().nth(1) {
        None => 1_000,
        Some(number) => number.parse().map_err(|error| {
            io::Error::other(format!(
                "{number:?} is no number of players ({error}); try 1000"
            ))
        })?,
    };
    let runtime = Runtime::builder().worker_threads(1).paused_time().build()?;
    let (began, counts) = (Instant::now(), Arc::new(Mutex::new(Counts::default())));
    let most_pending = runtime.block_on(async {
        for seed in 0..players {
            spawn(play(Random(seed), Arc::clone(&counts)));
        }
        let (start, timers) = (now(), Timers::current().expect("we are in a runtime"));
        let mut most = 0;
        while now() < start + PLAY {
            sleep(Duration::from_secs(1)).await;
            most = most.max(timers.len());
        }
        // Until all cooldowns have run out.
        sleep(2 * SKILLS[3]).await;
        assert_eq!(timers.len(), 0, "nothing is left in the wheel");
        most
    });

    let counts = lock(&counts);
    println!(
        "{players} players, {PLAY:?} of play, in {:.2?} of real time",
        began.elapsed()
    );
    println!(
        "  {:>9} skills used; {} times one was not ready",
        counts.used, counts.not_ready
    );
    println!("  {:>9} cooldowns ran out", counts.ran_out);
    println!("  {:>9} were dispelled (cancelled)", counts.dispelled);
    println!(
        "  {:>9} times one began anew (refresh), {} times it was shortened (reset)",
        counts.begun_anew, counts.shortened
    );
    println!(
        "  {:>9} poisonings, {} ticks of poison (repeated), {} deaths",
        counts.poisoned, counts.poison_ticks, counts.died
    );
    println!("  {most_pending:>9} timers pending at the same time, at most");
    assert_eq!(
        counts.used,
        counts.ran_out + counts.dispelled,
        "every cooldown ends once"
    );
    Ok(())
}

async fn play(mut random: Random, counts: Arc<Mutex<Counts>>) {
    let player = Arc::new(Player {
        health: Mutex::new(100),
        cooldowns: Mutex::new(HashMap::new()),
    });
    let start = now();
    while now() < start + PLAY {
        sleep(Duration::from_millis(50 + random.below(400))).await;
        let skill = random.below(4) as usize;
        match random.below(20) {
            0 => dispel(&player, skill, &counts),
            1 => begin_anew(&player, skill, &counts),
            2 => shorten(&player, skill, &counts),
            3 if random.below(10) == 0 => poison(&player, &counts),
            _ => use_skill(&player, skill, &counts),
        }
        if *lock(&player.health) <= 0 {
            lock(&counts).died += 1;
            // Its cooldowns run out for nobody; its poison dies with it.
            return;
        }
    }
}

fn use_skill(player: &Arc<Player>, skill: usize, counts: &Arc<Mutex<Counts>>) {
    let mut cooldowns = lock(&player.cooldowns);
    if cooldowns.contains_key(&skill) {
        lock(counts).not_ready += 1;
        return;
    }
    let (owner, tally) = (Arc::downgrade(player), Arc::clone(counts));
    let ready = run_after(SKILLS[skill], move || {
        lock(&tally).ran_out += 1;
        if let Some(player) = owner.upgrade() {
            lock(&player.cooldowns).remove(&skill);
        }
    });
    cooldowns.insert(skill, ready);
    lock(counts).used += 1;
}

fn dispel(player: &Player, skill: usize, counts: &Mutex<Counts>) {
    if lock(&player.cooldowns)
        .remove(&skill)
        .is_some_and(|timer| timer.cancel())
    {
        lock(counts).dispelled += 1;
    }
}

fn begin_anew(player: &Player, skill: usize, counts: &Mutex<Counts>) {
    if lock(&player.cooldowns)
        .get(&skill)
        .is_some_and(TimerHandle::refresh)
    {
        lock(counts).begun_anew += 1;
    }
}

fn shorten(player: &Player, skill: usize, counts: &Mutex<Counts>) {
    let half = SKILLS[skill] / 2;
    if lock(&player.cooldowns)
        .get(&skill)
        .is_some_and(|timer| timer.reset(half, false))
    {
        lock(counts).shortened += 1;
    }
}

fn poison(player: &Arc<Player>, counts: &Arc<Mutex<Counts>>) {
    lock(counts).poisoned += 1;
    let (counts, mut ticks) = (Arc::clone(counts), 0);
    let handle = Arc::new(Mutex::new(None::<TimerHandle>));
    let own = Arc::clone(&handle);
    let timer = Callback::every(POISON)
        .while_alive(&Arc::downgrade(player))
        .run(move |player| {
            *lock(&player.health) -= 3;
            lock(&counts).poison_ticks += 1;
            ticks += 1;
            if ticks == 10 {
                // From inside: it wears off.
                if let Some(timer) = lock(&own).take() {
                    timer.cancel();
                }
            }
        });
    *lock(&handle) = Some(timer);
}

/// Numbers that look random, from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
