//! [`Sitting`]: a thread's stay in a seat, from when it sits down until it leaves.

use super::rested::Rested;
use super::{CURRENT, Worker, with_current};
use crate::driver::Entered;
use crate::forked::is_inherited;
use crate::idle::Woken;
use crate::local::Local;
use crate::pinned::{NO_POSITION, PinnedQueue};
use crate::seat::Seat;
use crate::shared::{self, Shared};
use crate::task::memory::Blocks;
use crate::tasks::Running;
use crate::watch;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use waterwheel_reactor::budget;

impl Worker {
    /// The runtime has ended: from here on this worker is as a guest. It ends what is pinned to this thread, and polls nothing but its
    /// main future, so that whoever ends the runtime need not wait for that.
    pub(crate) fn retire(&self) {
        self.close_local();
        let Some(number) = self.number.take() else {
            return;
        };
        self.has_siblings.set(false);
        self.is_alone.set(false);
        // SAFETY: we are the seat's worker.
        unsafe { self.seat.clear() };
        self.let_others_search(number);
    }

    /// This worker does not search, nor watch, any more.
    fn let_others_search(&self, number: usize) {
        if self.searching.take() && self.shared.idle.stop_searching() {
            self.shared.wake_one();
        }
        if self.shared.watch.is_watcher(number) {
            watch::begin_work(&self.shared, Some(number));
        }
    }

    /// Ends what is pinned to this thread: drops its futures, here, and takes no more.
    fn close_local(&self) {
        shared::drain(&self.local.owned);
        drop(self.local.inbox.close());
        // What is queued is references to tasks that are complete, and no future. Dropped one by one, as nothing must be borrowed.
        while let Some(task) = self.pop_pinned() {
            drop(task);
        }
    }
}

/// Where a thread sits down.
pub(crate) enum Chair {
    /// In the seat of that number, which nobody else has.
    Seat(usize),
    /// In a seat of its own, beside those of the runtime.
    Guest(Arc<Seat>),
}

/// A thread's stay in a seat: from here on `spawn`, `sleep` and sockets work on this thread. Dropped, it ends the tasks that
/// are pinned to this thread, and leaves the seat.
pub(crate) struct Sitting {
    /// An `Rc`, and not a `Box`: to move a box is to assert that nobody else points into it, and the thread-local does.
    /// So a stay is not `Send` either, as the thread-local is this thread's.
    worker: Rc<Worker>,
    /// The worker that this thread had before: none, or, in a child, that of its parent's.
    before: *const Worker,
    /// Given up after `drop` has run, so that destructors of tasks find what they know.
    _entered: Entered,
    /// Given up last.
    _leave: Leave,
}

impl Sitting {
    /// Sits down. The thread must not sit anywhere yet.
    pub(crate) fn take(shared: Arc<Shared>, chair: Chair) -> Self {
        let (seat, number) = match chair {
            Chair::Seat(number) => (Arc::clone(&shared.seats[number]), Some(number)),
            Chair::Guest(seat) => (seat, None),
        };
        let entered = seat.driver.enter();
        let local = Local::new(Arc::clone(&seat.driver.reactor));
        seat.moves.awake();
        if number.is_none() {
            shared.guests.come(Arc::clone(&seat));
        }
        shared.crew.come(&shared, &local);
        let has_siblings = number.is_some() && shared.workers() > 1;
        let polls = number.is_none_or(|number| number < shared.workers());
        if let Some(paused) = shared.paused.as_ref().filter(|_| polls) {
            shared.blocking.job_waits(true);
            paused.come(&shared, &seat.driver.reactor);
        }
        let worker = Rc::new(Worker {
            number: Cell::new(number),
            has_siblings: Cell::new(has_siblings),
            pinned: RefCell::new(PinnedQueue::new()),
            first_pinned: Cell::new(NO_POSITION),
            is_alone: Cell::new(number.is_some() && polls && !has_siblings),
            pinned_popped: Cell::new(0),
            streak: Cell::new(0),
            interval: Cell::new(shared.settings.event_interval),
            awake_since: Cell::new(Instant::now()),
            has_turned: Cell::new(true),
            rested: Rested::new(shared.process, shared.seats.len() > 1),
            looked: Cell::new(None),
            has_run: Cell::new(true),
            main_is_woken: Cell::new(false),
            searching: Cell::new(false),
            woken: Cell::new((Instant::now(), Woken::ByItself)),
            first_victim: Cell::new(number.unwrap_or(0)),
            local: Arc::clone(&local),
            blocks: Blocks::new(),
            seat: Arc::clone(&seat),
            shared: Arc::clone(&shared),
        });
        debug_assert!(
            with_current(|before| before.is_none() || is_inherited(before)),
            "a thread sits in one seat"
        );
        let before = CURRENT.replace(Rc::as_ptr(&worker));
        Self {
            worker,
            before,
            _entered: entered,
            _leave: Leave {
                shared,
                seat,
                number,
                local,
            },
        }
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        // Before the worker is freed, also if what follows panics.
        let _vacate = Vacate(self.before);
        budget::unlimited();
        Running::none();
        let worker = &*self.worker;
        let shared = &worker.shared;
        if !shared.is_here() {
            // All that it has is the parent's.
            std::mem::forget(Rc::clone(&self.worker));
            return;
        }
        if shared.ends_with_main && worker.number.get().is_some() {
            shared
                .crew
                .shut_down(shared, Some(Instant::now()), &mut |_| ());
        }
        worker.close_local();
        worker.seat.moves.asleep();
        if let Some(paused) = &shared.paused {
            shared.blocking.job_waits(false);
            paused.leave(shared, &worker.seat.driver.reactor);
        }
        if let Some(number) = worker.number.get() {
            worker.let_others_search(number);
        }
        shared.crew.cleared(&worker.local);
    }
}

/// Dropped, it gives this thread the worker back that it had before, mostly none.
struct Vacate(*const Worker);

impl Drop for Vacate {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Dropped, it gives the seat to whom it may concern.
struct Leave {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
    number: Option<usize>,
    local: Arc<Local>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        if !self.shared.is_here() {
            return;
        }
        match self.number {
            Some(number) => {
                self.shared.crew.leave(&self.shared, number, &self.local);
                if let Some(paused) = &self.shared.paused {
                    // They wait no more for who has the seat next, if nobody has.
                    paused.all_look(&self.shared);
                }
            }
            None => {
                self.shared.guests.leave(&self.seat);
                self.seat.driver.close();
                self.shared.crew.cleared(&self.local);
            }
        }
    }
}
