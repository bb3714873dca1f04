//! Waking many, where one that panics keeps nobody else from being woken.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Wakes all, in order, with no lock held. A waker that panics keeps nobody else from being woken; the panic hook
/// has told of it.
pub(crate) fn wake_all(wakers: &mut Vec<Waker>) {
    let mut rest = wakers.drain(..);
    let mut wake_rest = || rest.by_ref().for_each(Waker::wake);
    while let Err(payload) = catch_unwind(AssertUnwindSafe(&mut wake_rest)) {
        // The payload is the user's too, and may panic when it is dropped: then it is leaked.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
    }
}
