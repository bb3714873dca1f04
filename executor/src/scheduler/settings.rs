//! [`Settings`]: what a runtime is made to be.

use crate::blocking::pool;
use crate::hooks::{Hook, ThreadHooks};
use crate::scheduler::task_panic::TaskPanic;

/// How many polls a worker makes at most before it turns its driver, if nothing else is asked for: a task that wakes itself for
/// ever starves neither sockets nor timers (tokio#8212).
pub(crate) const EVENT_INTERVAL: u32 = 61;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) event_interval: u32,
    /// Whether time stands still while anything can run.
    pub(crate) paused_time: bool,
    pub(crate) thread_name: String,
    pub(crate) thread_stack_size: Option<usize>,
    pub(crate) blocking: pool::Settings,
    pub(crate) hooks: Hooks,
}

type OnTaskPanic = Hook<dyn Fn(&TaskPanic<'_>) + Send + Sync>;

/// What the user wants to be told of.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) thread: ThreadHooks,
    pub(crate) task_panic: Option<OnTaskPanic>,
}

impl Settings {
    pub(crate) fn for_workers(workers: usize) -> Self {
        Self {
            workers,
            event_interval: EVENT_INTERVAL,
            paused_time: false,
            thread_name: "waterwheel-worker".to_owned(),
            thread_stack_size: None,
            blocking: pool::Settings::default(),
            hooks: Hooks::default(),
        }
    }
}
