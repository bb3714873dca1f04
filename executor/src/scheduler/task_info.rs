//! [`TaskInfo`]: what a report tells of a task.

use crate::scheduler::Header;
use crate::task::id::Id;
use std::panic::Location;

/// Which task it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its number.
    pub id: Id,
    /// The name that it was [given](crate::runtime::tasks::Builder::name).
    pub name: Option<String>,
    /// The call that spawned it.
    pub location: &'static Location<'static>,
}

impl TaskInfo {
    pub(crate) fn of(header: &Header) -> Self {
        Self {
            id: header.id,
            name: header.name(),
            location: header.location,
        }
    }
}
