//! One level of the wheel: 64 slots, and a bitmap of those that are not empty.

use super::{entry::Position, link::Link, place::SLOTS, slabs::Slabs, slot::Slot};

/// Invariant: bit `s` of `occupied` is set exactly when slot `s` is not empty.
#[derive(Debug)]
pub(super) struct Level {
    occupied: u64,
    slots: [Slot; SLOTS],
}

impl Level {
    pub(super) const EMPTY: Level = Level {
        occupied: 0,
        slots: [Slot::EMPTY; SLOTS],
    };

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// The slots that are not empty, one bit each.
    #[inline]
    pub(super) fn occupied(&self) -> u64 {
        self.occupied
    }

    /// A lower bound of the deadlines of this level, which must not be empty: that of its first slot.
    #[inline]
    pub(super) fn least(&self) -> u64 {
        debug_assert!(!self.is_empty());
        self.slots[self.occupied.trailing_zeros() as usize].least()
    }

    /// Appends the entry, which is in no slot.
    #[inline]
    pub(super) fn push_back(&mut self, slot: usize, slabs: &mut Slabs, entry: Link, deadline: u64) {
        self.slots[slot].push_back(slabs, entry, deadline);
        self.occupied |= 1 << slot;
    }

    /// Takes the entry out that stands there in a slot.
    #[inline]
    pub(super) fn unlink(&mut self, slot: usize, slabs: &mut Slabs, position: Position) {
        debug_assert_ne!(self.occupied & (1 << slot), 0, "an entry of an empty slot");
        self.slots[slot].unlink(slabs, position);
        if self.slots[slot].is_empty() {
            self.occupied &= !(1 << slot);
        }
    }

    /// Empties a slot, and returns what was in it.
    #[inline]
    pub(super) fn take(&mut self, slot: usize) -> Slot {
        self.occupied &= !(1 << slot);
        std::mem::replace(&mut self.slots[slot], Slot::EMPTY)
    }

    #[cfg(any(test, debug_assertions))]
    pub(super) fn slot(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }

    /// Says of a slot that it is not empty.
    #[cfg(test)]
    pub(super) fn set_bit(&mut self, slot: usize) {
        self.occupied |= 1 << slot;
    }

    /// Has a slot say that it has no early deadline.
    #[cfg(test)]
    pub(super) fn forget_least(&mut self, slot: usize) {
        self.slots[slot].forget_least();
    }
}
