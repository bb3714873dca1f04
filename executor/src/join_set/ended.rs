//! How a set hears of the tasks that have ended, and takes them out.

use super::JoinSet;
use crate::task::harness::{contain_panic, drop_quietly};
use crate::task::schedule::Schedule;
use crate::{
    runtime::abort_handle::AbortHandle, runtime::join_handle::JoinHandle, shrink,
    task::join_error::JoinError,
};
use std::task::{Context, Poll, Waker, ready};
use waterwheel_poll_context::budget;

impl<T> JoinSet<T> {
    pub(super) fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort_handle = handle.abort_handle();
        let place = self.handles.vacant_entry();
        let notice = self.completions.notice(place.key());
        if place.insert(handle).0.leave_waker(&notice).is_err() {
            // Its runtime has ended. Nobody else will tell.
            wake(notice);
        }
        abort_handle
    }

    /// Takes the handle of the next task that has ended out.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<JoinHandle<T>>> {
        ready!(budget::poll_left(cx, &mut self.gave_way));
        if self.is_empty() {
            budget::spend();
            return Poll::Ready(None);
        }
        if self.ended.is_empty() {
            let taken = self.completions.poll_take(&mut self.ended, cx.waker());
            if taken.is_pending()
                && let Some((_, handle)) = self.handles.iter().next()
            {
                handle.0.header().scheduler.assert_runs();
            }
            ready!(taken);
            self.keys_were_taken();
        }
        budget::spend();
        let key = self.ended.pop_front().expect("keys were taken");
        Poll::Ready(Some(self.take_out(key)))
    }

    pub(super) fn take_out(&mut self, key: usize) -> JoinHandle<T> {
        let handle = self.handles.remove(key);
        shrink::slab(&mut self.handles);
        if self.handles.is_empty() && self.has_long_lists {
            self.has_long_lists = false;
            // No key is left: what is swapped is empty, and so is what comes.
            shrink::deque(&mut self.ended);
            self.completions.take(&mut self.ended);
            shrink::deque(&mut self.ended);
        }
        handle
    }

    pub(super) fn keys_were_taken(&mut self) {
        self.has_long_lists |= self.ended.len() > shrink::KEEP;
        shrink::deque(&mut self.ended);
    }

    #[cold]
    pub(super) fn forget_waker(&self) {
        drop_quietly(self.completions.take_waker());
    }
}

/// Wakes the task that waits for the set. A panic of its waker does not reach the code that changes the set.
#[cold]
pub(super) fn wake(waker: Waker) {
    contain_panic(|| waker.wake());
}

/// The output of a task that is known to be over.
pub(super) fn output<T>(mut handle: JoinHandle<T>) -> Result<T, JoinError> {
    let output = handle.0.try_take_output();
    output.expect("a task was told of before it was over")
}
