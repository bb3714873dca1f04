//! [`Worker`]: the loop that runs tasks and turns the driver.
//!
//! A worker belongs to one thread, and is known to it through a thread-local, so that a task woken here is queued
//! without a lock. What others reach of it is its [`Seat`] and its [`Local`].
//!
//! | module | what is there |
//! |---|---|
//! | here | the worker: its queues, the loop |
//! | `rested` | [`Rested`]: what a worker looks at before each poll |
//! | `rest` | the search for tasks elsewhere, and sleep |
//! | `turn` | the turn of its driver, and how many polls there are until the next |
//! | `validate` | what it checks at every turn in a debug build |
//! | `sitting` | [`Sitting`]: how a thread becomes a worker, and how that ends |
//!
//! # In what order tasks run
//!
//! First in, first out, over the ring, the overflow behind it, the tasks pinned here and the main future. The latter two are
//! queued elsewhere, and remember their [`Place`] among the others, by their [position](crate::scheduler::seat). With
//! siblings there is one exception: a task that is woken in the poll of another runs next, in the *LIFO slot*, up to
//! [`LIFO_STREAK`] times in a row. It needs no sibling, which would otherwise be woken for it, to fight over its memory. What is
//! spawned, what yields, and what the driver wakes goes to the end. A worker that is alone keeps the order.
//!
//! What other threads have made ready (the injection queue, the inbox) comes to the end of the queue at each turn, or when there is
//! nothing else.

mod rest;
mod rested;
mod sitting;
mod turn;
#[cfg(all(any(test, debug_assertions), not(loom)))]
mod validate;

use rested::Rested;
pub(crate) use sitting::{Chair, Sitting};

use crate::queue::pinned::NO_POSITION;
use crate::queue::ring::CAPACITY;
use crate::scheduler::Header;
use crate::scheduler::PinnedQueue;
use crate::scheduler::Task;
use crate::scheduler::forked::elsewhere;
use crate::scheduler::idle::Woken;
use crate::scheduler::local::Local;
use crate::scheduler::seat::Seat;
use crate::scheduler::shared::Shared;
use crate::scheduler::watch;
use crate::task::id::Running;
use crate::task::memory::Blocks;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waterwheel_poll_context::budget;
use waterwheel_reactor::sys::clock::real_now;

/// How many tasks run out of turn, one after the other, because they were woken last.
const LIFO_STREAK: u32 = 3;

/// How long a worker runs tasks between two turns, as far as it can tell: when polls take long, there are fewer of them. With siblings
/// that rely on it, it reads the clock after the first poll, the fourth and the sixteenth, too.
const BETWEEN_TURNS: Duration = Duration::from_millis(5);

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
    pub(crate) seat: Arc<Seat>,
    /// The seat's number. A guest has none.
    number: Cell<Option<usize>>,
    /// Whether there are other workers, to share work with.
    has_siblings: Cell<bool>,
    /// Whether it is the only one, and has a seat: it keeps all that is woken here.
    is_alone: Cell<bool>,
    pub(crate) local: Arc<Local>,
    /// The memory of tasks that have ended here.
    pub(crate) blocks: Blocks,
    /// The ready tasks that are pinned to this thread, each with its position among those of the seat: it comes before that.
    pinned: RefCell<PinnedQueue>,
    /// The head of the ring at which the turn of the first of them comes, or one that is never reached. That is its position, less
    /// what siblings have stolen from the overflow, as far as the worker has looked: it looks at each turn, and when the ring is empty.
    first_pinned: Cell<u64>,
    /// How many pinned tasks have ever left their queue.
    pinned_popped: Cell<u64>,
    /// How many tasks have run out of turn, one after the other. At the limit, none more does.
    streak: Cell<u32>,
    /// How many polls there are until the next turn.
    interval: Cell<u32>,
    /// When it turned its driver last, or woke.
    awake_since: Cell<Instant>,
    /// Whether that is known: a worker that is alone does not read the clock when it wakes.
    has_turned: Cell<bool>,
    /// Whether it has rested, and is to tell the others once it finds something to do.
    rested: Rested,
    /// In a paused runtime: the round in which it has looked and found nothing, and whether it has run anything since it slept.
    looked: Cell<Option<u64>>,
    has_run: Cell<bool>,
    /// Whether the main future has been woken on this thread since it was polled last.
    main_is_woken: Cell<bool>,
    /// Whether it is counted as one that searches.
    searching: Cell<bool>,
    /// When it woke last, and how.
    woken: Cell<(Instant, Woken)>,
    /// Where the next search begins.
    first_victim: Cell<usize>,
}

impl Worker {
    /// Whether that task may be queued here: it is of this runtime, and not pinned elsewhere.
    #[inline]
    pub(crate) fn may_run(&self, task: &Header) -> bool {
        Arc::ptr_eq(&self.shared, &task.scheduler.shared)
            && match &task.scheduler.pinned_to {
                None => true,
                Some(home) => Arc::ptr_eq(home, &self.local),
            }
    }

    /// Adds a task at the end.
    #[inline]
    pub(crate) fn push(&self, task: Task) {
        if task.header().scheduler.pinned_to.is_some() {
            self.push_pinned(task);
        } else {
            self.push_shared(task);
        }
    }

    #[inline(never)]
    pub(crate) fn push_pinned(&self, task: Task) {
        debug_assert!(
            task.header()
                .scheduler
                .pinned_to
                .as_ref()
                .is_some_and(|home| Arc::ptr_eq(home, &self.local)),
            "a task came to a thread that it is not pinned to"
        );
        let position = self.seat.pushed();
        let mut pinned = self.pinned.borrow_mut();
        if pinned.push(position, task) {
            self.set_first_pinned(&pinned);
        }
    }

    /// Says at which head of the ring the turn of the first pinned task comes, by what has been stolen until now.
    #[inline]
    fn set_first_pinned(&self, pinned: &PinnedQueue) {
        let position = pinned.first_position();
        self.first_pinned.set(position);
        if self.has_siblings.get() && position != NO_POSITION {
            let head = position.saturating_sub(self.seat.stolen_behind());
            self.first_pinned.set(head);
        }
    }

    /// Siblings may have stolen what was before the first pinned task.
    #[inline]
    fn note_what_was_stolen(&self) {
        let pinned = self.pinned.borrow();
        if pinned.len() > 0 {
            self.set_first_pinned(&pinned);
        }
    }

    #[inline]
    pub(crate) fn push_shared(&self, task: Task) {
        if self.is_alone.get() {
            // SAFETY: we are the seat's worker.
            unsafe { self.seat.push(task) };
        } else {
            self.push_for_all(task);
        }
    }

    fn push_for_all(&self, task: Task) {
        if self.number.get().is_none() {
            return self.shared.inject(task);
        }
        // SAFETY: we are the seat's worker.
        unsafe { self.seat.push(task) };
        let idle = &self.shared.idle;
        if idle.wants_work() && self.seat.ring.len() >= idle.worth_waking() {
            self.shared.wake_one();
        }
    }

    /// Adds a task that has been woken: to run next, if that is by a task.
    #[inline]
    pub(crate) fn push_woken(&self, task: Task) {
        if task.header().scheduler.pinned_to.is_some() {
            self.push_pinned(task);
        } else if self.has_siblings.get() && self.streak.get() < LIFO_STREAK {
            // SAFETY: we are the seat's worker.
            if let Some(displaced) = unsafe { self.seat.lifo.put(task) } {
                self.push_shared(displaced);
            }
        } else {
            self.push_shared(task);
        }
    }

    /// The place of whoever comes now.
    pub(crate) fn next_place(&self) -> Place {
        Place {
            ring: self.seat.pushed(),
            pinned: self.pinned_popped.get() + self.pinned.borrow().len() as u64,
        }
    }

    /// Whether nobody is before that place: what was there may have been stolen, too.
    #[inline]
    pub(crate) fn is_turn_of(&self, place: Place) -> bool {
        (place.ring <= self.seat.ring.head() || place.ring <= self.seat.left())
            && place.pinned <= self.pinned_popped.get()
    }

    /// The main future is about to be polled.
    #[inline]
    pub(crate) fn main_runs(&self) {
        self.main_is_woken.set(false);
        self.seat.counters.polls.add(1);
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
            let interval = self.interval.get();
            #[cfg(canary)]
            let interval = match interval {
                _ if crate::canary::is_out("driver-starves") => u32::MAX,
                interval => interval,
            };
            // The clock is read seldom, and soon: polls may suddenly take long.
            let mut check = if self.has_siblings.get() { 1 } else { u32::MAX };
            let slept = loop {
                if let ControlFlow::Break(output) = main.step(self) {
                    self.seat.counters.polls.add(tasks);
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
                    if real_now().saturating_duration_since(self.awake_since.get()) > BETWEEN_TURNS
                    {
                        break false;
                    }
                }
            };
            self.seat.counters.polls.add(tasks);
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
        if self.shared.paused.is_some() {
            self.looked.set(None);
            self.has_run.set(true);
            return;
        }
        if self.searching.take() && self.shared.idle.stop_searching() {
            // There may be more where that came from.
            self.shared.wake_one();
        }
        watch::begin_work(&self.shared, self.number.get());
    }

    /// The main future has been woken on this thread.
    pub(crate) fn main_woken(&self) {
        self.main_is_woken.set(true);
    }

    /// Whether anything is ready here.
    pub(crate) fn has_ready(&self) -> bool {
        self.main_is_woken.get()
            || self.seat.has_ready()
            || self.pinned.borrow().len() > 0
            || self.local.inbox.len() > 0
            || self.shared.injection.len() > 0
    }

    /// Takes the task whose turn it is.
    #[inline(always)]
    fn next(&self) -> Option<Task> {
        if self.has_siblings.get() {
            if let Some(task) = self.seat.lifo.take() {
                self.streak.set(self.streak.get() + 1);
                return Some(task);
            }
            self.streak.set(0);
        }
        if self.first_pinned.get() <= self.seat.ring.head() {
            return self.pop_pinned();
        }
        // SAFETY: we are the seat's worker.
        match unsafe { self.seat.ring.pop() } {
            None => self.next_from_afar(),
            task => task,
        }
    }

    #[inline]
    fn pop_pinned(&self) -> Option<Task> {
        let mut pinned = self.pinned.borrow_mut();
        let (task, run_ends) = pinned.pop()?;
        if run_ends {
            self.set_first_pinned(&pinned);
        }
        self.pinned_popped.set(self.pinned_popped.get() + 1);
        Some(task)
    }

    /// The same, when the ring is empty.
    #[inline(never)]
    fn next_from_afar(&self) -> Option<Task> {
        if self.has_siblings.get() {
            self.note_what_was_stolen();
            if self.first_pinned.get() <= self.seat.ring.head() {
                return self.pop_pinned();
            }
        }
        // SAFETY: we are the seat's worker.
        if let Some(task) = unsafe { self.seat.refill() } {
            return Some(task);
        }
        // Siblings may have emptied the overflow since we looked what they have stolen.
        if (self.collect_inbox() || self.has_siblings.get())
            && let Some(task) = self.pop_pinned()
        {
            return Some(task);
        }
        if self.collect_injected() {
            // SAFETY: we are the seat's worker.
            return unsafe { self.seat.ring.pop() };
        }
        None
    }

    /// Takes what other threads have made ready of the tasks pinned here to the end of the queue. Tells whether there was any.
    #[inline]
    fn collect_inbox(&self) -> bool {
        let has_some = self.local.inbox.len() > 0;
        if has_some {
            self.empty_inbox();
        }
        has_some
    }

    #[inline(never)]
    fn empty_inbox(&self) {
        if let Some(mut tasks) = self.local.inbox.take(usize::MAX) {
            while let Some(task) = tasks.pop() {
                self.push_pinned(task);
            }
        }
    }

    /// Takes this worker's share of what other threads have made ready to the end of its queue. Tells whether there was any.
    #[inline]
    fn collect_injected(&self) -> bool {
        let has_some = self.shared.injection.len() > 0;
        if has_some {
            self.take_share();
        }
        has_some
    }

    #[inline(never)]
    fn take_share(&self) {
        let workers = self.shared.workers();
        if self.number.get().is_none_or(|number| number >= workers) {
            return;
        }
        let injection = &self.shared.injection;
        let share = injection.len() / workers + 1;
        // One at least, also when the ring is full at every turn: it goes to the overflow.
        let room = (CAPACITY - self.seat.ring.len()).max(1);
        let Some(mut tasks) = injection.take(share.min(room)) else {
            return;
        };
        while let Some(task) = tasks.pop() {
            self.push_shared(task);
        }
    }
}

/// Runs `f` with this thread's worker, if it has one.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: `f` cannot take the reference further than this call, and does not end the stay in it, as who has that is not `f`.
    f(unsafe { current() })
}

/// This thread's worker, if it has one.
///
/// # Safety
///
/// The reference is not used after the thread's [`Sitting`] is dropped.
#[inline]
pub(crate) unsafe fn current<'a>() -> Option<&'a Worker> {
    // SAFETY: the pointer is null, or a `Sitting` of this thread has set it to a worker that it keeps alive, and will set
    // it back before it lets go.
    unsafe { CURRENT.get().as_ref() }
}

/// A place in the queue, for who is queued elsewhere: behind so many of the seat's, and so many of the pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) ring: u64,
    pub(crate) pinned: u64,
}
