//! [`Spent`]: entries that have fired and are wanted no more, until they are taken out of the wheel.
//!
//! A timer's entry fires, its task is woken, and when that has its turn, it gives the entry up. With a million timers the entry has left
//! the caches by then, and to take it out of the wheel is to wait for the memory. But that an entry has fired can be told
//! from the time alone, as a rule, so its owner need not look at it; and of many that are taken out together, none is waited for alone.
//!
//! Invariants:
//! - All of them have fired, so they have no waker, and the wheel wakes nobody on their behalf.
//! - They are fewer than [`MANY`]; and if nothing else is in the wheel, there are none, so that an empty wheel gives its memory back.

use crate::wheel::{Key, Wheel};

/// So many are taken out together.
const MANY: usize = 64;

/// The first `count` places have a key.
#[derive(Debug)]
pub(crate) struct Spent {
    keys: [Option<Key>; MANY],
    count: usize,
}

impl Spent {
    pub(crate) const fn new() -> Self {
        Spent {
            keys: [const { None }; MANY],
            count: 0,
        }
    }

    /// Gives an entry of the wheel up, which has fired.
    #[inline]
    pub(crate) fn add(&mut self, key: Key, wheel: &mut Wheel) {
        self.keys[self.count] = Some(key);
        self.count += 1;
        if self.count == MANY || self.count == wheel.entries() {
            self.take_out(wheel);
        }
    }

    /// The wheel has lost an entry. What is spent does not keep its memory if that was the last other one.
    #[inline]
    pub(crate) fn other_removed(&mut self, wheel: &mut Wheel) {
        if self.count != 0 && self.count == wheel.entries() {
            self.take_out(wheel);
        }
    }

    /// Checks the invariants; of the keys, that of the first and the last.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn validate(&self, wheel: &Wheel) {
        assert!(self.count < MANY, "{} are spent", self.count);
        assert!(
            self.count == 0 || self.count < wheel.entries(),
            "what is spent outstays the others"
        );
        for place in [0, self.count.wrapping_sub(1)] {
            if let Some(key) = self.keys[..self.count].get(place) {
                let key = key.as_ref().expect("a key in each of the first places");
                assert!(wheel.is_fired(key), "what is spent has fired");
            }
        }
        assert!(self.keys[self.count].is_none(), "a key behind the last");
    }

    #[inline(never)]
    fn take_out(&mut self, wheel: &mut Wheel) {
        for key in self.keys[..self.count].iter_mut().filter_map(Option::take) {
            let waker = wheel.remove(key);
            debug_assert!(waker.is_none(), "what is spent has fired");
        }
        self.count = 0;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn what_is_spent_does_not_outstay_the_others() {
        let (mut wheel, mut spent) = (Wheel::new(), Spent::new());
        let pending = wheel.insert(u64::MAX, Waker::noop().clone());
        let fired = wheel.insert(0, Waker::noop().clone());
        wheel.expire(0, &mut drop);
        spent.add(fired, &mut wheel);
        assert_eq!((spent.count, wheel.entries()), (1, 2));
        assert!(wheel.remove(pending).is_some());
        spent.other_removed(&mut wheel);
        assert_eq!((spent.count, wheel.entries()), (0, 0));
    }

    #[test]
    #[should_panic(expected = "outstays the others")]
    fn what_outstays_the_others_is_refused() {
        let (mut wheel, mut spent) = (Wheel::new(), Spent::new());
        let keys = [0, 1].map(|at| wheel.insert(at, Waker::noop().clone()));
        wheel.expire(1, &mut drop);
        let [first, second] = keys;
        spent.add(first, &mut wheel);
        spent.validate(&wheel);
        wheel.remove(second);
        spent.validate(&wheel);
    }

    #[test]
    fn few_stay_behind_and_none_in_a_wheel_that_is_otherwise_empty() {
        let (mut wheel, mut spent) = (Wheel::new(), Spent::new());
        let pending = wheel.insert(u64::MAX, Waker::noop().clone());
        let fired: Vec<Key> = (0..10 * MANY as u64 + 5)
            .map(|deadline| wheel.insert(deadline, Waker::noop().clone()))
            .collect();
        wheel.expire(1_000_000, &mut drop);
        for key in fired {
            spent.add(key, &mut wheel);
            spent.validate(&wheel);
        }
        assert_eq!((spent.count, wheel.entries()), (5, 6));
        wheel.expire(u64::MAX, &mut drop);
        spent.add(pending, &mut wheel);
        assert_eq!((spent.count, wheel.entries()), (0, 0));
    }
}
