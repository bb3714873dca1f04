//! A sleep is dropped, or moved, on another thread at the moment it fires, a million times each way. No waker is woken twice for one
//! filing, none is woken after the drop has returned, nothing is left, and nobody waits for ever.
//!
//! Two threads spin: the one turns the timers, the other acts at instants aimed at the firing. How well that was met is measured,
//! and must be. Sleeps come by the hundred, one a microsecond, so that the threads need not wait for each other between them:
//! where they share one processor with others, that takes long. The same through whole runtimes is in
//! `timer_drop_race_runtime.rs`.

mod common;
mod race;

use common::{Random, rounds};
use race::{
    Aim, Baton, Moment, Moments, TURN, Witness, alive, alone, check_the_others, spin_until,
    spin_until_instant, take_part,
};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::sleep_until;
use waterwheel::time::{Sleep, Timers};

const SEED: u64 = 0xd20b_ace5;
/// Sleeps of one round.
const BATCH: usize = 512;

fn drops() -> usize {
    rounds(1_000_000, 100_000)
}

/// From a deadline to that of the next sleep: a little longer than the slower of the threads needs for one.
fn apart() -> Duration {
    Duration::from_nanos(if cfg!(debug_assertions) { 3_000 } else { 1_000 })
}

fn aim() -> Aim {
    Aim::new(250, 20_000, SEED)
}

fn timers() -> Arc<Timers> {
    Arc::new(Timers::new(Waker::noop().clone()))
}

fn poll(sleep: &mut Sleep, witness: &Arc<Witness>) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(&witness.waker()))
}

/// The sleeps of one round, and who witnesses their wakes.
struct Round {
    witnesses: Vec<Arc<Witness>>,
    /// How long it takes to file all of them, about.
    lead: Duration,
}

impl Round {
    fn new() -> Self {
        Self {
            witnesses: (0..BATCH).map(|_| Witness::new()).collect(),
            lead: Duration::from_micros(100),
        }
    }

    /// Sleeps that pend, so many of which have the same deadline.
    fn file(&mut self, together: usize, sleeps: &mut Vec<Sleep>) {
        let mut start = Instant::now() + self.lead;
        for (n, witness) in self.witnesses.iter().enumerate() {
            let further = apart() * (n / together * together) as u32;
            let mut sleep = sleep_until(start + further);
            while poll(&mut sleep, witness).is_ready() {
                // The machine is too slow for this lead, or has stopped for a while.
                self.lead = (self.lead * 2).min(Duration::from_millis(10));
                start = Instant::now() + self.lead;
                sleep = sleep_until(start + further);
            }
            sleeps.push(sleep);
        }
    }
}

/// When an action was, in whose beginning the timer had fired so often, and in whose end so often.
fn moment(began: usize, ended: usize) -> Moment {
    match (began, ended) {
        (0, 0) => Moment::Before,
        (0, _) => Moment::During,
        _ => Moment::After,
    }
}

/// The time that one drop, or one turn, took.
#[derive(Clone, Copy)]
struct Span {
    began: Instant,
    ended: Instant,
}

impl Span {
    fn of(run: impl FnOnce()) -> Self {
        let began = Instant::now();
        run();
        Self {
            began,
            ended: Instant::now(),
        }
    }
}

/// The owner turns, the other thread drops.
fn owner_turns_and_the_other_drops(together: usize) -> Moments {
    let mut round = Round::new();
    let witnesses = round.witnesses.clone();
    let (there, back) = (Baton::<(Vec<Sleep>, Vec<Span>)>::new(), Baton::new());
    let mut moments = Moments::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _part = take_part();
            let mut aim = aim();
            loop {
                let (mut sleeps, mut spans) = there.take();
                if sleeps.is_empty() {
                    break;
                }
                for (sleep, witness) in sleeps.drain(..).zip(&witnesses) {
                    spin_until_instant(aim.at(sleep.deadline()));
                    spans.push(Span::of(|| drop(sleep)));
                    aim.learn(witness.woken() > 0);
                }
                back.give((sleeps, spans));
            }
        });

        let _part = take_part();
        let timers = timers();
        let _enter = timers.enter();
        let (mut sleeps, mut drops) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        // At most one for each sleep: those that fire some.
        let mut turns = Vec::with_capacity(BATCH);
        let mut baseline = None;
        while moments.want_more(self::drops()) {
            round.file(together, &mut sleeps);
            turns.clear();
            there.give((sleeps, drops));
            spin_until("the other thread drops", || {
                TURN.store(turns.len(), Ordering::Relaxed);
                let mut fired = 0;
                let turn = Span::of(|| fired = timers.turn());
                if fired > 0 {
                    turns.push(turn);
                }
                back.is_there()
            });
            (sleeps, drops) = back.take();

            assert_eq!(timers.len(), 0, "a timer is left");
            assert_eq!(timers.next_deadline(), None, "the owner would wait");
            for (dropped, witness) in drops.drain(..).zip(&round.witnesses) {
                let woken = witness.take();
                assert!(woken <= 1, "one filing fires once, not {woken} times");
                assert_eq!(Arc::strong_count(witness), 2, "the wheel keeps a waker");
                let turn = (woken > 0).then(|| turns[witness.turn()]);
                moments.add(match turn {
                    None => Moment::Before,
                    Some(turn) if dropped.began >= turn.ended => Moment::After,
                    Some(turn) => {
                        assert!(dropped.ended > turn.began, "fired after the drop returned");
                        Moment::During
                    }
                });
            }
            // From the second round on, the wheel's own room is there.
            assert_eq!(*baseline.get_or_insert_with(alive), alive(), "a leak");
        }
        assert_eq!(Arc::strong_count(&timers), 2, "one here, and one current");
        there.give((Vec::new(), Vec::new()));
    });
    moments
}

#[test]
fn dropped_on_another_thread_at_the_moment_it_fires() {
    let _alone = alone();
    let moments = owner_turns_and_the_other_drops(1);
    println!("drops of single sleeps, {moments}");
    moments.check(moments.before, moments.during + moments.after);
}

/// While the wakers of one turn are woken one by one, the sleeps of those whose turn is yet to come are dropped.
#[test]
fn dropped_one_after_the_other_while_all_of_them_fire() {
    let _alone = alone();
    let moments = owner_turns_and_the_other_drops(32);
    println!("drops of 32 sleeps that fire together, {moments}");
    moments.check(moments.before, moments.during + moments.after);
}

/// A turn that another thread takes fires what the owner drops. There the entry is kept for a moment, so that it may fire after the
/// drop, but still once.
#[test]
fn dropped_by_the_owner_at_the_moment_another_thread_fires_it() {
    let _alone = alone();
    let timers = timers();
    let (ended, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut moments, mut afterwards) = (Moments::default(), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _part = take_part();
            while !ended.load(Ordering::Relaxed) {
                check_the_others();
                timers.turn();
                turns.fetch_add(1, Ordering::Release);
            }
        });

        let _part = take_part();
        let _enter = timers.enter();
        let mut round = Round::new();
        let mut aim = aim();
        let (mut sleeps, mut seen) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut baseline = None;
        while moments.want_more(drops()) {
            round.file(1, &mut sleeps);
            for (sleep, witness) in sleeps.drain(..).zip(&round.witnesses) {
                spin_until_instant(aim.at(sleep.deadline()));
                let began = witness.woken();
                drop(sleep);
                let ended = witness.woken();
                aim.learn(ended > 0);
                moments.add(moment(began, ended));
                seen.push(ended);
            }
            assert_eq!(timers.len(), 0, "a timer is left");
            // Of two turns that end from now on, the second has begun since.
            let now = turns.load(Ordering::Acquire);
            spin_until("the other thread turns", || {
                turns.load(Ordering::Acquire) >= now + 2
            });
            for (seen, witness) in seen.drain(..).zip(&round.witnesses) {
                let woken = witness.take();
                assert!(woken <= 1, "one filing fires once, not {woken} times");
                assert_eq!(Arc::strong_count(witness), 1, "the wheel keeps a waker");
                afterwards += woken - seen;
            }
            assert_eq!(*baseline.get_or_insert_with(alive), alive(), "a leak");
        }
        ended.store(true, Ordering::Relaxed);
    });
    println!("drops by the owner, {moments}; {afterwards} fired soon after the drop");
    assert_eq!(Arc::strong_count(&timers), 1, "nothing holds the timers");
    moments.check(moments.before, moments.during + moments.after);
}

/// One sleep of the test below, and what became of it.
struct Moved {
    sleep: Sleep,
    to: Instant,
    to_later: bool,
    moment: Option<Moment>,
}

/// Another thread moves the deadline, now later, now earlier, at the moment the timer fires: its task is woken once for each time that
/// it was filed, and the sleep ends, not before its new deadline.
#[test]
fn reset_on_another_thread_at_the_moment_it_fires() {
    let _alone = alone();
    let mut round = Round::new();
    let witnesses = round.witnesses.clone();
    let (there, back) = (Baton::<Vec<Moved>>::new(), Baton::new());
    let (mut later, mut earlier) = (Moments::default(), Moments::default());
    let mut filed_anew = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            let _part = take_part();
            let mut aims = [aim(), aim()];
            loop {
                let mut all = there.take();
                if all.is_empty() {
                    break;
                }
                for (moved, witness) in all.iter_mut().zip(&witnesses) {
                    let deadline = moved.sleep.deadline();
                    let to_later = moved.to_later;
                    let aim = &mut aims[usize::from(to_later)];
                    spin_until_instant(aim.at(deadline));
                    let began = witness.woken();
                    moved.sleep.reset(moved.to);
                    let ended = witness.woken();
                    // To be moved to earlier makes a timer fire meanwhile that would have fired later.
                    aim.learn(if to_later { ended > 0 } else { began > 0 });
                    moved.moment = Some(moment(began, ended));
                }
                back.give(all);
            }
        });

        let _part = take_part();
        let timers = timers();
        let _enter = timers.enter();
        let mut random = Random(SEED);
        let (mut sleeps, mut all) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut baseline = None;
        while later.want_more(drops() / 2) || earlier.want_more(drops() / 2) {
            round.file(1, &mut sleeps);
            for sleep in sleeps.drain(..) {
                let nanos = 1 + random.below(1_000);
                let to_later = random.below(2) == 0;
                let to = if to_later {
                    // Some so much later that the owner files them anew.
                    let times = 1_000_u64.pow(random.below(2) as u32);
                    sleep.deadline() + Duration::from_nanos(times * nanos)
                } else {
                    sleep.deadline() - Duration::from_nanos(nanos)
                };
                all.push(Moved {
                    sleep,
                    to,
                    to_later,
                    moment: None,
                });
            }
            there.give(all);
            spin_until("the other thread resets", || {
                timers.turn();
                back.is_there()
            });
            all = back.take();

            for (moved, witness) in all.drain(..).zip(&round.witnesses) {
                let Moved {
                    mut sleep,
                    to,
                    to_later,
                    moment,
                } = moved;
                let moments = if to_later { &mut later } else { &mut earlier };
                moments.add(moment.expect("it was reset"));
                // The owner polls only when woken, as a task does.
                let mut filings = 1;
                loop {
                    spin_until("a timer that is pending fires", || {
                        timers.turn();
                        witness.woken() >= filings
                    });
                    assert_eq!(witness.woken(), filings, "one filing fires once");
                    if poll(&mut sleep, witness).is_ready() {
                        break;
                    }
                    filings += 1;
                }
                assert!(Instant::now() >= to, "early");
                drop(sleep);
                assert_eq!(witness.take(), filings);
                filed_anew += filings - 1;
            }
            assert_eq!(timers.len(), 0, "a timer is left");
            for witness in &round.witnesses {
                assert_eq!(Arc::strong_count(witness), 2, "the wheel keeps a waker");
            }
            assert_eq!(*baseline.get_or_insert_with(alive), alive(), "a leak");
        }
        there.give(Vec::new());
    });
    println!("resets to later, {later}; {filed_anew} filed anew");
    println!("resets to earlier, {earlier}");
    assert!(filed_anew > 0, "never woken at the old deadline");
    later.check(later.before, later.during + later.after);
    earlier.check(earlier.before + earlier.during, earlier.after);
}
