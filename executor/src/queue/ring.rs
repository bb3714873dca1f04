//! [`Ring`]: the tasks that are ready on one slot, for its worker to run and for others to steal.
//!
//! ```text
//!        head: the next to leave                    tail: where the next goes
//!          │ (worker and thieves, by exchange)        │ (worker)
//!          ▼                                          ▼
//!  ┌───┬───┬───┬───┬───┬───┬───┬───┬───┬───┬───┬───┬───┬───┐
//!  │   │   │ a │ b │ c │ d │ e │ f │ g │ h │ i │ j │   │   │     position p is in slot p mod CAPACITY
//!  └───┴───┴───┴───┴───┴───┴───┴───┴───┴───┴───┴───┴───┴───┘
//! ```
//!
//! Both are counts of tasks since the beginning, of 64 bits: they never wrap, so a position is used once, and an exchange
//! of `head` that succeeds has not been overtaken by a lap (tokio#5042).
//!
//! Invariants:
//! - *Positions in `head..tail` hold tasks*, at most [`CAPACITY`], and each is taken once: by the one whose exchange moves
//!   `head` past it.
//! - *A slot is read before it is paid for.* A thief reads a batch of slots, and only then moves `head` past them. If that
//!   succeeds, what it read was in place: the worker writes a slot anew only when it has seen `head` beyond it, and the
//!   exchange releases the reads that came before it. If it fails, what it read means nothing, and is forgotten.
//! - *Published.* A task is written before `tail` is stored with release; who loads `tail` with acquire finds it.
//!
//! The scheme is that of Go's run queues (`runqput`, `runqget` and `runqgrab` in `runtime/proc.go`).

#[cfg(all(any(test, debug_assertions), not(loom)))]
#[path = "ring/validate.rs"]
mod validate;

use crate::sync::{AtomicPtr, AtomicU64, Ordering};
use crate::task::header::{Header, TaskPtr};
use crate::task::schedule::Schedule;
use crate::task::task::Task;
use std::ptr;

/// How many tasks a ring holds.
#[cfg(not(loom))]
pub(crate) const CAPACITY: usize = 1024;
/// Small enough for a model to fill it.
#[cfg(loom)]
pub(crate) const CAPACITY: usize = 6;

/// A counter on a cache line of its own: thieves write `head`, and the worker writes `tail`.
#[repr(align(64))]
struct Line(AtomicU64);

pub(crate) struct Ring<S: Schedule> {
    head: Line,
    tail: Line,
    /// Positions before this are known to be free, if they are not before `tail`: by it the worker adds without a look at `head`,
    /// which thieves write. The worker's alone.
    limit: AtomicU64,
    slots: Box<[AtomicPtr<Header<S>>; CAPACITY]>,
    /// Nobody steals from it: its worker need not exchange what it may store.
    alone: bool,
}

impl<S: Schedule> Ring<S> {
    pub(crate) fn new(alone: bool) -> Self {
        let slots = (0..CAPACITY).map(|_| AtomicPtr::new(ptr::null_mut()));
        // On the heap from the first: it is too large for a stack to pass it on.
        let Ok(slots) = slots.collect::<Box<[_]>>().try_into() else {
            unreachable!("there are as many as that")
        };
        Self {
            head: Line(AtomicU64::new(0)),
            tail: Line(AtomicU64::new(0)),
            limit: AtomicU64::new(0),
            slots,
            alone,
        }
    }

    #[inline]
    fn slot(&self, position: u64) -> &AtomicPtr<Header<S>> {
        &self.slots[position as usize % CAPACITY]
    }

    /// Adds a task, or gives it back if there is no room that is [known](Self::learn_room).
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    #[inline]
    pub(crate) unsafe fn push_known(&self, task: Task<S>) -> Result<(), Task<S>> {
        let tail = self.tail.0.load(Ordering::Relaxed);
        if tail >= self.limit.load(Ordering::Relaxed) {
            return Err(task);
        }
        // SAFETY: by the caller's promise; a position before the limit was free once, and was not used since.
        unsafe { self.put(tail, task) };
        Ok(())
    }

    /// Finds out what room there is.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    pub(crate) unsafe fn learn_room(&self) {
        // Acquire: a thief that has moved it on has read the slots that it gives free.
        let head = self.head.0.load(Ordering::Acquire);
        self.limit.store(head + CAPACITY as u64, Ordering::Relaxed);
    }

    /// Adds a task, or gives it back if there is no room. What room is known stays as it is.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    pub(crate) unsafe fn push(&self, task: Task<S>) -> Result<(), Task<S>> {
        let tail = self.tail.0.load(Ordering::Relaxed);
        // Acquire: as in `learn_room`.
        if tail - self.head.0.load(Ordering::Acquire) >= CAPACITY as u64 {
            return Err(task);
        }
        // SAFETY: by the caller's promise; there is room.
        unsafe { self.put(tail, task) };
        Ok(())
    }

    /// # Safety
    ///
    /// This thread is the slot's worker, and the position, which is `tail`, is free.
    #[inline]
    unsafe fn put(&self, tail: u64, task: Task<S>) {
        self.slot(tail)
            .store(task.into_raw().as_ptr(), Ordering::Relaxed);
        self.tail.0.store(tail + 1, Ordering::Release);
    }

    /// Takes the first task.
    ///
    /// # Safety
    ///
    /// This thread is the slot's worker.
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<Task<S>> {
        let tail = self.tail.0.load(Ordering::Relaxed);
        let mut head = self.head.0.load(Ordering::Relaxed);
        while head != tail {
            let task = self.slot(head).load(Ordering::Relaxed);
            if self.alone {
                self.head.0.store(head + 1, Ordering::Release);
            } else if let Err(now) = self.head.0.compare_exchange_weak(
                head,
                head + 1,
                // Release: who sees this head does not see a tail before it. Nothing to acquire: we wrote the slot.
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                head = now;
                continue;
            }
            // SAFETY: the position was ours to take, and held a task that was given to the ring.
            return Some(unsafe { task_from(task) });
        }
        None
    }

    /// Moves the first half of the tasks here, rounded up, to the end of another ring, as far as that has room, except for the first of
    /// them, which it returns. The other must not be this one.
    ///
    /// # Safety
    ///
    /// This thread is the worker of the other ring's slot.
    pub(crate) unsafe fn steal_into(&self, other: &Self) -> Option<Task<S>> {
        debug_assert!(!self.alone && !ptr::eq(self, other));
        let start = other.tail.0.load(Ordering::Relaxed);
        // Acquire: as in `learn_room`.
        let room = CAPACITY as u64 - (start - other.head.0.load(Ordering::Acquire));
        let most = (CAPACITY as u64 / 2).min(room + 1);
        let mut head = self.head.0.load(Ordering::Acquire);
        loop {
            // Acquire: the tasks before `tail` are in their slots.
            let tail = self.tail.0.load(Ordering::Acquire);
            // More than the ring holds only if `head` is out of date, and then the exchange fails.
            let count = (tail - head).div_ceil(2).min(most);
            if count == 0 {
                return None;
            }
            let first = self.slot(head).load(Ordering::Relaxed);
            for offset in 1..count {
                let task = self.slot(head + offset).load(Ordering::Relaxed);
                other
                    .slot(start + offset - 1)
                    .store(task, Ordering::Relaxed);
            }
            // Release: our reads of the slots come before the worker's next writes. Acquire: the tail that is loaded next is not
            // before this head.
            match self.head.0.compare_exchange_weak(
                head,
                head + count,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    other.tail.0.store(start + count - 1, Ordering::Release);
                    // SAFETY: the positions were ours to take, and held tasks that were given to the ring.
                    return Some(unsafe { task_from(first) });
                }
                Err(now) => head = now,
            }
        }
    }

    /// How many tasks have ever left: the position whose turn it is.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        self.head.0.load(Ordering::Relaxed)
    }

    /// How many tasks have ever come: the position of the next.
    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        self.tail.0.load(Ordering::Relaxed)
    }

    /// How many tasks there are, or were a moment ago.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Head first: it only grows, and never past the tail that is loaded after it.
        let head = self.head.0.load(Ordering::Acquire);
        (self.tail.0.load(Ordering::Acquire) - head) as usize
    }
}

/// # Safety
///
/// The pointer is what a slot held at a position that the caller has taken.
#[inline]
unsafe fn task_from<S: Schedule>(task: *mut Header<S>) -> Task<S> {
    debug_assert!(!task.is_null());
    // SAFETY: `push` has stored a task there, whose reference is the taker's now.
    unsafe { Task::from_raw(TaskPtr::new_unchecked(task)) }
}

impl<S: Schedule> Drop for Ring<S> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the ring.
        while let Some(task) = unsafe { self.pop() } {
            drop(task);
        }
    }
}
