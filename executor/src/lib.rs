//! The executor of Waterwheel: tasks, their wakers and handles, and the loop that runs them between turns of the driver.
//!
//! | module | what is there |
//! |---|---|
//! | `block_on` | [`block_on`]: a runtime of one seat, around a future |
//! | `runtime` | [`Runtime`], [`Builder`], [`Handle`]; its report and its metrics |
//! | `spawn`, `yield_now` | [`spawn`], [`spawn_local`], [`spawn_blocking`], [`yield_now`] |
//! | `join_handle`, `join_error` | [`JoinHandle`], [`JoinError`] |
//! | [`callbacks`] | `run_after` and its kin: `waterwheel::timer::run_after` |
//! | `abort_handle` | [`AbortHandle`] |
//! | `join_set` | [`JoinSet`]: tasks that are awaited together |
//! | [`tasks`] | names and identities of tasks: `waterwheel::task` |
//! | `worker` | the loop, and the thread-local by which a thread knows its worker |
//! | `seat` | what others reach of a worker: its queues, its driver, its counters |
//! | `local` | what others reach of the tasks that are pinned to a thread |
//! | `driver` | a reactor and the timers beside it |
//! | `shared` | what is reached from any thread: spawn, schedule, end |
//! | `shared_queue` | tasks behind a lock: the injection queue, for one |
//! | `idle` | who sleeps, who searches, and whom to wake |
//! | `watch` | who looks after workers that are stuck |
//! | `crew`, `guests` | the threads, who has the first seat, and who has none |
//! | `settings` | what a runtime is made to be |
//! | `forked` | what a runtime is in a child of its process |
//! | `paused` | when the clock moves of a runtime whose time is paused; [`advance`] |
//! | `blocking` | the threads that may block, and the jobs for them |
//! | `owned`, `names` | all tasks alive, so that shutdown is total; the names of those that have one |
//! | `shrink` | how lists give memory back that they need no more |
//! | `pinned` | the ready tasks that are pinned to a thread |
//! | `validate` | how the queues and lists check themselves in debug builds |
//! | `task` | the task itself: its protocol, state word, waker and harness |

mod blocking;
#[cfg(canary)]
#[path = "../../tests/canaries/switch.rs"]
mod canary;
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

pub use join_set::{JoinNext, JoinSet};
pub use runtime::abort_handle::AbortHandle;
pub use runtime::block_on::block_on;
pub use runtime::join_handle::JoinHandle;
pub use runtime::spawn::{spawn, spawn_blocking, spawn_local};
pub use runtime::tasks;
pub use runtime::yield_now::{YieldNow, yield_now};
pub use runtime::{
    Builder, EnterGuard, Handle, Runtime, RuntimeMetrics, ShutdownReport, TaskInfo, TaskPanic,
    TryCurrentError, WorkerMetrics,
};
pub use scheduler::paused::{Advance, advance};
pub use task::join_error::JoinError;
pub use time::callbacks;
