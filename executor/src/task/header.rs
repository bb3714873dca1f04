//! [`Header`]: the part of a task that does not depend on its future.

use super::snapshot::Released;
use super::state::State;
use super::task::Task;
use crate::shared::Shared;
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

/// A task, whatever its future: a pointer to the header at the front of its `Cell`.
///
/// It is an address and no more: whoever keeps one keeps, by the rules of the [module](super), a reference with it.
pub(crate) type TaskPtr = NonNull<Header>;

/// What depends on the future's type.
pub(crate) struct Vtable {
    /// Polls or cancels the task. Consumes the reference of a queue.
    pub(crate) run: unsafe fn(TaskPtr),
    /// Drops the future and completes the task. The caller has claimed the stage; consumes the list's reference.
    pub(crate) cancel: unsafe fn(TaskPtr),
    /// Moves the output to `*mut Option<Result<T, JoinError>>`. The caller owns the stage (T4).
    pub(crate) take_output: unsafe fn(TaskPtr, *mut ()),
    /// Drops the output, if it is still there. The caller owns the stage (T4).
    pub(crate) drop_output: unsafe fn(TaskPtr),
    /// Frees the task. The caller has released the last reference.
    pub(crate) free: unsafe fn(TaskPtr),
}

#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    pub(crate) vtable: &'static Vtable,
    /// The runtime that the task lives in.
    pub(crate) shared: Arc<Shared>,
    /// The next task in the queue. Touched only by the queue that holds the task.
    pub(super) queue_next: UnsafeCell<Option<TaskPtr>>,
    /// Neighbours in the runtime's list. Touched only under the list's lock.
    pub(crate) owned: UnsafeCell<Links>,
    /// See rule T5.
    pub(crate) join_waker: UnsafeCell<Option<Waker>>,
}

/// The links of a doubly linked list.
#[derive(Default)]
pub(crate) struct Links {
    pub(crate) previous: Option<TaskPtr>,
    pub(crate) next: Option<TaskPtr>,
    /// It is in the list. (A list of one has no neighbours.)
    pub(crate) linked: bool,
}

impl Header {
    pub(super) fn new(shared: Arc<Shared>, vtable: &'static Vtable) -> Self {
        Self {
            state: State::new(),
            vtable,
            shared,
            queue_next: UnsafeCell::new(None),
            owned: UnsafeCell::default(),
            join_waker: UnsafeCell::new(None),
        }
    }
}

/// Frees the task if the reference that was released was the last.
///
/// # Safety
///
/// `released` tells of a release of references to `task` that the caller has just made.
#[inline]
pub(crate) unsafe fn free_if_last(task: TaskPtr, released: Released) {
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
pub(crate) unsafe fn release(task: TaskPtr, count: usize) {
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
pub(crate) unsafe fn submit(task: TaskPtr) {
    // SAFETY: by the caller's promise.
    let task = unsafe { Task::from_raw(task) };
    Shared::schedule(task);
}
