//! What the parties of a run have met.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of which connection, or other part of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What comes before all others, without which there are none.
    Setup,
    Number(u8),
    /// A connection that broke before it said its number.
    Unknown,
}

/// Written by all, and read when all have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Errors that ended a part.
    pub(crate) failed: Vec<(Part, io::Error)>,
    /// Errors after which it went on.
    pub(crate) told: Vec<io::Error>,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a part has ended.
    pub(crate) fn ended(&self, part: Part, result: io::Result<()>) {
        if let Err(error) = result {
            self.entries().failed.push((part, error));
        }
    }

    /// Notes an error that is no reason to end.
    pub(crate) fn told(&self, error: io::Error) {
        let mut entries = self.entries();
        entries.told.push(error);
        assert!(entries.told.len() < 100, "it does not get over its errors");
    }

    /// How many such errors there were.
    pub(crate) fn times_told(&self) -> usize {
        self.entries().told.len()
    }

    pub(crate) fn take(&self) -> Entries {
        std::mem::take(&mut self.entries())
    }
}

impl Entries {
    /// The parts that have failed, each once, without those that are unknown.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for &(part, _) in &self.failed {
            if part != Part::Unknown && !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts
    }
}

/// The kernel's number of an error, or of what it says is the reason.
pub(crate) fn code_of(error: &io::Error) -> Option<i32> {
    let mut error: &(dyn Error + 'static) = error;
    loop {
        if let Some(code) = error.downcast_ref().and_then(io::Error::raw_os_error) {
            return Some(code);
        }
        // `source` of an `io::Error` passes over the error that it holds.
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        error = match held {
            Some(held) => held,
            None => error.source()?,
        };
    }
}
