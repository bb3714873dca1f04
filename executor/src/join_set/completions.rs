//! [`Completions`]: which tasks of a set are over and not joined yet, in the order in which they ended, and who waits
//! for one.
//!
//! A task is known here by a key. Its join waker is a [`Notice`], which adds the key, from whatever thread the task
//! ends on; the owner of the set takes the keys, all at once.
//!
//! # Invariants
//!
//! - **No waker stands while a key does.** Both are under one lock. [`notify`](Completions::notify) adds a key and takes
//!   the waker in one step; [`poll_take`](Completions::poll_take) leaves a waker only in the step in which it has found no
//!   key. So of two that race, either the owner finds the key, or the notice finds the waker: no wake is lost.
//! - **A key stays until it is taken.** Whether the waker is woken, replaced or forgotten changes no key, so one who was
//!   woken and never looks takes nothing with them.
//! - **No user code under the lock.** A waker is cloned before the lock is taken, and woken and dropped after.
//! - A notice holds the list and not the set, the list holds the waker and no notice: there is no cycle.

use crate::sync::{Mutex, lock};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

pub(super) struct Completions {
    list: Mutex<List>,
}

struct List {
    keys: VecDeque<usize>,
    waker: Option<Waker>,
}

/// The join waker of one task. A task wakes it once, when it is complete, and then drops it.
struct Notice {
    key: usize,
    completions: Arc<Completions>,
}

impl Completions {
    pub(super) fn new() -> Self {
        Self {
            list: Mutex::new(List {
                keys: VecDeque::new(),
                waker: None,
            }),
        }
    }

    /// What is to be woken when the task of this key is over.
    pub(super) fn notice(self: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(Notice {
            key,
            completions: Arc::clone(self),
        }))
    }

    fn notify(&self, key: usize) {
        let waker = {
            let mut list = lock(&self.list);
            list.keys.push_back(key);
            list.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes all keys, into `taken`, which is empty.
    pub(super) fn take(&self, taken: &mut VecDeque<usize>) {
        lock(&self.list).take(taken);
    }

    /// Takes all keys, into `taken`, which is empty. If there are none, the next one wakes `waker`, which replaces
    /// the one before.
    pub(super) fn poll_take(&self, taken: &mut VecDeque<usize>, waker: &Waker) -> Poll<()> {
        let mut waker = Some(waker.clone());
        let mut list = lock(&self.list);
        if list.keys.is_empty() {
            std::mem::swap(&mut list.waker, &mut waker);
            // Before the waker that was replaced is dropped.
            drop(list);
            Poll::Pending
        } else {
            list.take(taken);
            drop(list);
            Poll::Ready(())
        }
    }

    /// Takes the waker back: nobody waits any more.
    pub(super) fn take_waker(&self) -> Option<Waker> {
        lock(&self.list).waker.take()
    }
}

impl List {
    fn take(&mut self, taken: &mut VecDeque<usize>) {
        debug_assert!(taken.is_empty(), "keys are taken in their order");
        debug_assert!(
            self.keys.is_empty() || self.waker.is_none(),
            "a waker was left beside a key"
        );
        std::mem::swap(&mut self.keys, taken);
    }
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.completions.notify(self.key);
    }
}
