//! One slot of a level: a first-in, first-out list of entries, linked by index through the slab.

use slab::Slab;

use super::{entry::Entry, link::Link};

/// The ends of a list, and a lower bound of the deadlines in it.
///
/// Invariants: `head` is nil exactly when `tail` is; then the slot is empty, and `least` means nothing.
/// Otherwise `least` is the least deadline put into the slot since it was last empty, so it is at or before
/// every deadline in the list, and exact unless its entry has been unlinked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    head: Link,
    tail: Link,
    least: u64,
}

impl Slot {
    pub(super) const EMPTY: Slot = Slot {
        head: Link::NIL,
        tail: Link::NIL,
        least: u64::MAX,
    };

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        debug_assert_eq!(
            self.head == Link::NIL,
            self.tail == Link::NIL,
            "both ends or neither"
        );
        self.head == Link::NIL
    }

    /// The first entry of the list.
    #[inline]
    pub(super) fn head(&self) -> Link {
        self.head
    }

    /// The last entry of the list.
    #[inline]
    pub(super) fn tail(&self) -> Link {
        self.tail
    }

    /// No deadline in the slot is earlier than this. The slot must not be empty.
    #[inline]
    pub(super) fn least(&self) -> u64 {
        debug_assert!(!self.is_empty());
        self.least
    }

    /// Appends the entry, which is in no list.
    #[inline]
    pub(super) fn push_back(&mut self, entries: &mut Slab<Entry>, link: Link) {
        let entry = entry_mut(entries, link).expect("an entry is pushed, not nil");
        entry.prev = self.tail;
        entry.next = Link::NIL;
        let deadline = entry.deadline;
        match entry_mut(entries, self.tail) {
            Some(last) => {
                last.next = link;
                self.least = self.least.min(deadline);
            }
            None => {
                self.head = link;
                self.least = deadline;
            }
        }
        self.tail = link;
    }

    /// Closes the gap that an entry of this slot, with these neighbours, leaves.
    #[inline]
    pub(super) fn unlink(&mut self, entries: &mut Slab<Entry>, prev: Link, next: Link) {
        match entry_mut(entries, prev) {
            Some(entry) => entry.next = next,
            None => self.head = next,
        }
        match entry_mut(entries, next) {
            Some(entry) => entry.prev = prev,
            None => self.tail = prev,
        }
    }
}

#[inline]
fn entry_mut(entries: &mut Slab<Entry>, link: Link) -> Option<&mut Entry> {
    link.index().map(|index| &mut entries[index])
}
