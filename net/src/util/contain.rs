//! Calls of user code whose panics go no further: wakers, hooks, and destructors.
//!
//! The process's panic hook has told of such a panic by the time that it is caught here.

use std::task::Waker;

pub(crate) use waterwheel_poll_context::contain::contain_panic;

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
