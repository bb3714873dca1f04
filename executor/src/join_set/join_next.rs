//! [`JoinNext`]: the wait for the next task of a set.

use super::JoinSet;
use crate::{runtime::join_handle::JoinHandle, task::join_error::JoinError};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of [`JoinSet::join_next`].
///
/// # Cancel safety
///
/// It may be dropped at any time: nothing is lost, and its waker is not kept.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct JoinNext<'a, T> {
    set: &'a mut JoinSet<T>,
    /// It was polled, and the set may have its waker.
    waits: bool,
}

impl<'a, T> JoinNext<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>) -> Self {
        Self { set, waits: false }
    }
}

impl<T> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Before the poll, which may panic where it clones the waker.
        self.waits = true;
        let joined = self.set.poll_join_next(cx);
        self.waits = joined.is_pending();
        joined
    }
}

impl<T> Drop for JoinNext<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            self.set.forget_waker();
        }
    }
}

/// Takes the handle of the next task that has ended, with its output in it: for [`JoinSet::shutdown`].
#[derive(Debug)]
pub(super) struct NextEnded<'a, T> {
    set: &'a mut JoinSet<T>,
    /// It was polled, and the set may have its waker.
    waits: bool,
}

impl<'a, T> NextEnded<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>) -> Self {
        Self { set, waits: false }
    }
}

impl<T> Future for NextEnded<'_, T> {
    type Output = Option<JoinHandle<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Before the poll, which may panic where it clones the waker.
        self.waits = true;
        let ended = self.set.poll_ended(cx);
        self.waits = ended.is_pending();
        ended
    }
}

impl<T> Drop for NextEnded<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            self.set.forget_waker();
        }
    }
}
