//! The executor of Waterwheel: tasks, their wakers and handles, and the loop that runs them between turns of the driver.
//!
//! A program reaches what is here by way of the crate `waterwheel`: [`block_on`], [`spawn`], [`spawn_local`], [`spawn_blocking`] and
//! [`JoinHandle`]; [`JoinSet`]; [`Runtime`], [`Builder`] and [`Handle`]; [`tasks`], which is `waterwheel::task`. What their methods
//! return, to be awaited, is in [`futures`].

// The rooms, from top to bottom; what is in a room uses what is below it, and nothing above:
//
// | room | what is there |
// |---|---|
// | `futures` | the future types that a program seldom names, gathered from below |
// | `join_set`, `time` | tasks that are awaited together; callbacks and the paused clock |
// | `runtime` | what users hold: `Runtime`, `Builder`, `Handle`, `JoinHandle`, `block_on`, `spawn`; reports and metrics |
// | `scheduler` | which thread runs which task, and when a thread sleeps |
// | `blocking` | the threads that may block, and the jobs for them |
// | `hooks`, `queue` | functions of the user's; what holds tasks until a worker runs them |
// | `task` | the task itself: protocol, state word, waker, handles; it knows a trait of its scheduler |
// | `sync`, `shrink`, `validate` | the primitives that models replace; lists that give memory back; how queues check themselves |

mod blocking;
pub mod futures;
mod hooks;
mod join_set;
mod queue;
mod runtime;
mod scheduler;
mod shrink;
mod sync;
mod task;
mod time;
#[cfg(all(any(test, debug_assertions), not(loom)))]
mod validate;

pub use join_set::JoinSet;
pub use runtime::abort_handle::AbortHandle;
pub use runtime::block_on::block_on;
pub use runtime::join_handle::JoinHandle;
pub use runtime::spawn::{spawn, spawn_blocking, spawn_local};
pub use runtime::tasks;
pub use runtime::yield_now::yield_now;
pub use runtime::{
    Builder, EnterGuard, Handle, Runtime, RuntimeMetrics, ShutdownReport, TaskInfo, TaskPanic,
    TryCurrentError, WorkerMetrics,
};
pub use task::join_error::JoinError;
pub use time::{advance, callbacks};
