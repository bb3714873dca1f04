//! What is about to be woken is fetched from memory before.
//!
//! Of a million tasks that sleep, nearly all have left the caches by the time they are woken; then to wake one is to wait for the memory,
//! and so is to poll it. When many timers are due at once, the processor can be told of their tasks a few wakes ahead.

use std::task::Waker;

/// So many cache lines: the header, and a future of moderate size.
const LINES: usize = 4;

/// Has the front of the task fetched, if the waker is a task's; of another one, whatever is there.
#[inline]
pub(super) fn task_of(waker: &Waker) {
    for line in 0..LINES {
        fetch(waker.data().wrapping_byte_add(64 * line));
    }
}

#[inline]
fn fetch(address: *const ()) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has the instruction. It is a hint, which reads nothing and faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
