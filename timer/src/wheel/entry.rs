//! One timer of a wheel.

use std::task::Waker;

use super::link::Link;

/// A timer: pending while it has a waker, fired when that has been taken.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) deadline: u64,
    pub(super) waker: Option<Waker>,
    /// Where it stands in its slot while it is pending. Of a fired one, this means nothing.
    pub(super) position: Position,
}

/// Where in a slot an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The chunk, or nil: in the slot itself, which has no other entry.
    pub(super) chunk: Link,
    /// The place in the chunk.
    pub(super) place: u32,
}

impl Position {
    /// That of the only entry of a slot.
    pub(super) const ALONE: Position = Position {
        chunk: Link::NIL,
        place: 0,
    };
}

impl Entry {
    #[inline]
    pub(super) fn new(deadline: u64, waker: Waker) -> Self {
        Entry {
            deadline,
            waker: Some(waker),
            position: Position::ALONE,
        }
    }
}

/// An entry whose waker has been taken out, to be woken in deadline order.
#[derive(Debug)]
pub(crate) struct Due {
    pub(super) deadline: u64,
    pub(crate) waker: Waker,
}
