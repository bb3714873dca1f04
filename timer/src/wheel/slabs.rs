//! Where a wheel keeps its entries and the chunks of its slots, and how they refer to each other.
//!
//! Invariant: the position of an entry that stands in a chunk names that chunk, and the place where it names the entry.

use slab::Slab;

use super::{
    chunk::Chunk,
    entry::{Entry, Position},
    link::Link,
};

/// Chunks that there is room for as soon as there has been one: 2 KiB. What a greater crowd needed is given back with the last.
const KEPT_CHUNKS: usize = 16;

#[derive(Debug)]
pub(super) struct Slabs {
    pub(super) entries: Slab<Entry>,
    pub(super) chunks: Slab<Chunk>,
}

impl Slabs {
    pub(super) const EMPTY: Slabs = Slabs {
        entries: Slab::new(),
        chunks: Slab::new(),
    };

    #[cfg(any(test, debug_assertions))]
    pub(super) fn entry(&self, entry: Link) -> &Entry {
        &self.entries[at(entry)]
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, entry: Link) -> &mut Entry {
        &mut self.entries[at(entry)]
    }

    #[inline]
    pub(super) fn chunk(&self, chunk: Link) -> &Chunk {
        &self.chunks[at(chunk)]
    }

    #[inline]
    pub(super) fn chunk_mut(&mut self, chunk: Link) -> &mut Chunk {
        &mut self.chunks[at(chunk)]
    }

    /// The chunk, if there is one.
    #[inline]
    pub(super) fn neighbour_mut(&mut self, chunk: Link) -> Option<&mut Chunk> {
        chunk.index().map(|index| &mut self.chunks[index])
    }

    /// Puts an entry behind all others of a chunk. Returns false, and does nothing, if there is no place or no chunk.
    #[inline]
    pub(super) fn push(&mut self, chunk: Link, entry: Link) -> bool {
        let place = self
            .neighbour_mut(chunk)
            .and_then(|chunk| chunk.push(entry));
        if let Some(place) = place {
            self.entry_mut(entry).position = Position { chunk, place };
        }
        place.is_some()
    }

    /// Makes an empty chunk, behind another one if there is one.
    pub(super) fn chunk_behind(&mut self, prev: Link) -> Link {
        if self.chunks.len() == self.chunks.capacity() {
            // By an eighth, and not to twice the size: what is spare is part of what a timer takes.
            let more = (self.chunks.len() / 8).max(KEPT_CHUNKS);
            self.chunks.reserve_exact(more);
        }
        let chunk = Link::new(self.chunks.insert(Chunk::behind(prev)));
        if let Some(prev) = self.neighbour_mut(prev) {
            prev.next = chunk;
        }
        chunk
    }

    #[inline]
    pub(super) fn remove_chunk(&mut self, chunk: Link) -> Chunk {
        let chunk = self.chunks.remove(at(chunk));
        if self.chunks.is_empty() && self.chunks.capacity() > KEPT_CHUNKS {
            self.release_chunks();
        }
        chunk
    }

    #[cold]
    fn release_chunks(&mut self) {
        self.chunks = Slab::with_capacity(KEPT_CHUNKS);
    }

    /// Moves the entries of a chunk to the front of it.
    pub(super) fn close_gaps(&mut self, chunk: Link) {
        let Slabs { entries, chunks } = self;
        chunks[at(chunk)].close_gaps(|entry, place| {
            entries[at(entry)].position = Position { chunk, place };
        });
    }

    /// Puts what is in one chunk behind what is in another, which must have room.
    pub(super) fn move_all(&mut self, from: Link, into: Link) {
        for entry in self.chunk_mut(from).drain() {
            let pushed = self.push(into, entry);
            debug_assert!(pushed, "two sparse chunks fit into one");
        }
    }
}

/// The index of what is there.
#[inline]
fn at(link: Link) -> usize {
    link.index().expect("a link to something")
}
