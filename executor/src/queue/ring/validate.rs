//! A ring holds no more than there is room for.

use super::{CAPACITY, Ring};
use crate::sync::Ordering;
use crate::task::schedule::Schedule;

impl<S: Schedule> Ring<S> {
    /// # Panics
    ///
    /// If the ring holds more than there is room for, or believes to have more room than it has.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    pub(crate) unsafe fn validate(&self) {
        // The tail is ours; the head only grows, up to it.
        let tail = self.tail.0.load(Ordering::Relaxed);
        let head = self.head.0.load(Ordering::Acquire);
        assert!(
            head <= tail,
            "a ring from which more has been taken than came"
        );
        assert!(tail - head <= CAPACITY as u64, "a ring that is overfull");
        assert!(
            self.limit.load(Ordering::Relaxed) <= head + CAPACITY as u64,
            "room that a ring does not have"
        );
        // A task is where the next one is taken from, as far as no thief has been there.
        let taken = || self.head.0.load(Ordering::Acquire) != head;
        assert!(
            head == tail || !self.slot(head).load(Ordering::Relaxed).is_null() || taken(),
            "no task in a position that is taken"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::stand_in::{StandIn, World};
    use crate::validate::tests::refuses;

    /// A ring of three tasks.
    fn ring(world: &World) -> Ring<StandIn> {
        let ring = Ring::new(true);
        while let Some(task) = world.take_ready() {
            // SAFETY: nobody else has the ring.
            assert!(unsafe { ring.push(task) }.is_ok());
        }
        // SAFETY: as above.
        unsafe { ring.validate() };
        ring
    }

    /// Has a counter of the ring say something else for as long as the check takes.
    #[track_caller]
    fn refused(word: &str, set: impl Fn(&Ring<StandIn>) -> (&crate::sync::AtomicU64, u64)) {
        let world = World::of(3);
        let ring = ring(&world);
        let (counter, wrong) = set(&ring);
        let right = counter.swap(wrong, Ordering::Relaxed);
        // SAFETY: nobody else has the ring.
        refuses(word, || unsafe { ring.validate() });
        counter.store(right, Ordering::Relaxed);
    }

    #[test]
    fn a_head_beyond_the_tail() {
        refused("than came", |ring| (&ring.head.0, 4));
    }

    #[test]
    fn more_than_there_is_room_for() {
        refused("overfull", |ring| (&ring.tail.0, CAPACITY as u64 + 1));
    }

    #[test]
    fn room_that_is_not_there() {
        refused("room", |ring| (&ring.limit, CAPACITY as u64 + 1));
    }

    #[test]
    fn a_position_without_a_task() {
        let world = World::of(3);
        let ring = ring(&world);
        let task = ring.slots[0].swap(std::ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: nobody else has the ring.
        refuses("no task", || unsafe { ring.validate() });
        ring.slots[0].store(task, Ordering::Relaxed);
    }
}
