//! What `src/sys/fork.rs` is to the crate, where nobody forks.

/// There is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process;

#[allow(dead_code, reason = "each model uses its own part")]
impl Process {
    pub(crate) fn current() -> Self {
        Self
    }

    pub(crate) fn is_current(self) -> bool {
        true
    }
}

#[derive(Debug)]
pub(crate) struct Owner;

impl Owner {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn is_current(&self) -> bool {
        true
    }
}
