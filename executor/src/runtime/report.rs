//! [`ShutdownReport`]: what a runtime was doing when it was ended.

use super::handle::Handle;
use crate::scheduler::AbortHandle;
use crate::scheduler::shared::Shared;
use crate::scheduler::task_info::TaskInfo;
use std::sync::Arc;
use std::time::Instant;
use waterwheel_reactor::sys::clock::real_now;

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
    /// The blocking jobs that had not started, and have been dropped. Their handles say that they were cancelled.
    pub unstarted: Vec<TaskInfo>,
}

impl ShutdownReport {
    /// Whether everything had ended by the deadline: every future is dropped, and no job runs.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stuck.is_empty() && self.blocking.is_empty()
    }
}

/// The real time at which a deadline comes that is an instant of the caller's clock, which may be paused.
///
/// What a shutdown waits for is polls and jobs that run, and no virtual clock moves while anything runs.
fn real_deadline(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(waterwheel_timer::now());
    // What overflows is as far away as the deadline is.
    real_now().checked_add(left).unwrap_or(deadline)
}

pub(super) fn shut_down(shared: &Arc<Shared>, deadline: Instant) -> ShutdownReport {
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
    let deadline = real_deadline(deadline);
    let mut alive = Vec::new();
    shared
        .threads
        .shut_down(shared, Some(deadline), &mut |present| {
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
