//! [`TaskPanic`]: what the hook for panics learns.

use crate::scheduler::Header;
use crate::task::id::Id;
use std::any::Any;
use std::fmt;
use std::panic::Location;

/// A task has panicked: what [`Builder::on_task_panic`](crate::Builder::on_task_panic) is told.
pub struct TaskPanic<'a> {
    task: &'a Header,
    name: Option<String>,
    payload: &'a (dyn Any + Send),
}

impl<'a> TaskPanic<'a> {
    pub(crate) fn new(task: &'a Header, payload: &'a (dyn Any + Send)) -> Self {
        let name = task.name();
        Self {
            task,
            name,
            payload,
        }
    }

    /// The task's number.
    #[must_use]
    pub fn id(&self) -> Id {
        self.task.id
    }

    /// The name that it was [given](crate::runtime::tasks::Builder::name).
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The call that spawned it.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.task.location
    }

    /// What it panicked with.
    #[must_use]
    pub fn payload(&self) -> &(dyn Any + Send) {
        self.payload
    }
}

impl fmt::Debug for TaskPanic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskPanic")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}
