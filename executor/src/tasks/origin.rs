//! [`Origin`]: where a task comes from, and what it was named.

use std::panic::Location;

pub(crate) struct Origin {
    /// The call that spawned it.
    pub(crate) location: &'static Location<'static>,
    /// Boxed twice, as few tasks have one: those that have none pay one word.
    name: Option<Box<Box<str>>>,
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
        let name = name.map(|name| Box::new(name.into_boxed_str()));
        Self { name, ..self }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| &***name)
    }
}
