//! The name of an entry of a wheel, held by its owner.

use super::link::Link;

/// Names one entry of one [`Wheel`](super::Wheel).
///
/// It is neither `Clone` nor `Copy`: [`Wheel::remove`](super::Wheel::remove) consumes it, so a key cannot
/// outlive its entry and name the next one in the same place. A key that is dropped or forgotten leaves its
/// entry in the wheel for the wheel's lifetime. Given to another wheel than its own, it names whatever
/// stands there, or panics.
#[must_use = "the entry stays in its wheel until the key is given to `Wheel::remove`"]
#[derive(Debug, PartialEq, Eq)]
pub struct Key(Link);

impl Key {
    #[inline]
    pub(super) fn new(link: Link) -> Self {
        debug_assert_ne!(link, Link::NIL, "a key names an entry");
        Key(link)
    }

    #[inline]
    pub(super) fn link(&self) -> Link {
        self.0
    }

    #[inline]
    pub(super) fn index(&self) -> usize {
        self.0.index().expect("a key names an entry")
    }
}
