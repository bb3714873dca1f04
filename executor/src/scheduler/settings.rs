//! [`Settings`]: what a runtime is made to be.

use crate::blocking::pool;
use crate::scheduler::task_panic::TaskPanic;
use crate::task::harness::{contain_panic, drop_quietly};
use std::ops::Deref;
use std::sync::Arc;

/// How many polls a worker makes at most before it turns its driver, if nothing else is asked for: a task that wakes itself for
/// ever starves neither sockets nor timers (tokio#8212).
pub(crate) const EVENT_INTERVAL: u32 = 61;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) seats: usize,
    pub(crate) event_interval: u32,
    /// Whether time stands still while anything can run.
    pub(crate) paused_time: bool,
    pub(crate) thread_name: String,
    pub(crate) thread_stack_size: Option<usize>,
    pub(crate) blocking: pool::Settings,
    pub(crate) hooks: Hooks,
}

type OnThread = Hook<dyn Fn() + Send + Sync>;
type OnTaskPanic = Hook<dyn Fn(&TaskPanic<'_>) + Send + Sync>;

/// A function of the user's, and what it has captured.
///
/// The last reference to a runtime may be a waker's, a join handle's, a queue's or an ending thread's, and with it goes this. A panic in the
/// destructor of what is captured, which the panic hook tells of, must not unwind out of these: it is caught here.
pub(crate) struct Hook<F: ?Sized> {
    /// `None` only while it is dropped.
    function: Option<Arc<F>>,
}

impl<F: ?Sized> Hook<F> {
    pub(crate) fn new(function: Arc<F>) -> Self {
        Self {
            function: Some(function),
        }
    }
}

impl<F: ?Sized> Deref for Hook<F> {
    type Target = F;

    fn deref(&self) -> &F {
        self.function.as_ref().expect("it is not being dropped")
    }
}

impl<F: ?Sized> Clone for Hook<F> {
    fn clone(&self) -> Self {
        Self {
            function: self.function.clone(),
        }
    }
}

impl<F: ?Sized> Drop for Hook<F> {
    fn drop(&mut self) {
        drop_quietly(self.function.take());
    }
}

/// What the user wants to be told of.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) thread_start: Option<OnThread>,
    pub(crate) thread_stop: Option<OnThread>,
    pub(crate) task_panic: Option<OnTaskPanic>,
}

impl Settings {
    pub(crate) fn for_seats(seats: usize) -> Self {
        Self {
            seats,
            event_interval: EVENT_INTERVAL,
            paused_time: false,
            thread_name: "waterwheel-worker".to_owned(),
            thread_stack_size: None,
            blocking: pool::Settings::default(),
            hooks: Hooks::default(),
        }
    }
}

impl Hooks {
    /// Tells that a thread has started, and, when dropped, that it stops. A hook that panics, which the panic hook tells of, keeps no
    /// thread from its work.
    pub(crate) fn around_thread(&self) -> impl Drop + use<> {
        struct Stop(Option<OnThread>);

        impl Drop for Stop {
            fn drop(&mut self) {
                run(&self.0);
            }
        }

        run(&self.thread_start);
        Stop(self.thread_stop.clone())
    }
}

fn run(hook: &Option<OnThread>) {
    if let Some(hook) = hook {
        contain_panic(&**hook);
    }
}
