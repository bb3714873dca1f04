//! A chunk: a stretch of a slot's list, with the entries side by side.

use super::link::Link;

/// Places of a chunk. With 28 it takes 128 bytes, two cache lines.
pub(super) const PLACES: usize = 28;

/// A chunk with so many entries or fewer is worth the work of closing its gaps; two neighbours, each with half as many,
/// become one.
pub(super) const SPARSE: usize = PLACES / 2;

/// Entries in the order of their insertion, and the neighbours in the list of chunks of a slot.
///
/// An entry that is removed leaves a gap, so that no other has to move.
///
/// Invariants: of the first `used` places, `gaps` are nil and the others have an entry, the last of them for one. A chunk of a
/// list is not empty.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) prev: Link,
    pub(super) next: Link,
    used: u32,
    gaps: u32,
    places: [Link; PLACES],
}

impl Chunk {
    /// An empty chunk, to be put behind `prev`.
    #[inline]
    pub(super) fn behind(prev: Link) -> Self {
        Chunk {
            prev,
            next: Link::NIL,
            used: 0,
            gaps: 0,
            places: [Link::NIL; PLACES],
        }
    }

    /// How many entries stand here.
    #[inline]
    pub(super) fn len(&self) -> usize {
        (self.used - self.gaps) as usize
    }

    /// The places up to the last that is taken; gaps are nil.
    #[inline]
    pub(super) fn places(&self) -> &[Link] {
        &self.places[..self.used as usize]
    }

    /// Puts an entry behind all others, and returns its place; `None` if the last place is taken.
    #[inline]
    pub(super) fn push(&mut self, entry: Link) -> Option<u32> {
        let place = self.used;
        *self.places.get_mut(place as usize)? = entry;
        self.used += 1;
        Some(place)
    }

    /// Takes an entry out of its place.
    #[inline]
    pub(super) fn clear(&mut self, place: u32) {
        debug_assert_ne!(self.places[place as usize], Link::NIL, "an entry's place");
        self.places[place as usize] = Link::NIL;
        self.gaps += 1;
        if place + 1 == self.used {
            self.trim();
        }
    }

    /// The gaps behind the last entry are free places.
    #[inline]
    fn trim(&mut self) {
        while let Some(&Link::NIL) = self.places().last() {
            self.used -= 1;
            self.gaps -= 1;
        }
    }

    #[inline]
    pub(super) fn neighbours(&self) -> (Link, Link) {
        (self.prev, self.next)
    }

    /// Takes all entries out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Link> + use<> {
        (self.used, self.gaps) = (0, 0);
        let places = std::mem::replace(&mut self.places, [Link::NIL; PLACES]);
        places.into_iter().filter(|&entry| entry != Link::NIL)
    }

    /// Moves what comes after a gap forward, and tells of each that moved where it is.
    pub(super) fn close_gaps(&mut self, mut moved: impl FnMut(Link, u32)) {
        let mut kept = 0;
        for place in 0..self.used as usize {
            let entry = self.places[place];
            if entry == Link::NIL {
                continue;
            }
            if place != kept {
                self.places[kept] = entry;
                self.places[place] = Link::NIL;
                moved(entry, kept as u32);
            }
            kept += 1;
        }
        debug_assert_eq!(kept, self.len());
        (self.used, self.gaps) = (kept as u32, 0);
    }
}
