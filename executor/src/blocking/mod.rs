//! Blocking work: what [`spawn_blocking`](crate::spawn_blocking) runs, and the threads that run it.
//!
//! | module | what is there |
//! |---|---|
//! | `job` | [`Job`](job::Job): a closure as a future, so that a job is a task |
//! | `queue` | [`JobQueue`](queue::JobQueue): the jobs that wait; one can be taken out of the middle |
//! | `state` | what a pool knows under its lock: pure data |
//! | `pool` | [`Pool`](pool::Pool): threads that come and go with the work |
//! | `abandoned` | the end of a child that was forked on a thread of the pool |
//!
//! # A job is a task
//!
//! Its future is a [`Job`](job::Job), which runs the closure when it is polled, and is ready then: always. So the protocol of
//! the [`task`](crate::task) holds as it stands, and output, panic, cancellation, join handle and memory need no second
//! mechanism. What is special follows from «it never pends»:
//!
//! - **It is queued once**, by the one who spawns it, and here. Nobody gets a waker of it, as its poll gives none away; it is
//!   notified until it starts, running until it is complete, and so at no time idle, when `abort` would queue it. Therefore
//!   waking and scheduling know nothing of jobs, and ordinary tasks pay nothing for them.
//! - **Started is too late.** `abort` and the end of the runtime find it running, and leave a mark that nobody looks at.
//! - **It may be dropped anywhere** (T6): a closure is `Send`. It is dropped by the thread that aborts it while it is queued, by a
//!   thread of the pool that has taken it before, or, at the end of the runtime, by the thread that claims it.
//!
//! # The end of a runtime
//!
//! A job is in the runtime's list, like every task. First the pool is closed: what is queued is taken out, and no thread
//! takes another job. Then the list is emptied, which drops the closure of every job that has not started, and leaves those that
//! run. A job that a thread has taken and not yet started is a race for RUNNING (T1), which one of them wins: it
//! runs, or it is dropped. A thread that has nothing left to do ends. Nobody waits for it: it holds the pool, and its job holds the
//! runtime's [`Shared`](crate::scheduler::shared::Shared), descriptors included, until it is over.

pub(crate) mod abandoned;
pub(crate) mod job;
pub(crate) mod pool;
pub(crate) mod queue;
mod state;

#[cfg(test)]
mod tests;
