//! A task: a spawned future, in one allocation, shared by whoever may wake, run or await it.
//!
//! ```text
//! Box<Cell<F>>   ┌ Header ────────────────────────────────────────────────────┬ Stage<F> ─────┐
//!                │ state · vtable · scheduler · queue link · owned links       │ Running(F)    │
//!                │ join waker · id · where it was spawned                      │ Finished(out) │
//!                │                                                             │ Consumed      │
//!                └─────────────────────────────────────────────────────────────┴───────────────┘
//! ```
//!
//! | file | what is there |
//! |---|---|
//! | `snapshot`, `state` | the state word: every transition, pure; and the word that applies them |
//! | `header`, `cell`, `memory` | a task in memory: the part that knows no future, the whole, and where it is allocated |
//! | `harness` | run, cancel, complete: what happens to a task, for the type of its future |
//! | `schedule` | [`Schedule`](schedule::Schedule): what a task needs of its scheduler |
//! | `task`, `waker` | a task that is ready, as queues hold it; its wakers |
//! | `join_handle`, `abort_handle`, `join_error` | the handles, and what they give when a task has no output |
//! | `owned` | the lists of the tasks that are alive |
//! | `id` | the numbers of tasks, and which one runs on this thread |
//!
//! # Who holds a reference
//!
//! | holder | type | how many | gives it up |
//! |---|---|---|---|
//! | the list of its runtime, or of its home | [`OwnedTasks`](crate::task::owned::OwnedTasks) | 1 | when the task completes |
//! | a queue, or the thread that runs it | [`Task`](task::Task) | ≤ 1, there while NOTIFIED or RUNNING | when the poll pends or the task completes |
//! | the join handle | [`JoinHandle`](crate::JoinHandle) | ≤ 1 | when dropped |
//! | an abort handle | [`AbortHandle`](crate::AbortHandle) | any | when dropped |
//! | a waker | [`Waker`](std::task::Waker) | any | when dropped; `wake` hands it to the queue |
//!
//! # Life
//!
//! ```text
//!  spawn                 start              pend: nobody woke it
//! ───────► NOTIFIED ─────────────► RUNNING ─────────────────────► idle
//!             ▲                     │   ▲                           │
//!             │  pend: woken while  │   │ shutdown (claims it)      │ wake, abort
//!             ├─────────────────────┘   └───────────────────────────┤
//!             └─────────────────────────────────────────────────────┘
//!          RUNNING ── complete ──► COMPLETE      (for ever)
//! ```
//!
//! # Rules
//!
//! The code cites these by number. All transitions are in [`snapshot`], pure, and explored exhaustively
//! there; [`state`] makes them atomic.
//!
//! - **T1. Running is a lock.** While RUNNING is set, whoever set it (by `start` or by `shutdown`) alone may touch the
//!   stage. It is released by `pend` or `complete`, both with release ordering, and taken with acquire ordering.
//! - **T2. Woken means queued or running.** The one who sets NOTIFIED on an idle task owes the queue a [`Task`](task::Task).
//!   NOTIFIED set during RUNNING is owed by the runner, when it pends.
//! - **T3. Every wake publishes.** A wake is a read-modify-write with release ordering even if the task is notified
//!   already: what the waker's owner did before it is seen by the poll that follows.
//! - **T4. The output has one owner.** `complete` decides: with JOIN_INTEREST in that moment, the join handle owns the
//!   stage from then on; without, the completer does, and drops the output.
//! - **T5. The join waker has one owner.** While JOIN_WAKER is clear, the join handle alone may touch the field. While it
//!   is set and the task is not complete, nobody may. `complete` with JOIN_WAKER set gives the field to the completer, for
//!   ever: a join handle that sees COMPLETE leaves it alone.
//! - **T6. A future is dropped where it may be.** Only under RUNNING. A worker of its runtime drops it, or the thread that ends the runtime. A
//!   task that is pinned to a thread is dropped by that thread alone. A [blocking job](crate::blocking) may also be dropped by a thread of the
//!   pool, or, while it is queued, by the thread that aborts it. No waker ever drops a future, nor does a handle or a queue that is dropped.
//!   When the last reference goes, the stage is Consumed.
//! - **T7. Panics stay.** No panic of user code (poll, the destructors of future and output, the join waker)
//!   leaves the harness: it becomes the task's [`JoinError`](crate::JoinError), or, where nobody asks any more, is dropped.
//! - **T8. Who gives up all references is alone.** A reference is made from another, and a task is reached by one only. So who is about to
//!   give up as many as the word counts, by an acquiring load, need not change it: nobody else will look at it again.

pub(crate) mod abort_handle;
pub(crate) mod cell;
pub(crate) mod harness;
pub(crate) mod header;
pub(crate) mod id;
pub(crate) mod join_error;
pub(crate) mod join_handle;
pub(crate) mod memory;
pub(crate) mod owned;
pub(crate) mod schedule;
pub(crate) mod snapshot;
#[cfg(all(test, not(loom)))]
pub(crate) mod stand_in;
pub(crate) mod state;
#[expect(
    clippy::module_inception,
    reason = "`Task` is in the file that bears its name"
)]
pub(crate) mod task;
pub(crate) mod waker;

#[cfg(all(test, not(loom)))]
mod tests;
