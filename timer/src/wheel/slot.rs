//! One slot of a level: the entries that wait in it, in the order of their insertion.
//!
//! An entry that is alone stands in the slot itself, as most do in a wheel of few timers. More stand in a list of
//! [chunks](super::chunk), of which each names many. So who empties the slot knows many entries at once, and the memory can
//! fetch them at the same time; of a list of single entries, each would be known only when the one before had come.

use super::{chunk::SPARSE, entry::Position, link::Link, slabs::Slabs};

/// The ends of the list, and a lower bound of the deadlines in it.
///
/// Invariants:
/// - Both ends are nil: the slot is empty, and `least` means nothing. Only `tail` is nil: `head` is an entry, which is alone.
///   Else they are the first and the last chunk.
/// - Of two chunks that are neighbours, one at least has more than a quarter of its places taken.
/// - `least` is the least deadline put into the slot since it was last empty, so it is at or before every deadline in it, and
///   exact unless its entry has been taken out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    head: Link,
    tail: Link,
    least: u64,
}

/// What stands in a slot.
pub(super) enum Content {
    Nothing,
    Alone(Link),
    /// The first chunk.
    Chunks(Link),
}

impl Slot {
    pub(super) const EMPTY: Slot = Slot {
        head: Link::NIL,
        tail: Link::NIL,
        least: u64::MAX,
    };

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head == Link::NIL
    }

    #[inline]
    pub(super) fn content(&self) -> Content {
        match (self.head, self.tail) {
            (Link::NIL, _) => Content::Nothing,
            (entry, Link::NIL) => Content::Alone(entry),
            (chunk, _) => Content::Chunks(chunk),
        }
    }

    /// The last chunk.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn tail(&self) -> Link {
        self.tail
    }

    /// Breaks the invariant of `least`.
    #[cfg(test)]
    pub(super) fn forget_least(&mut self) {
        self.least = u64::MAX;
    }

    /// No deadline in the slot is earlier than this. The slot must not be empty.
    #[inline]
    pub(super) fn least(&self) -> u64 {
        debug_assert!(!self.is_empty());
        self.least
    }

    /// Appends the entry, which is in no slot.
    #[inline]
    pub(super) fn push_back(&mut self, slabs: &mut Slabs, entry: Link, deadline: u64) {
        if self.is_empty() {
            self.head = entry;
            self.least = deadline;
            slabs.entry_mut(entry).position = Position::ALONE;
            return;
        }
        self.least = self.least.min(deadline);
        if !slabs.push(self.tail, entry) {
            self.make_room(slabs);
            let pushed = slabs.push(self.tail, entry);
            debug_assert!(pushed, "there is room");
        }
    }

    /// Gives the list a last chunk with a free place. The slot must not be empty.
    fn make_room(&mut self, slabs: &mut Slabs) {
        if self.tail == Link::NIL {
            let alone = self.head;
            self.head = slabs.chunk_behind(Link::NIL);
            self.tail = self.head;
            slabs.push(self.tail, alone);
        } else if slabs.chunk(self.tail).len() <= SPARSE {
            slabs.close_gaps(self.tail);
        } else {
            self.tail = slabs.chunk_behind(self.tail);
        }
    }

    /// Takes the entry out that stands there.
    #[inline]
    pub(super) fn unlink(&mut self, slabs: &mut Slabs, position: Position) {
        if position == Position::ALONE {
            self.head = Link::NIL;
            return;
        }
        let chunk = slabs.chunk_mut(position.chunk);
        chunk.clear(position.place);
        match chunk.len() {
            0 => self.unlink_chunk(slabs, position.chunk),
            left if left <= SPARSE / 2 && self.head != self.tail => {
                self.merge(slabs, position.chunk)
            }
            _ => {}
        }
    }

    /// Makes one of a chunk that has become sparse and a neighbour that is, too.
    fn merge(&mut self, slabs: &mut Slabs, chunk: Link) {
        let (prev, next) = slabs.chunk(chunk).neighbours();
        for (into, from) in [(prev, chunk), (chunk, next)] {
            let both = [into, from];
            if both
                .iter()
                .all(|&chunk| chunk != Link::NIL && slabs.chunk(chunk).len() <= SPARSE / 2)
            {
                slabs.close_gaps(into);
                slabs.move_all(from, into);
                self.unlink_chunk(slabs, from);
                return;
            }
        }
    }

    /// Takes out a chunk that has become empty.
    fn unlink_chunk(&mut self, slabs: &mut Slabs, chunk: Link) {
        let (prev, next) = slabs.remove_chunk(chunk).neighbours();
        match slabs.neighbour_mut(prev) {
            Some(chunk) => chunk.next = next,
            None => self.head = next,
        }
        match slabs.neighbour_mut(next) {
            Some(chunk) => chunk.prev = prev,
            None => self.tail = prev,
        }
    }
}
