//! The scheduler: which thread runs which task, and when a thread sleeps.
//!
//! | file | what is there |
//! |---|---|
//! | `shared` | [`Shared`](shared::Shared): what a runtime's tasks, wakers and handles reach from any thread |
//! | `spawning`, `ending` | how a future becomes a task, and how a task ends that is not polled any more |
//! | `worker` | [`Worker`](worker::Worker): the loop, and the thread-local by which a thread knows its worker |
//! | `slot` | [`Slot`](slot::Slot): what other threads reach of a worker: its queues, its driver, its counters |
//! | `binding` | [`Binding`]: which runtime a task is of, and which thread: what a task knows of the scheduler |
//! | `local_tasks` | [`LocalTasks`](local_tasks::LocalTasks): what other threads reach of the tasks that are pinned to a thread |
//! | `driver` | [`Driver`](driver::Driver): a reactor and the timers beside it |
//! | `idle` | [`Idle`](idle::Idle): which workers sleep, which search, and which one to wake |
//! | `watch` | [`Watch`](watch::Watch): how a stuck worker is found |
//! | `threads` | the threads of a runtime, and which of them has the first slot |
//! | `paused` | [`Paused`](paused::Paused): when the clock of a paused runtime moves |
//! | `entered` | which runtimes a thread has entered |
//! | `forked` | what a runtime is in a child of its process |
//! | `settings`, `task_panic` | what a runtime is made to be; its hooks and what they are told |
//! | `names`, `origin`, `task_info`, `unstarted` | what reports tell of tasks |

pub(crate) mod binding;
pub(crate) mod driver;
mod ending;
pub(crate) mod entered;
pub(crate) mod forked;
pub(crate) mod idle;
pub(crate) mod local_tasks;
pub(crate) mod names;
pub(crate) mod origin;
pub(crate) mod paused;
pub(crate) mod settings;
pub(crate) mod shared;
pub(crate) mod slot;
mod spawning;
pub(crate) mod task_info;
pub(crate) mod task_panic;
pub(crate) mod threads;
pub(crate) mod unstarted;
pub(crate) mod watch;
pub(crate) mod worker;

use binding::Binding;

pub(crate) type AbortHandle = crate::task::abort_handle::AbortHandle<Binding>;
pub(crate) type Header = crate::task::header::Header<Binding>;
pub(crate) type JoinHandle<T> = crate::task::join_handle::JoinHandle<T, Binding>;
pub(crate) type LifoSlot = crate::queue::lifo::LifoSlot<Binding>;
pub(crate) type OwnedTasks = crate::task::owned::OwnedTasks<Binding>;
pub(crate) type PinnedQueue = crate::queue::pinned::PinnedQueue<Binding>;
pub(crate) type Pool = crate::blocking::pool::Pool<Binding>;
pub(crate) type Ring = crate::queue::ring::Ring<Binding>;
pub(crate) type SharedQueue = crate::queue::shared::SharedQueue<Binding>;
pub(crate) type Task = crate::task::task::Task<Binding>;
pub(crate) type TaskQueue = crate::queue::list::TaskQueue<Binding>;
pub(crate) type TaskPtr = crate::task::header::TaskPtr<Binding>;
