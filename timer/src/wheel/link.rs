//! A link between entries: an index into the slab, or none.

use std::num::NonZeroU32;

/// The index of an entry, or [`Link::NIL`].
///
/// Stored plus one, so that zero is free: the slab needs a spare bit pattern in its entries to mark the
/// vacant ones, and without it each would grow from 32 bytes to 40.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link(NonZeroU32);

impl Link {
    pub(super) const NIL: Link = Link(NonZeroU32::MAX);

    /// # Panics
    ///
    /// If the index is too large for a link: 2^32 - 2 is the first that is.
    #[inline]
    pub(super) fn new(index: usize) -> Self {
        let link = u32::try_from(index + 1)
            .ok()
            .and_then(NonZeroU32::new)
            .map(Link);
        match link {
            Some(link) if link != Link::NIL => link,
            _ => panic!("a wheel holds at most {} timers", u32::MAX - 1),
        }
    }

    /// The index, or `None` of [`Link::NIL`].
    #[inline]
    pub(super) fn index(self) -> Option<usize> {
        if self == Link::NIL {
            None
        } else {
            Some(self.0.get() as usize - 1)
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_index_comes_back_and_nil_has_none() {
        for index in [0, 1, 63, u32::MAX as usize - 2] {
            assert_eq!(Link::new(index).index(), Some(index));
        }
        assert_eq!(Link::NIL.index(), None);
    }

    #[test]
    #[should_panic(expected = "a wheel holds at most")]
    fn the_index_that_would_be_nil_is_refused() {
        Link::new(u32::MAX as usize - 1);
    }
}
