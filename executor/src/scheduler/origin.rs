//! [`Origin`]: where a task comes from, and what it is to be named.

use std::panic::Location;

pub(crate) struct Origin {
    /// The call that spawns it.
    pub(crate) location: &'static Location<'static>,
    pub(crate) name: Option<String>,
}

impl Origin {
    /// Of a task without a name, spawned where this function's caller was called.
    #[inline]
    #[track_caller]
    pub(crate) fn here() -> Self {
        Self {
            location: Location::caller(),
            name: None,
        }
    }

    pub(crate) fn named(self, name: Option<String>) -> Self {
        Self { name, ..self }
    }
}
