//! [`Rested`]: whether a worker has rested, and whether this is a child of the process that it works in.
//!
//! A worker looks at both before each poll, by one comparison: with the number of the process, or, when it has rested, with one that no process
//! has.

use std::cell::Cell;
use waterwheel_reactor::sys::fork::{Process, Watch};

/// No process has this number.
const RESTED: u32 = u32::MAX;

pub(super) struct Rested {
    process: Watch,
    expected: Cell<u32>,
}

impl Rested {
    pub(super) fn new(process: Process, rested: bool) -> Self {
        let new = Self {
            process: process.watch(),
            expected: Cell::new(RESTED),
        };
        new.set(rested);
        new
    }

    pub(super) fn set(&self, rested: bool) {
        let expected = if rested {
            RESTED
        } else {
            self.process.expected()
        };
        self.expected.set(expected);
    }

    #[inline]
    pub(super) fn has_rested_or_forked(&self) -> bool {
        !self.process.finds(self.expected.get())
    }

    pub(super) fn has_forked(&self) -> bool {
        self.process.has_forked()
    }
}
