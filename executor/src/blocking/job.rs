//! [`Job`]: a closure as a future.

use crate::blocking::abandoned::abandoned;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::fork::Process;

/// Runs a closure when it is polled, on the thread that polls it, and is ready when that returns. It never pends, and it
/// leaves its waker with nobody: the [pool](super) rests on both.
pub(crate) struct Job<F>(Option<F>);

impl<F> Job<F> {
    pub(crate) fn new(run: F) -> Self {
        Self(Some(run))
    }
}

/// The closure is moved out before it runs, so that nothing points into it.
impl<F> Unpin for Job<F> {}

impl<F: FnOnce() -> T, T> Future for Job<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let run = self.0.take().expect("a job is polled once");
        let _here = Here(Process::current());
        Poll::Ready(run())
    }
}

/// The time in which a closure runs. In a child that it has forked it does not end: the pool is the parent's.
struct Here(Process);

impl Drop for Here {
    fn drop(&mut self) {
        if !self.0.is_current() {
            abandoned();
        }
    }
}
