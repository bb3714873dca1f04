//! A wheel beside a model that is obviously right: a `BTreeMap` ordered by deadline and insertion.
//!
//! Every operation is done to both, and everything that a wheel tells is compared. [`Pair::run`] takes operations as
//! data, so that a test may draw them as it likes.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    task::{Wake, Waker},
};

use waterwheel_timer::{Key, Wheel};

/// A time, made concrete only when the wheel's own time is known.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) enum Time {
    /// So much later than the wheel's time.
    Later(u64),
    /// So much earlier than the wheel's time: a deadline that has passed.
    Earlier(u64),
    /// The next boundary of a slot of the level below this number, give or take a nanosecond; 0 is the next instant.
    Boundary(
        #[cfg_attr(fuzzing, arbitrary(with = |bytes: &mut arbitrary::Unstructured| bytes.int_in_range(0..=10)))]
         u32,
        i8,
    ),
    /// The deadline that the wheel says is next.
    Next,
    /// Anything in the range.
    Absolute(u64),
}

/// What is done; a number picks the timer.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) enum Op {
    Insert(Time),
    Remove(usize),
    Reset(usize, Time),
    Refile(usize, Time),
    SetWaker(usize),
    Advance(Time),
}

impl Time {
    pub(crate) fn resolve(&self, wheel: &Wheel) -> u64 {
        let now = wheel.elapsed();
        match *self {
            Time::Later(by) => now.saturating_add(by),
            Time::Earlier(by) => now.saturating_sub(by),
            Time::Boundary(level, off) => {
                let span = 1 << level.checked_sub(1).map_or(0, |level| 8 + 6 * level);
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

/// A waker that writes down that it was woken. No two have the same number.
struct Recorder {
    number: usize,
    log: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Recorder {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.number);
    }
}

/// A timer that its owner still holds.
struct Owned {
    key: Key,
    /// The waker that it was given last while it was pending.
    waker: Waker,
    deadline: u64,
    /// The rank of its insertion, or of its last reset.
    rank: u64,
}

/// What has happened, so that a test can tell that it was about something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) inserted: usize,
    pub(crate) removed_pending: usize,
    pub(crate) removed_fired: usize,
    pub(crate) reset_pending: usize,
    pub(crate) reset_fired: usize,
    pub(crate) refiled: usize,
    pub(crate) wakers_set: usize,
    pub(crate) advanced: usize,
    pub(crate) fired: usize,
    /// How often the next deadline was earlier than the earliest one.
    pub(crate) loose_bounds: usize,
    /// How often the time advanced to the next deadline or beyond, and nothing fired.
    pub(crate) vain_turns: usize,
}

impl Tally {
    /// How many timers were taken, pending, from where they were filed.
    fn cancelled(&self) -> usize {
        self.removed_pending + self.reset_pending + self.refiled
    }
}

/// How a run begins.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) struct Start {
    /// The wheel's time.
    pub(crate) at: u64,
    /// Whether there are two far timers, which stay; without them the wheel is empty now and then.
    pub(crate) company: bool,
}

/// Runs the operations, and then fires all that is left, turn by turn.
pub(crate) fn compare(start: &Start, ops: &[Op]) {
    let mut pair = match start.company {
        true => Pair::at(start.at),
        false => Pair::empty_at(start.at),
    };
    for op in ops {
        pair.run(op);
    }
    pair.finish();
}

/// The wheel and the model side by side.
pub(crate) struct Pair {
    pub(crate) wheel: Wheel,
    /// What is pending: the waker's number by deadline, then by rank.
    model: BTreeMap<(u64, u64), usize>,
    owned: Vec<Owned>,
    /// So many of the first timers are let alone by [`Pair::run`].
    sheltered: usize,
    ranks: u64,
    wakers: usize,
    log: Arc<Mutex<Vec<usize>>>,
    pub(crate) tally: Tally,
}

impl Pair {
    /// A wheel at the time given, with two far timers, which stay.
    pub(crate) fn at(origin: u64) -> Self {
        let mut pair = Pair::empty_at(origin);
        pair.insert(u64::MAX - 1);
        pair.insert(u64::MAX);
        pair.sheltered = 2;
        pair
    }

    /// A wheel at the time given, with nothing in it.
    pub(crate) fn empty_at(origin: u64) -> Self {
        Pair {
            wheel: Wheel::at(origin),
            model: BTreeMap::new(),
            owned: Vec::new(),
            sheltered: 0,
            ranks: 0,
            wakers: 0,
            log: Arc::default(),
            tally: Tally::default(),
        }
    }

    /// How many timers there are, fired ones included, that operations may pick.
    pub(crate) fn crowd(&self) -> usize {
        self.owned.len() - self.sheltered
    }

    fn waker(&mut self) -> (usize, Waker) {
        self.wakers += 1;
        let recorder = Recorder {
            number: self.wakers,
            log: self.log.clone(),
        };
        (self.wakers, Arc::new(recorder).into())
    }

    fn rank(&mut self) -> u64 {
        self.ranks += 1;
        self.ranks
    }

    pub(crate) fn insert(&mut self, deadline: u64) {
        let ((number, waker), rank) = (self.waker(), self.rank());
        let before = self.wheel.next_deadline();
        let key = self.wheel.insert(deadline, waker.clone());
        assert!(self.wheel.will_wake(&key, &waker));
        assert_eq!(
            self.wheel.next_deadline(),
            before.or(Some(deadline)).min(Some(deadline)),
            "an insertion makes no bound looser than it was"
        );
        self.model.insert((deadline, rank), number);
        self.owned.push(Owned {
            key,
            waker,
            deadline,
            rank,
        });
        self.tally.inserted += 1;
    }

    fn remove(&mut self, index: usize) {
        let Owned {
            key,
            waker,
            deadline,
            rank,
        } = self.owned.swap_remove(index);
        let pending = self.model.remove(&(deadline, rank)).is_some();
        assert_eq!(self.wheel.is_fired(&key), !pending);
        assert_eq!(self.wheel.deadline(&key), deadline);
        let removed = self.wheel.remove(key);
        assert_eq!(removed.is_some(), pending);
        assert!(removed.is_none_or(|removed| removed.will_wake(&waker)));
        if pending {
            self.tally.removed_pending += 1;
        } else {
            self.tally.removed_fired += 1;
        }
    }

    fn reset(&mut self, index: usize, deadline: u64) {
        let ((number, waker), rank) = (self.waker(), self.rank());
        let owned = &mut self.owned[index];
        let pending = self.model.remove(&(owned.deadline, owned.rank)).is_some();
        let displaced = self.wheel.reset(&owned.key, deadline, waker.clone());
        assert_eq!(displaced.is_some(), pending);
        assert!(displaced.is_none_or(|displaced| displaced.will_wake(&owned.waker)));
        assert!(self.wheel.will_wake(&owned.key, &waker));
        assert_eq!(self.wheel.deadline(&owned.key), deadline);
        (owned.deadline, owned.rank, owned.waker) = (deadline, rank, waker);
        self.model.insert((deadline, rank), number);
        if pending {
            self.tally.reset_pending += 1;
        } else {
            self.tally.reset_fired += 1;
        }
    }

    fn refile(&mut self, index: usize, deadline: u64) {
        let rank = self.rank();
        let owned = &mut self.owned[index];
        let pending = self.model.remove(&(owned.deadline, owned.rank));
        assert_eq!(
            self.wheel.refile(&owned.key, deadline),
            pending.is_some(),
            "what has fired has no waker to keep"
        );
        if let Some(number) = pending {
            assert!(self.wheel.will_wake(&owned.key, &owned.waker));
            (owned.deadline, owned.rank) = (deadline, rank);
            self.model.insert((deadline, rank), number);
            self.tally.refiled += 1;
        }
        assert_eq!(self.wheel.deadline(&owned.key), owned.deadline);
    }

    fn set_waker(&mut self, index: usize) {
        let (number, waker) = self.waker();
        let owned = &mut self.owned[index];
        assert!(!self.wheel.will_wake(&owned.key, &waker));
        let back = self
            .wheel
            .set_waker(&owned.key, waker.clone())
            .expect("one of the two comes back");
        let pending = self.model.get_mut(&(owned.deadline, owned.rank));
        assert_eq!(self.wheel.will_wake(&owned.key, &waker), pending.is_some());
        if let Some(pending) = pending {
            assert!(back.will_wake(&owned.waker));
            (*pending, owned.waker) = (number, waker);
        } else {
            assert!(back.will_wake(&waker));
        }
        self.tally.wakers_set += 1;
    }

    pub(crate) fn advance(&mut self, to: u64) {
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
            // A bound is loose only where a cancelled timer was, and what is left there is then filed anew.
            self.tally.vain_turns += 1;
            assert!(
                self.tally.vain_turns <= self.tally.cancelled(),
                "more than one turn for nothing for each timer that was cancelled"
            );
        }
        self.tally.advanced += 1;
        self.tally.fired += fired.len();
    }

    fn check(&mut self) {
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.is_empty(), self.model.is_empty());
        let earliest = self
            .model
            .first_key_value()
            .map(|((deadline, _), _)| *deadline);
        let next = self.wheel.next_deadline();
        assert_eq!(next.is_some(), earliest.is_some());
        if self.tally.cancelled() > 0 {
            assert!(
                next <= earliest,
                "{next:?} would let {earliest:?} fire late"
            );
            self.tally.loose_bounds += usize::from(next < earliest);
        } else {
            assert_eq!(next, earliest, "exact as long as nothing was cancelled");
        }
    }

    /// Does the operation to both, and compares them.
    pub(crate) fn run(&mut self, op: &Op) {
        let pick = |number: usize| {
            let crowd = self.crowd();
            (crowd > 0).then(|| self.sheltered + number % crowd)
        };
        match op {
            Op::Insert(time) => self.insert(time.resolve(&self.wheel)),
            Op::Advance(time) => self.advance(time.resolve(&self.wheel)),
            Op::Remove(number) => {
                if let Some(index) = pick(*number) {
                    self.remove(index);
                }
            }
            Op::Reset(number, time) => {
                if let Some(index) = pick(*number) {
                    self.reset(index, time.resolve(&self.wheel));
                }
            }
            Op::Refile(number, time) => {
                if let Some(index) = pick(*number) {
                    self.refile(index, time.resolve(&self.wheel));
                }
            }
            Op::SetWaker(number) => {
                if let Some(index) = pick(*number) {
                    self.set_waker(index);
                }
            }
        }
        self.check();
    }

    /// Fires all that is left, turn by turn, and takes everything out.
    pub(crate) fn finish(mut self) -> Tally {
        let most = 12 * (self.wheel.len() + 1);
        let mut turns = 0;
        while let Some(next) = self.wheel.next_deadline() {
            self.advance(next);
            self.check();
            turns += 1;
            // An entry moves down the ten levels, and fires.
            assert!(turns <= most, "the wheel does not come to an end");
        }
        while !self.owned.is_empty() {
            self.remove(0);
        }
        assert!(self.wheel.is_empty());
        assert_eq!(
            Arc::strong_count(&self.log),
            1,
            "the wheel has no waker any more"
        );
        self.tally
    }
}
