//! A task's waker: a reference to it, behind the standard library's [`Waker`].

use super::header::{Header, TaskPtr, free_if_last, release, submit};
use super::schedule::Schedule;
use super::snapshot::Wake;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// The table for wakers of a scheduler's tasks. See [`Schedule::waker_vtable`].
pub(crate) const fn vtable<S: Schedule>() -> RawWakerVTable {
    RawWakerVTable::new(clone::<S>, wake::<S>, wake_by_ref::<S>, drop_waker::<S>)
}

/// A waker lent to one poll: it counts no reference until it is cloned.
pub(super) struct PollWaker {
    waker: ManuallyDrop<Waker>,
}

impl PollWaker {
    /// # Safety
    ///
    /// The caller has a reference to `task`, and keeps it longer than this.
    #[inline]
    pub(super) unsafe fn new<S: Schedule>(task: TaskPtr<S>) -> Self {
        let raw = RawWaker::new(task.as_ptr().cast_const().cast(), S::waker_vtable());
        // SAFETY: the table's functions keep the contract of `RawWaker`. The waker is never dropped, so it
        // releases no reference that it does not have.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
        Self { waker }
    }
}

impl Deref for PollWaker {
    type Target = Waker;

    #[inline]
    fn deref(&self) -> &Waker {
        &self.waker
    }
}

/// # Safety
///
/// `data` is that of a waker of ours.
#[inline]
unsafe fn task<S: 'static>(data: *const ()) -> TaskPtr<S> {
    // SAFETY: a waker is made from a `TaskPtr`, which is not null.
    unsafe { NonNull::new_unchecked(data.cast::<Header<S>>().cast_mut()) }
}

unsafe fn clone<S: Schedule>(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned has a reference (or lends the runner's), so the task is alive.
    unsafe { task::<S>(data).as_ref() }.state.reference();
    RawWaker::new(data, S::waker_vtable())
}

unsafe fn wake<S: Schedule>(data: *const ()) {
    // SAFETY: `data` is a waker's.
    let task = unsafe { task::<S>(data) };
    // SAFETY: the waker has a reference, which the transition consumes or hands to us to submit.
    match unsafe { task.as_ref() }.state.wake() {
        // SAFETY: the reference is ours to give.
        Wake::Submit => unsafe { submit(task) },
        // SAFETY: the transition has just released it.
        Wake::Done(released) => unsafe { free_if_last(task, released) },
    }
}

unsafe fn wake_by_ref<S: Schedule>(data: *const ()) {
    // SAFETY: `data` is a waker's.
    let task = unsafe { task::<S>(data) };
    // SAFETY: the waker has a reference, and keeps it.
    if let Wake::Submit = unsafe { task.as_ref() }.state.wake_by_ref() {
        // SAFETY: the transition has made a reference for this.
        unsafe { submit(task) }
    }
}

unsafe fn drop_waker<S: Schedule>(data: *const ()) {
    // SAFETY: the waker has a reference, and is no more.
    unsafe { release(task::<S>(data), 1) }
}
