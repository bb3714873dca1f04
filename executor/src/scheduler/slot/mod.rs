//! [`Slot`]: a place for a worker, and what other threads reach of it.
//!
//! | field | what is there |
//! |---|---|
//! | `driver` | [`Driver`]: what the worker sleeps in |
//! | `ring` | [`Ring`]: the ready tasks, for the worker to run and for others to steal |
//! | `lifo` | [`LifoSlot`]: the task that was woken last |
//! | `overflow` | the tasks that the ring has no room for |
//! | `progress` | [`Progress`]: whether the worker is awake, and whether it moves |
//! | `counters` | [`Counters`]: what it has done, for [`metrics`](crate::RuntimeMetrics) |
//!
//! # Positions
//!
//! The ring and the overflow behind it are one queue. A pinned task and the main future are queued elsewhere and keep a *position* in it:
//! how many tasks had been pushed to the queue when they came. Their turn comes when as many have left. Two counts tell:
//!
//! - [`pushed`](Slot::pushed): how many tasks were ever pushed. That is the ring's tail and, beyond it, `behind`: how many tasks the worker
//!   has put into the overflow and has not moved to the ring.
//! - [`left`](Slot::left): how many tasks were ever taken out: from the ring, which its head counts, or by a sibling from the overflow, which
//!   is `behind` less what the overflow still holds.
//!
//! Invariants, as the slot's worker sees them:
//! - *Neither goes backwards.* A push adds one to `pushed`, at the tail or at `behind`; a refill moves tasks from `behind` to the tail, and
//!   changes neither count. Nobody but the worker writes tail and `behind`. Thieves move the head on and shorten the overflow, each of which
//!   adds to `left`.
//! - *`pushed` less `left` is how many tasks are queued.* So a position comes after no more pops than tasks were queued when it was taken,
//!   and every position has come when the queue is empty, whoever took the tasks.
//!
//! A thief takes from the front of the overflow when it has found the ring empty. If the worker has refilled the ring in between, the thief
//! takes tasks from behind those in the ring. A position between them then comes early, by half a ring at most for each such theft.
//!
//! # Whose it is
//!
//! A slot is there as long as its runtime; the thread in it may change. What is *the worker's* here is done by the thread that
//! has the slot (`WorkerGuard`), or, when the runtime has ended and none has it, by the thread that ends it.

pub(crate) mod counters;
pub(crate) mod progress;

use crate::queue::ring::CAPACITY;
use crate::scheduler::driver::Driver;
use crate::scheduler::{LifoSlot, Ring, SharedQueue, Task, TaskQueue};
use crate::sync::{AtomicU64, Ordering};
use counters::Counters;
use progress::Progress;
use std::io;
use std::sync::Arc;
use waterwheel_timer::VirtualClock;

pub(crate) struct Slot {
    pub(crate) driver: Driver,
    /// Runs before the others.
    pub(crate) lifo: LifoSlot,
    pub(crate) ring: Ring,
    /// Behind the ring, when that is full. While there is anything in it, tasks that become ready go there, so that all keep
    /// their order.
    pub(crate) overflow: SharedQueue,
    /// How many tasks have gone to the overflow and not from there to the ring. The worker's alone.
    behind: AtomicU64,
    pub(crate) progress: Progress,
    pub(crate) counters: Counters,
}

impl Slot {
    /// A slot that others steal from, or, `alone`, one that nobody does.
    pub(crate) fn new(alone: bool, paused: Option<&Arc<VirtualClock>>) -> io::Result<Self> {
        Ok(Self::with(Driver::new(paused)?, alone))
    }

    /// The slot of a guest. It has no descriptors until its thread waits for one.
    pub(crate) fn for_guest(paused: Option<&Arc<VirtualClock>>) -> Self {
        Self::with(Driver::lazy(paused), true)
    }

    fn with(driver: Driver, alone: bool) -> Self {
        Self {
            driver,
            lifo: LifoSlot::new(),
            ring: Ring::new(alone),
            overflow: SharedQueue::new(),
            behind: AtomicU64::new(0),
            progress: Progress::new(),
            counters: Counters::default(),
        }
    }

    /// Adds a task behind all others.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    #[inline]
    pub(crate) unsafe fn push(&self, task: Task) {
        // SAFETY: by the caller's promise.
        if let Err(task) = unsafe { self.ring.push_known(task) } {
            // SAFETY: by the caller's promise.
            unsafe { self.push_carefully(task) }
        }
    }

    /// The same, when it is not known that the ring has room. Once the ring has been full, it is not until the overflow is empty: so all
    /// keep their order.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    #[cold]
    unsafe fn push_carefully(&self, task: Task) {
        if self.overflow.len() > 0 {
            return self.push_behind(task);
        }
        // SAFETY: by the caller's promise.
        let pushed = unsafe {
            self.ring.learn_room();
            self.ring.push_known(task)
        };
        if let Err(task) = pushed {
            self.push_behind(task);
        }
    }

    /// The worker's alone.
    fn push_behind(&self, task: Task) {
        self.overflow.push(task);
        self.set_behind(self.behind() + 1);
    }

    #[inline]
    fn behind(&self) -> u64 {
        self.behind.load(Ordering::Relaxed)
    }

    /// A store: there is one writer.
    fn set_behind(&self, count: u64) {
        self.behind.store(count, Ordering::Relaxed);
    }

    /// How many tasks were ever pushed to the ring or the overflow: the position of what comes now. For the worker alone, as are the next two.
    #[inline]
    pub(crate) fn pushed(&self) -> u64 {
        self.ring.tail() + self.behind()
    }

    /// How many of them siblings have taken from the overflow.
    #[inline]
    pub(crate) fn stolen_behind(&self) -> u64 {
        self.behind() - self.overflow.len() as u64
    }

    /// How many of them have left: the position whose turn it is.
    #[inline]
    pub(crate) fn left(&self) -> u64 {
        self.ring.head() + self.stolen_behind()
    }

    /// Fills the ring, which is empty, from the overflow, and takes a task.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    #[inline]
    pub(crate) unsafe fn refill(&self) -> Option<Task> {
        if self.overflow.len() == 0 {
            return None;
        }
        // SAFETY: by the caller's promise.
        unsafe { self.refill_some() }
    }

    /// # Safety
    ///
    /// As [`refill`](Self::refill).
    unsafe fn refill_some(&self) -> Option<Task> {
        let mut tasks = self.overflow.take(CAPACITY / 2)?;
        self.set_behind(self.behind() - tasks.len() as u64);
        // By way of the ring, the first too, as positions are counted there.
        // SAFETY: by the caller's promise.
        unsafe {
            self.take_in(&mut tasks);
            self.ring.pop()
        }
    }

    /// Moves tasks to the ring's end, or, if there is no room, behind the overflow.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    pub(crate) unsafe fn take_in(&self, tasks: &mut TaskQueue) {
        while let Some(task) = tasks.pop() {
            // SAFETY: by the caller's promise.
            if let Err(task) = unsafe { self.ring.push(task) } {
                self.push_behind(task);
            }
        }
    }

    /// Takes about half of the tasks that are ready here: one to run, and the others to the end of `thief`'s ring. The one that was woken last comes last, as its worker is about to run it.
    ///
    /// # Safety
    ///
    /// This thread is the worker of `thief`, and that is another slot.
    pub(crate) unsafe fn steal_into(&self, thief: &Self) -> Option<Task> {
        // SAFETY: by the caller's promise.
        if let Some(task) = unsafe { self.ring.steal_into(&thief.ring) } {
            return Some(task);
        }
        let overflowed = self.overflow.len();
        if overflowed > 0
            && let Some(mut tasks) = self.overflow.take(overflowed.div_ceil(2).min(CAPACITY / 2))
        {
            let first = tasks.pop();
            // SAFETY: by the caller's promise.
            unsafe { thief.take_in(&mut tasks) };
            return first;
        }
        self.lifo.take()
    }

    /// Whether there is anything to steal, or was a moment ago.
    pub(crate) fn has_ready(&self) -> bool {
        self.ready() > 0
    }

    /// How many tasks are ready here, or were a moment ago.
    pub(crate) fn ready(&self) -> usize {
        self.ring.len() + self.overflow.len() + usize::from(!self.lifo.is_empty())
    }

    /// Drops all that is queued here; the futures are their lists' to drop.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    pub(crate) unsafe fn clear(&self) {
        drop(self.lifo.take());
        // SAFETY: by the caller's promise.
        while let Some(task) = unsafe { self.ring.pop() } {
            drop(task);
        }
        drop(self.overflow.close());
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
