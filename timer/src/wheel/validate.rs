//! The wheel checks itself, in builds with `debug_assertions` and in tests; there is nothing of this in others.
//!
//! [`Wheel::validate`] walks over everything. [`Wheel::check`] is for every turn of [`Timers`](crate::Timers): it looks at a few slots, at
//! other ones at each turn, and at all entries, if they are no more than [`FEW`]; of more, at [`ENTRIES`] of them, in turns. When it has been
//! called so often that this comes to another [`ENTRIES`] a turn, it walks over everything. So a turn takes no longer for a million
//! timers than for ten, but for one of very many.
//!
//! What an entry, a chunk or a slot can tell by itself is told by each of them; the number of those that are filed, which only all of them
//! together can tell, by the walk.
//!
//! A wheel without timers around it has no turns: [`Wheel::expire`] checks at every sixteenth call.

use std::ops::Range;

use super::{
    Wheel,
    bits::ones,
    chunk::SPARSE,
    entry::Position,
    link::Link,
    place::{LEVELS, Place, SLOTS},
    slot::Content,
};

/// Entries that are looked at in a turn, if there are more than [`FEW`].
const ENTRIES: usize = 2;
const FEW: usize = 4;

/// Slots that are looked at in a turn: a part of a level.
const SLOTS_A_TURN: usize = 8;

/// Of so many calls of [`Wheel::expire`], one checks.
const SELDOM: u32 = 16;

/// What a walk costs if there is nothing, in entries: the slots are many.
const WALK: usize = 200;

/// How far the check has come.
#[derive(Debug)]
pub(super) struct Progress {
    /// The next entry, by its index in the slab, and the next slots, by their number in the wheel.
    entry: usize,
    slot: usize,
    /// Calls since the last walk.
    calls: usize,
    /// Calls of [`Wheel::expire`].
    expired: u32,
}

impl Progress {
    pub(super) const NEW: Progress = Progress {
        entry: 0,
        slot: 0,
        calls: 0,
        expired: 0,
    };
}

impl Wheel {
    /// Checks as much as may be checked at every turn.
    ///
    /// # Panics
    ///
    /// If an invariant does not hold.
    pub(crate) fn check(&mut self) {
        let Progress {
            mut entry,
            slot,
            calls,
            expired,
        } = self.progress;
        if calls * ENTRIES >= self.slabs.entries.len() + WALK {
            self.progress.calls = 0;
            return self.validate();
        }
        self.validate_slots(slot / SLOTS, slot % SLOTS..slot % SLOTS + SLOTS_A_TURN);
        let end = self.slabs.entries.capacity();
        if self.slabs.entries.len() <= FEW {
            self.validate_filed();
        } else {
            for _ in 0..ENTRIES {
                if entry >= end {
                    entry = 0;
                }
                self.validate_index(entry);
                entry += 1;
            }
        }
        self.progress = Progress {
            entry,
            slot: (slot + SLOTS_A_TURN) % (LEVELS * SLOTS),
            calls: calls + 1,
            expired,
        };
    }

    /// Checks, if it is time to, for who may call this much more often than there are turns.
    pub(super) fn check_seldom(&mut self) {
        self.progress.expired = (self.progress.expired + 1) % SELDOM;
        if self.progress.expired == 0 {
            self.check();
        }
    }

    /// Checks every invariant of the file `wheel/mod.rs` and of those below it, at the cost of a walk over everything.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(super) fn validate(&self) {
        (0..LEVELS).for_each(|level| self.validate_slots(level, 0..SLOTS));
        self.validate_filed();
    }

    /// The same of what the bitmaps name.
    fn validate_filed(&self) {
        let (mut filed, mut chunks) = (0, 0);
        for level in ones(self.occupied) {
            for slot in ones(self.levels[level].occupied()) {
                let place = Place { level, slot };
                match self.levels[level].slot(slot).content() {
                    Content::Nothing => panic!("an empty slot in the bitmap"),
                    Content::Alone(entry) => {
                        self.validate_entry(place, entry, Position::ALONE);
                        filed += 1;
                    }
                    Content::Chunks(first) => {
                        for standing in self.validate_chunks(place, first) {
                            filed += standing;
                            chunks += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(filed, self.pending, "entries that are filed, and pending");
        assert_eq!(chunks, self.slabs.chunks.len(), "each chunk is in one list");
        let entries = self.slabs.entries.iter();
        let with_waker = entries.filter(|(_, entry)| entry.waker.is_some());
        assert_eq!(filed, with_waker.count(), "filed, and with a waker");
    }

    /// The bitmaps say what is there.
    fn validate_slots(&self, l: usize, slots: Range<usize>) {
        let level = &self.levels[l];
        let has_bit = self.occupied >> l & 1 == 1;
        assert_eq!(has_bit, !level.is_empty(), "bit of level {l}");
        for s in slots {
            let has_bit = level.occupied() >> s & 1 == 1;
            assert_eq!(has_bit, !level.slot(s).is_empty(), "bit of slot {l}:{s}");
        }
    }

    /// What stands at that index of the slab knows its place, and the place knows it; so do its chunk and the next one.
    fn validate_index(&self, index: usize) {
        let Some(entry) = self.slabs.entries.get(index) else {
            return;
        };
        if entry.waker.is_none() {
            return;
        }
        let (place, link) = (Place::of(entry.deadline, self.elapsed), Link::new(index));
        self.validate_entry(place, link, entry.position);
        let slot = self.levels[place.level].slot(place.slot);
        match slot.content() {
            Content::Nothing => panic!("an entry of an empty slot"),
            Content::Alone(alone) => {
                assert_eq!(alone, link, "who is alone in the slot");
                assert_eq!(entry.position, Position::ALONE, "its position");
            }
            Content::Chunks(first) => {
                let chunk = self.slabs.chunks.get(index_of(entry.position.chunk));
                let chunk = chunk.expect("the position is in a chunk");
                let named = chunk.places().get(entry.position.place as usize);
                assert_eq!(named, Some(&link), "who sits in the entry's position");
                assert_eq!(
                    chunk.prev == Link::NIL,
                    first == entry.position.chunk,
                    "head"
                );
                let is_last = slot.tail() == entry.position.chunk;
                assert_eq!(chunk.next == Link::NIL, is_last, "tail");
                if chunk.next != Link::NIL {
                    let next = self.slabs.chunk(chunk.next);
                    assert_eq!(next.prev, entry.position.chunk, "a link back");
                    assert!(
                        chunk.len() > SPARSE / 2 || next.len() > SPARSE / 2,
                        "sparse neighbours"
                    );
                }
            }
        }
    }

    fn validate_entry(&self, place: Place, entry: Link, position: Position) {
        let entry = self.slabs.entry(entry);
        assert!(entry.waker.is_some(), "an entry that is filed has a waker");
        assert_eq!(entry.position, position, "an entry knows where it stands");
        assert_eq!(
            Place::of(entry.deadline, self.elapsed),
            place,
            "the place of a deadline"
        );
        assert!(
            self.levels[place.level].slot(place.slot).least() <= entry.deadline,
            "the least deadline of a slot is a lower bound"
        );
    }

    /// Returns how many entries stand in each chunk of the slot.
    fn validate_chunks(&self, place: Place, first: Link) -> Vec<usize> {
        let mut lengths = Vec::new();
        let (mut prev, mut link) = (Link::NIL, first);
        while link != Link::NIL {
            let chunk = self.slabs.chunk(link);
            assert_eq!(chunk.prev, prev, "a link back");
            assert_ne!(chunk.places().last(), Some(&Link::NIL), "a gap at the end");
            let mut standing = 0;
            for (number, &entry) in (0..).zip(chunk.places()) {
                if entry != Link::NIL {
                    let position = Position {
                        chunk: link,
                        place: number,
                    };
                    self.validate_entry(place, entry, position);
                    standing += 1;
                }
            }
            assert_eq!(
                standing,
                chunk.len(),
                "entries of a chunk, as it counts them"
            );
            assert!(standing > 0, "a chunk of a list is not empty");
            lengths.push(standing);
            (prev, link) = (link, chunk.next);
        }
        assert_eq!(
            self.levels[place.level].slot(place.slot).tail(),
            prev,
            "the last chunk"
        );
        assert!(
            lengths
                .windows(2)
                .all(|two| two.iter().any(|&n| n > SPARSE / 2)),
            "sparse neighbours: {lengths:?}"
        );
        lengths
    }
}

/// No chunk has the index of [`Link::NIL`].
fn index_of(link: Link) -> usize {
    link.index().unwrap_or(usize::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests;
