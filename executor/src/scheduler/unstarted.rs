//! [`Unstarted`]: the jobs that the end of a runtime drops before they have started.

use crate::scheduler::Header;
use crate::scheduler::task_info::TaskInfo;
use crate::sync::{Mutex, lock};
use std::mem;

/// Collects them for the report of a shutdown, if one was asked for.
#[derive(Default)]
pub(crate) struct Unstarted {
    jobs: Mutex<Option<Vec<TaskInfo>>>,
}

impl Unstarted {
    /// From here on they are collected.
    pub(crate) fn collect(&self) {
        *lock(&self.jobs) = Some(Vec::new());
    }

    /// What is to be said of a task that is about to be dropped, if it is a job, and somebody wants to know.
    pub(crate) fn describe(&self, task: &Header) -> Option<TaskInfo> {
        let is_wanted = task.vtable.kind.is_job() && lock(&self.jobs).is_some();
        is_wanted.then(|| TaskInfo::of(task))
    }

    pub(crate) fn add(&self, job: TaskInfo) {
        if let Some(jobs) = &mut *lock(&self.jobs) {
            jobs.push(job);
        }
    }

    /// Those that were collected. From here on none are.
    pub(crate) fn take(&self) -> Vec<TaskInfo> {
        mem::take(&mut *lock(&self.jobs)).unwrap_or_default()
    }
}
