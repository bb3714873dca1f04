//! The end of tasks that are not polled any more: their futures are dropped on the thread that ends them.

use super::unstarted::Unstarted;
use super::{OwnedTasks, TaskPtr};
use crate::shrink;
use crate::task::header::release;
use crate::task::snapshot::Shutdown;
use std::cell::{Cell, RefCell};

/// Takes no more tasks into a list, and ends those that are in it, on this thread.
pub(crate) fn drain(list: &OwnedTasks) {
    drain_listing(list, None);
}

/// The same. `unstarted` learns of the jobs that are ended so and have not started.
pub(super) fn drain_listing(list: &OwnedTasks, unstarted: Option<&Unstarted>) {
    list.close();
    while let Some(task) = list.pop() {
        // SAFETY: the list's reference, which is ours, keeps the task alive.
        let header = unsafe { task.as_ref() };
        let job = unstarted.and_then(|unstarted| Some((unstarted, unstarted.describe(header)?)));
        if end(task) == Shutdown::Claimed
            && let Some((unstarted, job)) = job
        {
            unstarted.add(job);
        }
    }
}

/// How deep [`end`] goes into itself.
const MOST_NESTED: u32 = 16;

thread_local! {
    /// How many calls of [`end`] this thread is in.
    static NESTED: Cell<u32> = const { Cell::new(0) };
    /// The claimed tasks whose futures are to be dropped by the innermost of them.
    static TO_END: RefCell<Vec<TaskPtr>> = const { RefCell::new(Vec::new()) };
}

/// Drops a task's future, unless it is running or over, and gives up a reference: the list's, or that of a queue. Says whether it was this
/// call that has ended the task.
///
/// A destructor may spawn a task, which is refused and ended, or abort a job, and the destructor of that another, and so on. From some depth
/// on to drop it is left to the call around, so that the stack does not grow with them.
pub(super) fn end(task: TaskPtr) -> Shutdown {
    // SAFETY: the reference, which is ours, keeps the task alive.
    let header = unsafe { task.as_ref() };
    let ended = header.state.shutdown();
    match ended {
        Shutdown::Claimed => cancel(task),
        // SAFETY: the reference is ours, and not used after.
        Shutdown::Left => unsafe { release(task, 1) },
    }
    ended
}

/// Drops the future of a task that [`end`] has claimed.
fn cancel(task: TaskPtr) {
    /// Dropped, it is back where it was, also by a panic.
    struct Nested(u32);

    impl Drop for Nested {
        fn drop(&mut self) {
            NESTED.set(self.0);
        }
    }

    let nested = NESTED.get();
    if nested >= MOST_NESTED {
        // It fails while the thread's own destructors run: then there it is ended.
        if TO_END
            .try_with(|tasks| tasks.borrow_mut().push(task))
            .is_ok()
        {
            return;
        }
    }
    let _nested = Nested(nested);
    NESTED.set(nested + 1);
    cancel_now(task);
    while let Ok(Some(left)) = TO_END.try_with(|tasks| pop(&mut tasks.borrow_mut())) {
        cancel_now(left);
    }
}

fn pop(tasks: &mut Vec<TaskPtr>) -> Option<TaskPtr> {
    let last = tasks.pop();
    shrink::vec(tasks);
    last
}

fn cancel_now(task: TaskPtr) {
    // SAFETY: the thread that has claimed the stage has a reference, which keeps the task alive.
    let cancel = unsafe { task.as_ref() }.vtable.cancel;
    // SAFETY: the stage is claimed, and the reference is given along.
    unsafe { cancel(task) }
}
