//! One timer of a wheel.

use std::task::Waker;

use super::link::Link;

/// A timer: pending while it has a waker, fired when that has been taken.
///
/// A pending entry stands in the list of one slot; of a fired one, `prev` and `next` mean nothing.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) deadline: u64,
    pub(super) prev: Link,
    pub(super) next: Link,
    pub(super) waker: Option<Waker>,
}

impl Entry {
    #[inline]
    pub(super) fn new(deadline: u64, waker: Waker) -> Self {
        Entry {
            deadline,
            prev: Link::NIL,
            next: Link::NIL,
            waker: Some(waker),
        }
    }
}

/// An entry whose waker has been taken out, to be woken in deadline order.
#[derive(Debug)]
pub(crate) struct Due {
    pub(super) deadline: u64,
    pub(crate) waker: Waker,
}
