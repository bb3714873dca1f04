//! [`Header`]: the part of a task that does not depend on its future.

use super::id::Id;
use super::owned::OwnedTasks;
use super::schedule::Schedule;
use super::snapshot::Released;
use super::state::State;
use super::task::Task;
use std::cell::UnsafeCell;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

/// A task, whatever its future: a pointer to the header at the front of its `Cell`.
///
/// It is an address and no more: whoever keeps one keeps, by the rules of the [module](super), a reference with it.
pub(crate) type TaskPtr<S> = NonNull<Header<S>>;

/// What depends on the future's type.
pub(crate) struct Vtable<S: 'static> {
    /// Polls or cancels the task. Consumes the reference of a queue.
    pub(crate) run: unsafe fn(TaskPtr<S>),
    /// Drops the future and completes the task. The caller has claimed the stage; consumes the list's reference.
    pub(crate) cancel: unsafe fn(TaskPtr<S>),
    /// Moves the output to `*mut Option<Result<T, JoinError>>`. The caller owns the stage (T4).
    pub(crate) take_output: unsafe fn(TaskPtr<S>, *mut ()),
    /// Drops the output, if it is still there. The caller owns the stage (T4).
    pub(crate) drop_output: unsafe fn(TaskPtr<S>),
    /// Frees the task. The caller has released the last reference.
    pub(crate) free: unsafe fn(TaskPtr<S>),
    pub(crate) kind: Kind,
}

pub(crate) struct Header<S: 'static> {
    pub(crate) state: State,
    pub(crate) vtable: &'static Vtable<S>,
    /// The scheduler that the task lives in, and what that knows of the task.
    pub(crate) scheduler: S,
    /// The next task in the queue. Touched only by the queue that holds the task.
    pub(crate) queue_next: UnsafeCell<Option<TaskPtr<S>>>,
    /// Neighbours in the list of its owner. Touched only under the list's lock.
    pub(crate) owned: UnsafeCell<Links<S>>,
    /// See rule T5.
    pub(crate) join_waker: UnsafeCell<Option<Waker>>,
    pub(crate) id: Id,
    /// The call that spawned it. Its name, if it has one, the scheduler knows.
    pub(crate) location: &'static Location<'static>,
}

/// What sort of task it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A future that workers poll.
    Plain,
    /// The same, with a name.
    Named,
    /// A blocking job, whose poll runs a closure, and never pends.
    Job,
    /// The same, with a name.
    NamedJob,
}

impl Kind {
    pub(crate) fn is_job(self) -> bool {
        matches!(self, Self::Job | Self::NamedJob)
    }

    pub(crate) fn is_named(self) -> bool {
        matches!(self, Self::Named | Self::NamedJob)
    }
}

/// The links of a doubly linked list.
pub(crate) struct Links<S: 'static> {
    pub(crate) previous: Option<TaskPtr<S>>,
    pub(crate) next: Option<TaskPtr<S>>,
}

impl<S: 'static> Links<S> {
    /// Those of a task that is not in the list: it is its own previous one, as none is that is in it.
    pub(crate) fn out(task: TaskPtr<S>) -> Self {
        Self {
            previous: Some(task),
            next: None,
        }
    }

    pub(crate) fn are_out(&self, task: TaskPtr<S>) -> bool {
        self.previous == Some(task)
    }
}

impl<S: Schedule> Header<S> {
    #[inline(always)]
    pub(super) fn new(
        scheduler: S,
        location: &'static Location<'static>,
        vtable: &'static Vtable<S>,
    ) -> Self {
        Self {
            state: State::new(),
            vtable,
            scheduler,
            queue_next: UnsafeCell::new(None),
            owned: UnsafeCell::new(Links {
                previous: None,
                next: None,
            }),
            join_waker: UnsafeCell::new(None),
            id: Id::next(),
            location,
        }
    }

    /// The name that it was given.
    pub(crate) fn name(&self) -> Option<String> {
        if self.vtable.kind.is_named() {
            self.scheduler.name(self.id)
        } else {
            None
        }
    }

    /// The list that has the task while it is not complete.
    pub(crate) fn owner(&self) -> &OwnedTasks<S> {
        self.scheduler.owner(self.id)
    }
}

/// Frees the task if the reference that was released was the last.
///
/// # Safety
///
/// `released` tells of a release of references to `task` that the caller has just made.
#[inline]
pub(crate) unsafe fn free_if_last<S: 'static>(task: TaskPtr<S>, released: Released) {
    if released == Released::Last {
        // SAFETY: no reference is left, so nobody else can reach the task.
        unsafe { (task.as_ref().vtable.free)(task) }
    }
}

/// Gives `count` references up, and frees the task with the last.
///
/// # Safety
///
/// The caller has these references, and uses `task` no more.
#[inline]
pub(crate) unsafe fn release<S: 'static>(task: TaskPtr<S>, count: usize) {
    // SAFETY: the caller's reference keeps the task alive up to here.
    let released = unsafe { task.as_ref() }.state.release(count);
    // SAFETY: as released just now.
    unsafe { free_if_last(task, released) }
}

/// Puts a task that has become notified into a queue of its runtime.
///
/// # Safety
///
/// The caller has a reference to give, and owes the queue the task (T2).
#[inline]
pub(crate) unsafe fn submit<S: Schedule>(task: TaskPtr<S>) {
    // SAFETY: by the caller's promise.
    let task = unsafe { Task::from_raw(task) };
    S::schedule(task);
}

/// The same for a task that was woken during its poll, which goes behind all others.
///
/// # Safety
///
/// As [`submit`].
#[inline]
pub(crate) unsafe fn resubmit<S: Schedule>(task: TaskPtr<S>) {
    // SAFETY: by the caller's promise.
    let task = unsafe { Task::from_raw(task) };
    S::reschedule(task);
}
