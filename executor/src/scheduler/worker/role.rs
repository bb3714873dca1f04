//! [`Role`]: which place a worker has in its runtime.

use std::cell::Cell;

pub(super) struct Role {
    /// The number of its place. A guest has none.
    number: Cell<Option<usize>>,
    /// Whether there are other workers, to share work with.
    has_siblings: Cell<bool>,
    /// Whether it is the only one, and no guest: it keeps all that is woken here.
    is_alone: Cell<bool>,
}

impl Role {
    /// Of a runtime in which so many workers poll what is spawned.
    pub(super) fn new(number: Option<usize>, workers: usize) -> Self {
        let has_siblings = number.is_some() && workers > 1;
        let polls = number.is_some_and(|number| number < workers);
        Self {
            number: Cell::new(number),
            has_siblings: Cell::new(has_siblings),
            is_alone: Cell::new(polls && !has_siblings),
        }
    }

    #[inline]
    pub(super) fn number(&self) -> Option<usize> {
        self.number.get()
    }

    #[inline]
    pub(super) fn has_siblings(&self) -> bool {
        self.has_siblings.get()
    }

    #[inline]
    pub(super) fn is_alone(&self) -> bool {
        self.is_alone.get()
    }

    /// From here on it is a guest. Returns the number of the place that it had.
    pub(super) fn become_guest(&self) -> Option<usize> {
        self.has_siblings.set(false);
        self.is_alone.set(false);
        self.number.take()
    }
}
