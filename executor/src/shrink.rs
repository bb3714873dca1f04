//! Lists that were long give their memory back, when they are short again.
//!
//! A list that has room for more than [`KEEP`] is roomy when three quarters of that are free. Then it shrinks to twice what is in it, so
//! that it neither grows nor shrinks again before that has doubled or halved: each entry that comes pays for a constant share.

use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Room that stays: a list that is no longer than this is left alone, so that a program which fills and empties its lists again and again
/// does not pay for the allocator each time. It is what a ring of tasks holds.
pub(crate) const KEEP: usize = 1024;

#[inline]
pub(crate) fn is_roomy(length: usize, capacity: usize) -> bool {
    capacity > KEEP && length <= capacity / 4
}

#[inline]
pub(crate) fn deque<T>(list: &mut VecDeque<T>) {
    if is_roomy(list.len(), list.capacity()) {
        list.shrink_to(room_for(list.len()));
    }
}

pub(crate) fn vec<T>(list: &mut Vec<T>) {
    if is_roomy(list.len(), list.capacity()) {
        list.shrink_to(room_for(list.len()));
    }
}

pub(crate) fn map<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if is_roomy(map.len(), map.capacity()) {
        map.shrink_to(room_for(map.len()));
    }
}

/// Gives back what is behind the last entry: the others cannot move. That takes time by the slab's capacity, so it is tried only each time
/// that half as many are left.
#[inline]
pub(crate) fn slab<T>(slab: &mut Slab<T>) {
    let length = slab.len();
    if is_roomy(length, slab.capacity()) && (length == 0 || length.is_power_of_two()) {
        slab.shrink_to_fit();
    }
}

fn room_for(length: usize) -> usize {
    (2 * length).max(KEEP)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MANY: usize = 100_000;

    /// Takes all but some out of a list of many; tells what room it has then, and how often that has changed.
    fn shrunk<L>(
        mut list: L,
        left: usize,
        mut take_one: impl FnMut(&mut L),
        capacity: impl Fn(&L) -> usize,
    ) -> (usize, usize) {
        let (mut before, mut changes) = (capacity(&list), 0);
        for _ in left..MANY {
            take_one(&mut list);
            // What a map says of itself changes a little with each removal.
            let now = capacity(&list);
            changes += usize::from(now < before / 4 * 3);
            before = now;
        }
        (before, changes)
    }

    #[track_caller]
    fn is_small((capacity, changes): (usize, usize), left: usize) {
        // A map has a number of buckets that is a power of two.
        assert!(
            capacity <= (2 * KEEP).max(8 * left),
            "{capacity} for {left}"
        );
        assert!(changes <= 17, "{changes} changes");
    }

    #[test]
    fn lists_shrink_as_they_are_emptied() {
        for left in [0, 1, 10, 1_000] {
            let take = |list: &mut VecDeque<_>| {
                list.pop_front();
                deque(list);
            };
            let list: VecDeque<_> = (0..MANY).collect();
            is_small(shrunk(list, left, take, VecDeque::capacity), left);

            let take = |list: &mut Vec<_>| {
                list.pop();
                vec(list);
            };
            let list: Vec<_> = (0..MANY).collect();
            is_small(shrunk(list, left, take, Vec::capacity), left);

            let mut next = MANY;
            let take = |list: &mut HashMap<_, _>| {
                next -= 1;
                list.remove(&next);
                map(list);
            };
            let list: HashMap<_, _> = (0..MANY).map(|number| (number, number)).collect();
            is_small(shrunk(list, left, take, HashMap::capacity), left);

            let mut next = MANY;
            let take = |list: &mut Slab<_>| {
                next -= 1;
                list.remove(next);
                slab(list);
            };
            let list: Slab<_> = (0..MANY).map(|number| (number, number)).collect();
            is_small(shrunk(list, left, take, Slab::capacity), left);
        }
    }

    /// One that stays at the end of a slab keeps the memory before it: the others go as always.
    #[test]
    fn a_slab_whose_last_entry_stays() {
        let mut list: Slab<_> = (0..MANY).map(|number| (number, number)).collect();
        for number in 0..MANY - 1 {
            list.remove(number);
            slab(&mut list);
        }
        assert_eq!(list.remove(MANY - 1), MANY - 1);
        slab(&mut list);
        assert_eq!(list.capacity(), 0);
    }

    #[test]
    fn short_lists_are_left_alone() {
        let mut list: VecDeque<usize> = VecDeque::with_capacity(KEEP);
        deque(&mut list);
        assert!(list.capacity() >= KEEP);
    }
}
