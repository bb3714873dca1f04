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

mod abort_handle;
mod block_on;
mod blocking;
pub mod callbacks;
#[cfg(canary)]
#[path = "../../tests/canaries/switch.rs"]
mod canary;
mod crew;
mod driver;
mod forked;
mod guests;
mod idle;
mod join_error;
mod join_handle;
mod join_set;
mod local;
mod names;
mod owned;
mod paused;
mod pinned;
mod runtime;
mod seat;
mod settings;
mod shared;
mod shared_queue;
mod shrink;
mod spawn;
mod sync;
mod task;
pub mod tasks;
#[cfg(all(any(test, debug_assertions), not(loom)))]
mod validate;
mod watch;
mod worker;
mod yield_now;

pub use abort_handle::AbortHandle;
pub use block_on::block_on;
pub use join_error::JoinError;
pub use join_handle::JoinHandle;
pub use join_set::{JoinNext, JoinSet};
pub use paused::{Advance, advance};
pub use runtime::{
    Builder, EnterGuard, Handle, Runtime, RuntimeMetrics, ShutdownReport, TaskInfo, TaskPanic,
    TryCurrentError, WorkerMetrics,
};
pub use spawn::{spawn, spawn_blocking, spawn_local};
pub use yield_now::{YieldNow, yield_now};
