//! [`Schedule`]: what a task needs of the scheduler that it lives in.

use super::header::Header;
use super::id::Id;
use super::memory::Blocks;
use super::owned::OwnedTasks;
use super::task::Task;
use std::any::Any;
use std::task::RawWakerVTable;

/// A scheduler, as a task knows it: a value in each task's header. It may be as small as a reference to what all tasks share.
///
/// Everything here is called without a lock, and on any thread unless a function says otherwise.
pub(crate) trait Schedule: Sized + Send + Sync + 'static {
    /// Queues a task that has been woken.
    fn schedule(task: Task<Self>);

    /// Queues a task that has been woken in its own poll: behind all others.
    fn reschedule(task: Task<Self>);

    /// The list that has the task while it is not complete: the same one at all times.
    fn owner(&self, id: Id) -> &OwnedTasks<Self>;

    /// The future of `task` has panicked. Called on the thread that polled or dropped it, before the panic becomes the task's output.
    fn panicked(&self, task: &Header<Self>, payload: &(dyn Any + Send));

    /// A task that is a job was aborted before it ended. If it is still queued, the scheduler may end it here and now.
    fn abort_job(&self, job: &Header<Self>);

    /// The name of a task that has one.
    fn name(&self, id: Id) -> Option<String>;

    /// A task that has a name is about to be freed.
    fn forget_name(&self, id: Id);

    /// Called before a task is awaited that is not complete.
    ///
    /// # Panics
    ///
    /// When it will never be.
    fn assert_runs(&self);

    /// The table for wakers of this scheduler's tasks: one static made by [`waker::vtable`](super::waker::vtable), so that two wakers of a task
    /// are known to be the same by their addresses.
    fn waker_vtable() -> &'static RawWakerVTable;

    /// What this thread keeps of the memory of tasks that have ended.
    ///
    /// # Safety
    ///
    /// The caller drops the reference before any code of others runs on this thread.
    unsafe fn blocks<'a>() -> Option<&'a Blocks>;
}
