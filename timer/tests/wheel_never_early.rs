//! Timers on a wheel whose time the test makes up: each fires at the first step of time that is not before its deadline.

mod common;

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Wake, Waker},
};

use common::Random;
use waterwheel_timer::{Key, Wheel};

const SEED: u64 = 0x0dd_ba11;
/// As many as are pending at any time.
const CROWD: usize = 1_000;

/// As many as are asked for in a release build or if `WATERWHEEL_LONG` is set; else a hundredth.
fn sleeps() -> u64 {
    const ALL: u64 = 100_000_000;
    if cfg!(debug_assertions) && std::env::var_os("WATERWHEEL_LONG").is_none() {
        ALL / 100
    } else {
        ALL
    }
}

/// A timer's waker: woken, it names the timer.
struct Timer {
    number: usize,
    deadline: AtomicU64,
    fired: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Timer {
    fn wake(self: Arc<Self>) {
        self.fired.lock().unwrap().push(self.number);
    }
}

/// From a nanosecond to eighteen minutes, short and long being equally likely.
fn delay(random: &mut Random) -> u64 {
    let bits = random.below(41);
    1 + random.below(1 << bits)
}

#[test]
fn a_hundred_million_simulated_sleeps_are_neither_early_nor_late() {
    let sleeps = sleeps();
    let mut random = Random(SEED);
    let origin = random.below(1 << 60);
    let mut wheel = Wheel::at(origin);
    let fired: Arc<Mutex<Vec<usize>>> = Arc::default();
    let mut started = 0;
    let mut file =
        |wheel: &mut Wheel, random: &mut Random, timer: &Arc<Timer>, old: Option<&Key>| {
            started += 1;
            let deadline = wheel.elapsed() + delay(random);
            timer.deadline.store(deadline, Ordering::Relaxed);
            let waker = Waker::from(Arc::clone(timer));
            match old {
                // As a loop that sleeps does, half of the time without a new entry.
                Some(key) => {
                    assert!(wheel.reset(key, deadline, waker).is_none());
                    None
                }
                None => Some(wheel.insert(deadline, waker)),
            }
        };
    let timers: Vec<Arc<Timer>> = (0..CROWD)
        .map(|number| {
            let (deadline, fired) = (AtomicU64::new(0), Arc::clone(&fired));
            Arc::new(Timer {
                number,
                deadline,
                fired,
            })
        })
        .collect();
    let mut keys: Vec<Key> = timers
        .iter()
        .map(|timer| file(&mut wheel, &mut random, timer, None).expect("a new entry"))
        .collect();

    let (mut ended, mut early, mut late) = (0, 0, 0);
    let mut previous = wheel.elapsed();
    while ended < sleeps {
        let next = wheel.next_deadline().expect("a crowd is pending");
        let now = match random.below(4) {
            // The last nanosecond in which nothing is due.
            0 => next - 1,
            1 => next,
            // An owner comes late, more or less.
            _ => next + random.below(4) * random.below(50_000),
        };
        let now = now.max(previous);
        wheel.expire(now, &mut Waker::wake);
        let due = std::mem::take(&mut *fired.lock().unwrap());
        for &number in &due {
            let timer = &timers[number];
            let deadline = timer.deadline.load(Ordering::Relaxed);
            early += u64::from(now < deadline);
            late += u64::from(deadline <= previous);
            ended += 1;
            if random.below(2) == 0 {
                file(&mut wheel, &mut random, timer, Some(&keys[number]));
            } else if let Some(key) = file(&mut wheel, &mut random, timer, None) {
                let old = std::mem::replace(&mut keys[number], key);
                assert!(wheel.remove(old).is_none(), "fired");
            }
        }
        assert_eq!(wheel.len(), CROWD, "each is woken once");
        previous = now;
    }
    // Not by `println!`, which is not shown of a test that passes.
    writeln!(
        io::stdout(),
        "{ended} timers of a wheel over {} s: {early} early, {late} late, seed {SEED:#x}",
        (wheel.elapsed() - origin) / 1_000_000_000
    )
    .expect("stdout");
    assert!(ended >= sleeps);
    assert_eq!((early, late), (0, 0), "seed {SEED:#x}");
    // A timer that is never woken would be left behind.
    let last = timers
        .iter()
        .map(|timer| timer.deadline.load(Ordering::Relaxed))
        .min();
    assert!(last > Some(previous), "one is overdue, seed {SEED:#x}");
}
