//! Positions never go backwards, and come when what was before them is gone.

use super::*;
use crate::task::id::Id;
use crate::validate::tests::Runtime;
use std::collections::HashMap;

const TASKS: usize = 20_000;

/// Pseudo-random numbers, the same each time for a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A slot, a thief, and what is known of the tasks in the slot.
struct World {
    slot: Slot,
    thief: Slot,
    positions: HashMap<Id, u64>,
    pushed: u64,
    left: u64,
}

impl World {
    fn new() -> Self {
        let slot = || Slot::new(false, None).expect("descriptors");
        Self {
            slot: slot(),
            thief: slot(),
            positions: HashMap::new(),
            pushed: 0,
            left: 0,
        }
    }

    fn push(&mut self, task: Task) {
        let position = self.slot.pushed();
        self.positions.insert(task.header().id, position);
        // SAFETY: nobody else has the slot.
        unsafe { self.slot.push(task) };
        assert_eq!(self.slot.pushed(), position + 1);
    }

    fn pop(&mut self) -> bool {
        let left = self.slot.left();
        // SAFETY: as above.
        let task = unsafe { self.slot.ring.pop().or_else(|| self.slot.refill()) };
        self.came(task.as_ref(), left);
        assert_eq!(self.slot.left(), left + u64::from(task.is_some()));
        task.is_some()
    }

    /// The thief takes what it can get, and forgets it.
    fn steal(&mut self) {
        let left = self.slot.left();
        let before = self.thief.pushed();
        // SAFETY: nobody else has the thief either.
        let task = unsafe { self.slot.steal_into(&self.thief) };
        self.came(task.as_ref(), left);
        let stolen = u64::from(task.is_some()) + self.thief.pushed() - before;
        assert_eq!(self.slot.left(), left + stolen);
        // SAFETY: as above.
        while unsafe { self.thief.ring.pop().or_else(|| self.thief.refill()) }.is_some() {}
    }

    /// Tasks leave in the order in which they came.
    fn came(&self, task: Option<&Task>, position: u64) {
        if let Some(task) = task {
            assert_eq!(self.positions[&task.header().id], position);
        }
    }

    fn check(&mut self) {
        let (pushed, left) = (self.slot.pushed(), self.slot.left());
        assert!(self.pushed <= pushed && self.left <= left, "backwards");
        assert_eq!((pushed - left) as usize, self.slot.ready());
        (self.pushed, self.left) = (pushed, left);
    }
}

/// Pushes, pops and thefts, in bursts, so that the overflow fills, and is emptied from both ends of the ring.
#[test]
fn positions_only_grow_and_come_when_those_before_are_gone() {
    for seed in 1..=20_u64 {
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let runtime = Runtime::of(TASKS);
        let mut tasks = runtime.shared.injection.take(TASKS).expect("tasks");
        let mut world = World::new();
        while tasks.len() > 0 {
            let times = 1 + random.below(2 * CAPACITY as u64);
            match random.below(4) {
                0 | 1 => {
                    for task in (0..times).map_while(|_| tasks.pop()) {
                        world.push(task);
                    }
                }
                2 => {
                    for _ in 0..times {
                        world.pop();
                        world.check();
                    }
                }
                _ => {
                    for _ in 0..1 + times % 16 {
                        world.steal();
                        world.check();
                    }
                }
            }
            world.check();
        }
        while world.pop() {}
        assert_eq!(
            (world.slot.left(), world.slot.pushed()),
            (TASKS as u64, TASKS as u64),
            "seed {seed}"
        );
    }
}

/// A thief that has found the ring empty may come to the overflow after the worker has refilled the ring.
#[test]
fn a_theft_from_behind_a_ring_that_is_full_again() {
    let runtime = Runtime::of(4 * CAPACITY);
    let mut tasks = runtime.shared.injection.take(usize::MAX).expect("tasks");
    let mut world = World::new();
    while let Some(task) = tasks.pop() {
        world.push(task);
    }
    let stolen = world.slot.overflow.take(CAPACITY / 2).expect("tasks");
    world.check();
    assert_eq!(world.slot.left(), stolen.len() as u64);
    let mut popped = 0;
    // SAFETY: nobody else has the slot.
    while unsafe { world.slot.ring.pop().or_else(|| world.slot.refill()) }.is_some() {
        popped += 1;
        world.check();
    }
    assert_eq!(popped, 4 * CAPACITY - stolen.len());
    assert_eq!(world.slot.left(), world.slot.pushed());
}
