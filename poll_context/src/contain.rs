//! User code that our own code runs, such as a waker: a panic of it goes no further.
//!
//! A destructor of ours may drop a user's waker, and a future may be dropped while another panic unwinds, where a second one would
//! abort the process.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code, and stops its panic, of which the process's panic hook has told.
#[doc(hidden)]
#[inline]
pub fn contain_panic(run: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
        // The payload is the user's too, and may panic when it is dropped: what that panics with is leaked.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(second);
        }
    }
}
