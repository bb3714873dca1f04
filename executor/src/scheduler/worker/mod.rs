//! [`Worker`]: the loop that runs tasks and turns the driver.
//!
//! A worker belongs to one thread, and is known to it through a thread-local, so that a task woken here is queued
//! without a lock. What others reach of it is its [`Slot`] and its [`LocalTasks`].
//!
//! | module | what is there |
//! |---|---|
//! | here | the worker, and its loop |
//! | `queues` | where a task goes that is ready, and which one is next |
//! | `pinned` | [`Pinned`]: the ready tasks that are pinned to the thread |
//! | `role` | [`Role`]: which place it has |
//! | `pace` | [`Pace`]: how many polls there are between two turns |
//! | `search` | [`Search`]: the search for tasks elsewhere |
//! | `paused` | how it rests where time is paused |
//! | `rested` | [`Rested`]: what a worker looks at before each poll |
//! | `rest` | [`Rest`]: what it does when nothing is ready |
//! | `turn` | the turn of its driver between polls |
//! | `validate` | what it checks at every turn in a debug build |
//! | `guard` | [`WorkerGuard`]: how a thread becomes a worker, and how that ends |
//!
//! # In what order tasks run
//!
//! First in, first out, over the ring, the overflow behind it, the tasks pinned here and the main future. The latter two are
//! queued elsewhere, and remember their [`QueuePosition`] among the others, by their [position](crate::scheduler::slot). With
//! siblings there is one exception: a task that is woken in the poll of another runs next, in the *LIFO slot*, up to
//! [`LIFO_STREAK`] times in a row. It needs no sibling, which would otherwise be woken for it, to fight over its memory. What is
//! spawned, what yields, and what the driver wakes goes to the end. A worker that is alone keeps the order.
//!
//! What other threads have made ready (the injection queue, the inbox) comes to the end of the queue at each turn, or when there is
//! nothing else.

mod guard;
mod pace;
mod paused;
mod pinned;
mod queues;
mod rest;
mod rested;
mod role;
mod search;
mod turn;
#[cfg(all(any(test, debug_assertions), not(loom)))]
mod validate;

pub(crate) use guard::{Placement, WorkerGuard};
use pace::Pace;
use pinned::Pinned;
pub(crate) use queues::QueuePosition;
use rest::Rest;
use rested::Rested;
use role::Role;
use search::Search;

use crate::scheduler::Task;
use crate::scheduler::forked::elsewhere;
use crate::scheduler::local_tasks::LocalTasks;
use crate::scheduler::shared::Shared;
use crate::scheduler::slot::Slot;
use crate::scheduler::watch;
use crate::task::id::Running;
use crate::task::memory::Blocks;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::ptr;
use std::sync::Arc;
use waterwheel_poll_context::budget;

/// How many tasks run out of turn, one after the other, because they were woken last.
const LIFO_STREAK: u32 = 3;

thread_local! {
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

/// How often a worker takes half of what another has that is stuck, at one time: that empties a full ring, and takes much of a long
/// overflow.
const MOST_STEALS: usize = 16;

/// What a worker is there for, beside the tasks.
pub(crate) trait Main {
    type Output;

    /// Does what is due, before each task. To break ends the worker's run.
    fn step(&mut self, worker: &Worker) -> ControlFlow<Self::Output>;

    /// The driver has been turned.
    fn turned(&mut self, worker: &Worker) -> ControlFlow<Self::Output>;

    /// Whether `step` would do something, so that the worker must not sleep.
    fn is_due(&self) -> bool;
}

pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) local: Arc<LocalTasks>,
    /// The memory of tasks that have ended here.
    pub(crate) blocks: Blocks,
    /// Which place it has, and beside which others.
    role: Role,
    /// The ready tasks that are pinned to this thread.
    pinned: Pinned,
    /// How many tasks have run out of turn, one after the other. At the limit, none more does.
    streak: Cell<u32>,
    /// How often it turns its driver.
    pace: Pace,
    /// Whether it has rested, and is to tell the others once it finds something to do.
    rested: Rested,
    /// How it rests.
    rest: Rest,
    /// What it knows of its search for tasks elsewhere.
    search: Search,
    /// Whether the main future has been woken on this thread since it was polled last.
    main_is_woken: Cell<bool>,
}

impl Worker {
    /// The main future is about to be polled.
    #[inline]
    pub(crate) fn main_runs(&self) {
        self.main_is_woken.set(false);
        self.slot.counters.polls.add(1);
        self.streak.set(0);
        self.working();
        Running::none();
        budget::refill();
    }

    /// Runs until `main` is done.
    pub(crate) fn run<M: Main>(&self, main: &mut M) -> M::Output {
        loop {
            if let ControlFlow::Break(output) = main.turned(self) {
                return output;
            }
            let (mut polls, mut tasks) = (0, 0);
            let interval = self.pace.interval();
            // The clock is read seldom, and soon: polls may suddenly take long.
            let mut check = if self.role.has_siblings() {
                1
            } else {
                u32::MAX
            };
            let slept = loop {
                if let ControlFlow::Break(output) = main.step(self) {
                    self.slot.counters.polls.add(tasks);
                    return output;
                }
                let found = self
                    .next()
                    .or_else(|| if main.is_due() { None } else { self.search() });
                if let Some(task) = found {
                    tasks += 1;
                    self.poll(task);
                } else if !main.is_due() && self.may_sleep() && !main.is_due() {
                    break true;
                }
                polls += 1;
                if polls >= interval {
                    break false;
                }
                if polls == check {
                    check = check.saturating_mul(4);
                    if self.pace.is_turn_overdue() {
                        break false;
                    }
                }
            };
            self.slot.counters.polls.add(tasks);
            if slept {
                self.park();
            } else {
                self.turn_now(polls);
            }
        }
    }

    #[inline]
    fn poll(&self, task: Task) {
        self.working();
        budget::refill();
        // SAFETY: a task that is pinned is in the queue of its own worker alone.
        unsafe { task.run() };
    }

    /// Something is about to be polled.
    #[inline]
    fn working(&self) {
        if self.rested.has_rested_or_forked() {
            self.begin_work();
        }
    }

    #[cold]
    fn begin_work(&self) {
        if self.rested.has_forked() {
            // None of the runtime's tasks is to run here.
            elsewhere();
        }
        self.rested.set(false);
        if let Rest::Paused(rest) = &self.rest {
            rest.begins_work();
            return;
        }
        if self.search.end() && self.shared.idle.stop_searching() {
            // There may be more where that came from.
            self.shared.wake_one();
        }
        watch::begin_work(&self.shared, self.role.number());
    }

    /// The main future has been woken on this thread.
    pub(crate) fn main_woken(&self) {
        self.main_is_woken.set(true);
    }
}

/// Runs `f` with this thread's worker, if it has one.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: `f` cannot take the reference further than this call, and does not drop the thread's guard, which is not `f`'s.
    f(unsafe { current() })
}

/// This thread's worker, if it has one.
///
/// # Safety
///
/// The reference is not used after the thread's [`WorkerGuard`] is dropped.
#[inline]
pub(crate) unsafe fn current<'a>() -> Option<&'a Worker> {
    // SAFETY: the pointer is null, or a `WorkerGuard` of this thread has set it to a worker that it keeps alive, and will set
    // it back before it lets go.
    unsafe { CURRENT.get().as_ref() }
}
