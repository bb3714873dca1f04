//! [`ShutdownReport`]: what a runtime was doing when it was ended.

use super::handle::Handle;
use crate::AbortHandle;
use crate::shared::Shared;
use crate::task::header::Header;
use crate::tasks::Id;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

/// What was left when a runtime was [shut down](crate::Runtime::shutdown).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The tasks that were alive when the shutdown began, and have been cancelled.
    pub tasks: Vec<TaskInfo>,
    /// Those of them whose poll had not returned by the deadline. Their futures are dropped when it does.
    pub stuck: Vec<TaskInfo>,
    /// The blocking jobs that were still running at the deadline.
    pub blocking: Vec<TaskInfo>,
}

impl ShutdownReport {
    /// Whether everything had ended by the deadline: every future is dropped, and no job runs.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stuck.is_empty() && self.blocking.is_empty()
    }
}

/// Which task it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its number.
    pub id: Id,
    /// The name that it was [given](crate::tasks::Builder::name).
    pub name: Option<String>,
    /// The call that spawned it.
    pub location: &'static Location<'static>,
}

impl TaskInfo {
    fn of(header: &Header) -> Self {
        Self {
            id: header.id,
            name: header.name(),
            location: header.location,
        }
    }
}

pub(super) fn shut_down(shared: &Arc<Shared>, deadline: Instant) -> ShutdownReport {
    // What destructors spawn is refused, and not an error.
    let _entered = Handle::new(Arc::clone(shared)).enter();
    let mut alive = Vec::new();
    shared
        .crew
        .shut_down(shared, Some(deadline), &mut |present| {
            for local in present {
                alive.append(&mut local.owned.handles());
            }
            for list in shared.owned.iter() {
                alive.append(&mut list.handles());
            }
        });
    shared.blocking.wait_until_idle(deadline);
    let running = |task: &&AbortHandle| !task.is_finished();
    let (jobs, tasks): (Vec<_>, Vec<_>) = alive
        .into_iter()
        .partition(|task| task.header().vtable.kind.is_job());
    let info = |task: &AbortHandle| TaskInfo::of(task.header());
    ShutdownReport {
        stuck: tasks.iter().filter(running).map(info).collect(),
        blocking: jobs.iter().filter(running).map(info).collect(),
        tasks: tasks.iter().map(info).collect(),
    }
}
