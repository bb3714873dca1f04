//! The executor of Waterwheel: tasks, their wakers and handles, and the loop that runs them between turns of the driver.
//!
//! | module | what is there |
//! |---|---|
//! | `block_on` | [`block_on`]: a runtime of one seat, around a future |
//! | `spawn`, `yield_now` | [`spawn`], [`spawn_local`], [`spawn_blocking`], [`yield_now`] |
//! | `join_handle`, `join_error` | [`JoinHandle`], [`JoinError`] |
//! | `abort_handle` | [`AbortHandle`] |
//! | `join_set` | [`JoinSet`]: tasks that are awaited together |
//! | `worker` | the loop's parts, and the thread-local by which a thread knows its worker |
//! | `driver` | a reactor and the timers beside it |
//! | `shared` | what is reached from any thread: spawn, schedule, shut down |
//! | `injection` | tasks made ready by other threads |
//! | `blocking` | the threads that may block, and the jobs for them |
//! | `owned` | all tasks alive, so that shutdown is total |
//! | `task` | the task itself: its protocol, state word, waker and harness |

mod abort_handle;
mod block_on;
mod blocking;
mod driver;
mod injection;
mod join_error;
mod join_handle;
mod join_set;
mod owned;
mod shared;
mod spawn;
mod sync;
mod task;
mod worker;
mod yield_now;

pub use abort_handle::AbortHandle;
pub use block_on::block_on;
pub use join_error::JoinError;
pub use join_handle::JoinHandle;
pub use join_set::{JoinNext, JoinSet};
pub use spawn::{spawn, spawn_blocking, spawn_local};
pub use yield_now::{YieldNow, yield_now};
