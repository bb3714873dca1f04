//! The wheel against a model that is obviously right: a `BTreeMap` ordered by deadline and insertion.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    task::{Wake, Waker},
};

use proptest::prelude::*;
use waterwheel_timer::{Key, Wheel};

/// A time, made concrete only when the wheel's own time is known.
#[derive(Clone, Debug)]
enum Time {
    /// So much later than the wheel's time.
    Later(u64),
    /// So much earlier than the wheel's time: a deadline that has passed.
    Earlier(u64),
    /// The next boundary of a slot of this level, give or take a nanosecond.
    Boundary(u32, i8),
    /// The deadline that the wheel says is next.
    Next,
    /// Anything in the range.
    Absolute(u64),
}

#[derive(Clone, Debug)]
enum Op {
    Insert(Time),
    Remove(prop::sample::Index),
    Reset(prop::sample::Index, Time),
    Refile(prop::sample::Index, Time),
    SetWaker(prop::sample::Index),
    Advance(Time),
}

impl Time {
    fn resolve(&self, wheel: &Wheel) -> u64 {
        let now = wheel.elapsed();
        match *self {
            Time::Later(by) => now.saturating_add(by),
            Time::Earlier(by) => now.saturating_sub(by),
            Time::Boundary(level, off) => {
                let span = 1 << (6 * level);
                (now / span)
                    .saturating_add(1)
                    .saturating_mul(span)
                    .saturating_add_signed(off.into())
            }
            Time::Next => wheel.next_deadline().unwrap_or(now),
            Time::Absolute(time) => time,
        }
    }
}

/// Of any magnitude up to 2^63, small and large being equally likely.
fn magnitude() -> impl Strategy<Value = u64> {
    (any::<u64>(), 1..64u32).prop_map(|(bits, shift)| bits >> shift)
}

fn deadline() -> impl Strategy<Value = Time> {
    prop_oneof![
        8 => magnitude().prop_map(Time::Later),
        4 => (0..11u32, -1..=1i8).prop_map(|(level, off)| Time::Boundary(level, off)),
        2 => (0..200u64).prop_map(Time::Earlier),
        2 => Just(Time::Next), // a tie
        1 => any::<u64>().prop_map(Time::Absolute),
    ]
}

fn advance() -> impl Strategy<Value = Time> {
    prop_oneof![
        8 => magnitude().prop_map(|by| Time::Later(by >> 8)),
        8 => Just(Time::Next),
        4 => (0..11u32, -1..=1i8).prop_map(|(level, off)| Time::Boundary(level, off)),
        1 => magnitude().prop_map(Time::Later),
        1 => any::<u64>().prop_map(Time::Absolute),
    ]
}

fn op(cancels: u32) -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        10 => deadline().prop_map(Op::Insert),
        8 => advance().prop_map(Op::Advance),
        1 => index().prop_map(Op::SetWaker),
        cancels => index().prop_map(Op::Remove),
        cancels => (index(), deadline()).prop_map(|(index, time)| Op::Reset(index, time)),
        cancels => (index(), deadline()).prop_map(|(index, time)| Op::Refile(index, time)),
    ]
}

/// The waker of one timer: woken, it writes down which.
struct Recorder {
    timer: usize,
    log: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Recorder {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.timer);
    }
}

/// A timer that its owner still holds.
struct Owned {
    key: Key,
    timer: usize,
    deadline: u64,
    /// The rank of its insertion, or of its last reset.
    rank: u64,
}

/// The wheel and the model side by side.
#[derive(Default)]
struct Pair {
    wheel: Wheel,
    /// What is pending: the timer by deadline, then by rank.
    model: BTreeMap<(u64, u64), usize>,
    owned: Vec<Owned>,
    ranks: u64,
    timers: usize,
    cancelled: bool,
    log: Arc<Mutex<Vec<usize>>>,
}

impl Pair {
    fn waker(&self, timer: usize) -> Waker {
        Arc::new(Recorder {
            timer,
            log: self.log.clone(),
        })
        .into()
    }

    fn rank(&mut self) -> u64 {
        self.ranks += 1;
        self.ranks
    }

    fn insert(&mut self, deadline: u64) {
        self.timers += 1;
        let (timer, rank) = (self.timers, self.rank());
        let key = self.wheel.insert(deadline, self.waker(timer));
        self.model.insert((deadline, rank), timer);
        self.owned.push(Owned {
            key,
            timer,
            deadline,
            rank,
        });
    }

    fn remove(&mut self, index: usize) {
        let Owned {
            key,
            deadline,
            rank,
            ..
        } = self.owned.swap_remove(index);
        let pending = self.model.remove(&(deadline, rank)).is_some();
        assert_eq!(self.wheel.is_fired(&key), !pending);
        assert_eq!(self.wheel.remove(key).is_some(), pending);
        self.cancelled = true;
    }

    /// Resets the timer with its waker replaced, or kept: then only if it is pending.
    fn reset(&mut self, index: usize, deadline: u64, keep_waker: bool) {
        let rank = self.rank();
        let waker = self.waker(self.owned[index].timer);
        let owned = &mut self.owned[index];
        let pending = self.model.contains_key(&(owned.deadline, owned.rank));
        if keep_waker {
            assert_eq!(self.wheel.refile(&owned.key, deadline), pending);
            if !pending {
                return;
            }
        } else {
            let displaced = self.wheel.reset(&owned.key, deadline, waker);
            assert_eq!(displaced.is_some(), pending);
        }
        self.model.remove(&(owned.deadline, owned.rank));
        (owned.deadline, owned.rank) = (deadline, rank);
        self.model.insert((deadline, rank), owned.timer);
        assert_eq!(self.wheel.deadline(&owned.key), deadline);
        self.cancelled = true;
    }

    fn set_waker(&mut self, index: usize) {
        let Owned {
            key,
            timer,
            deadline,
            rank,
        } = &self.owned[index];
        let waker = self.waker(*timer);
        assert!(!self.wheel.will_wake(key, &waker));
        let pending = self.model.contains_key(&(*deadline, *rank));
        let displaced = self
            .wheel
            .set_waker(key, waker.clone())
            .expect("one of the two comes back");
        assert_eq!(displaced.will_wake(&waker), !pending);
        assert_eq!(self.wheel.will_wake(key, &waker), pending);
    }

    fn advance(&mut self, to: u64) {
        let now = to.max(self.wheel.elapsed());
        let next = self.wheel.next_deadline();
        self.wheel.expire(to, &mut Waker::wake);

        let fired = std::mem::take(&mut *self.log.lock().unwrap());
        let mut expected = Vec::new();
        while let Some(earliest) = self.model.first_entry()
            && earliest.key().0 <= now
        {
            expected.push(earliest.remove());
        }
        assert_eq!(
            fired, expected,
            "in deadline order, ties in insertion order"
        );
        assert_eq!(self.wheel.elapsed(), now);
        if fired.is_empty() && next.is_some_and(|next| next <= now) {
            assert!(
                self.wheel.next_deadline() > next,
                "no progress: an owner would spin"
            );
        }
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.is_empty(), self.model.is_empty());
        let earliest = self
            .model
            .first_key_value()
            .map(|((deadline, _), _)| *deadline);
        let next = self.wheel.next_deadline();
        assert_eq!(next.is_some(), earliest.is_some());
        if self.cancelled {
            assert!(
                next <= earliest,
                "{next:?} would let {earliest:?} fire late"
            );
        } else {
            assert_eq!(next, earliest, "exact as long as nothing was cancelled");
        }
    }

    fn run(&mut self, op: &Op) {
        // The two far timers, first in the list, are kept alive.
        let pick = |index: &prop::sample::Index, owned: &[Owned]| {
            (owned.len() > 2).then(|| 2 + index.index(owned.len() - 2))
        };
        match op {
            Op::Insert(time) => self.insert(time.resolve(&self.wheel)),
            Op::Advance(time) => self.advance(time.resolve(&self.wheel)),
            Op::Remove(index) => {
                if let Some(index) = pick(index, &self.owned) {
                    self.remove(index);
                }
            }
            Op::Reset(index, time) | Op::Refile(index, time) => {
                if let Some(index) = pick(index, &self.owned) {
                    let keep_waker = matches!(op, Op::Refile(..));
                    self.reset(index, time.resolve(&self.wheel), keep_waker);
                }
            }
            Op::SetWaker(index) => {
                if let Some(index) = pick(index, &self.owned) {
                    self.set_waker(index);
                }
            }
        }
        self.check();
    }
}

/// Runs the operations beside a far timer that stays, and then fires all that is left, turn by turn.
fn compare(ops: &[Op]) {
    let mut pair = Pair::default();
    pair.insert(u64::MAX - 1);
    pair.insert(u64::MAX);
    for op in ops {
        pair.run(op);
    }
    let mut turns = 0;
    while let Some(next) = pair.wheel.next_deadline() {
        pair.advance(next);
        pair.check();
        turns += 1;
        // An entry moves down the eleven levels, and fires.
        assert!(
            turns <= 12 * (pair.timers + 1),
            "the wheel does not come to an end"
        );
    }
    while !pair.owned.is_empty() {
        pair.remove(0);
    }
    assert!(pair.wheel.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_wheel_does_what_the_model_does(ops in prop::collection::vec(op(3), 1..200)) {
        compare(&ops);
    }

    #[test]
    fn without_cancellation_the_next_deadline_is_exact(ops in prop::collection::vec(op(0), 1..200)) {
        compare(&ops);
    }
}
