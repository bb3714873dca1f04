//! Calls of user code whose panics go no further: wakers, hooks, and destructors.
//!
//! The process's panic hook has told of such a panic by the time that it is caught here.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Runs user code, and stops its panic.
#[inline]
pub(crate) fn contain_panic(run: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
        // The payload is the user's too, and may panic when it is dropped: what that throws is leaked.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(second);
        }
    }
}

/// Wakes each. A waker that panics keeps nobody else from being woken.
#[inline]
pub(crate) fn wake_all(wakers: Vec<Waker>) {
    // Most of the time nobody waits.
    if !wakers.is_empty() {
        wake_each(wakers);
    }
}

#[inline(never)]
fn wake_each(wakers: Vec<Waker>) {
    for waker in wakers {
        contain_panic(|| waker.wake());
    }
}
