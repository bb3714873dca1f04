//! [`ShutdownReport`]: what a runtime was doing when it was ended.

use super::handle::Handle;
use crate::scheduler::AbortHandle;
use crate::scheduler::shared::Shared;
use crate::scheduler::task_info::TaskInfo;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_reactor::sys::clock::real_now;

/// What was left when a runtime was [shut down](crate::Runtime::shutdown).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The tasks that were alive when the shutdown began, and have been cancelled.
    pub tasks: Vec<TaskInfo>,
    /// Those of them whose poll had not returned when the time was over. Their futures are dropped when it does.
    pub stuck: Vec<TaskInfo>,
    /// The blocking jobs that were still running when the time was over.
    pub blocking: Vec<TaskInfo>,
    /// The blocking jobs that had not started, and have been dropped. Their handles say that they were cancelled.
    pub unstarted: Vec<TaskInfo>,
}

impl ShutdownReport {
    /// Whether everything had ended in time: every future is dropped, and no job runs.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stuck.is_empty() && self.blocking.is_empty()
    }
}

/// Ends the runtime, and waits `within` that time for what runs.
///
/// The time is real also where time is paused: a shutdown waits for polls and jobs that run, and no virtual clock moves while anything runs.
pub(super) fn shut_down(shared: &Arc<Shared>, within: Duration) -> ShutdownReport {
    // A sum that overflows is no deadline: the wait takes as long as it takes.
    let deadline = real_now().checked_add(within);
    if !shared.is_here() {
        return ShutdownReport {
            tasks: Vec::new(),
            stuck: Vec::new(),
            blocking: Vec::new(),
            unstarted: Vec::new(),
        };
    }
    // What destructors spawn is refused, and not an error.
    let _entered = Handle::new(Arc::clone(shared)).enter();
    let mut alive = Vec::new();
    shared.threads.shut_down(shared, deadline, &mut |present| {
        shared.unstarted.collect();
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
        unstarted: shared.unstarted.take(),
    }
}
