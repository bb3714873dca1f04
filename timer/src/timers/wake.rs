//! Waking many, where one that panics keeps nobody else from being woken.

use std::task::Waker;

use waterwheel_poll_context::contain::contain_panic;

use crate::wheel::Due;

/// How many wakes ahead a waker is shown: they take as long as memory does.
const AHEAD: usize = 8;

/// Wakes each in its order, shows each to `ahead` in time, and returns how many they were.
#[inline]
pub(crate) fn wake_due(due: Vec<Due>, mut ahead: impl FnMut(&Waker)) -> usize {
    let woken = due.len();
    let mut show = |due: &Due| contain_panic(|| ahead(&due.waker));
    due.iter().take(AHEAD).for_each(&mut show);
    let mut rest = due.into_iter();
    while let Some(due) = rest.next() {
        rest.as_slice().get(AHEAD - 1).map(&mut show);
        contain_panic(|| due.waker.wake());
    }
    woken
}

/// Wakes each, and returns how many they were.
pub(crate) fn wake_all(wakers: impl ExactSizeIterator<Item = Waker>) -> usize {
    let woken = wakers.len();
    for waker in wakers {
        contain_panic(|| waker.wake());
    }
    woken
}
