//! Memory: how many bytes it takes to wait.
//!
//! What is counted is what was asked of the allocator, by any thread, and not given back: the allocator's own overhead is not in it, and
//! room that is kept for more is. In pages, which one workload counts, both are. Each workload is a file here and a line in [`all`].

mod idle_task;
mod idle_task_pages;
mod pending_sleep;

pub(crate) use idle_task_pages::run_as_child;

use super::{Entry, timer};

pub(super) const GROUP: &str = "memory";

/// Every workload of the group, in the order in which they run.
pub(super) fn all() -> Vec<Entry> {
    let pending_sleep = Entry {
        group: GROUP,
        ..timer::entry::<pending_sleep::PendingSleep>()
    };
    vec![idle_task::entry(), idle_task_pages::entry(), pending_sleep]
}
