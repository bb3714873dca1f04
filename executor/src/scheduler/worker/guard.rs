//! [`WorkerGuard`]: the time in which a thread is a worker, from when it takes a slot until it leaves it.
//!
//! A thread that becomes a worker makes several claims, one after the other: the slot, a place among the threads that the end of the runtime
//! waits for, the thread's reactor and timers, the membership in a paused runtime, the thread's [`CURRENT`] worker. Each claim is a guard that
//! gives back what it claims when it is dropped, and it is made before the next step is taken. So a panic in any step loses no claim: the slot
//! can be taken again, and the end of the runtime waits for no thread that has gone.

use super::pace::Pace;
use super::paused::PausedRest;
use super::pinned::Pinned;
use super::rest::Rest;
use super::rested::Rested;
use super::role::Role;
use super::search::Search;
use super::{CURRENT, Worker, with_current};
use crate::scheduler::driver::Entered;
use crate::scheduler::forked::is_inherited;
use crate::scheduler::local_tasks::LocalTasks;
use crate::scheduler::paused::Paused;
use crate::scheduler::shared::Shared;
use crate::scheduler::slot::Slot;
use crate::scheduler::watch;
use crate::task::id::Running;
use crate::task::memory::Blocks;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use waterwheel_poll_context::budget;
use waterwheel_reactor::sys::clock::real_now;

impl Worker {
    /// The runtime has ended: from here on this worker is as a guest. It ends what is pinned to this thread, and polls nothing but its
    /// main future, so that whoever ends the runtime need not wait for that.
    pub(crate) fn retire(&self) {
        self.close_local();
        let Some(number) = self.role.become_guest() else {
            return;
        };
        // SAFETY: we are the slot's worker.
        unsafe { self.slot.clear() };
        self.let_others_search(number);
    }

    /// This worker does not search, nor watch, any more.
    fn let_others_search(&self, number: usize) {
        if self.search.end() && self.shared.idle.stop_searching() {
            self.shared.wake_one();
        }
        if self.shared.watch.is_watcher(number) {
            watch::begin_work(&self.shared, Some(number));
        }
    }

    /// Ends what is pinned to this thread: drops its futures, here, and takes no more.
    fn close_local(&self) {
        self.local.end();
        // What is queued is references to tasks that are complete, and no future. Dropped one by one, as nothing must be borrowed.
        while let Some(task) = self.pop_pinned() {
            drop(task);
        }
    }
}

/// Which slot a thread takes.
pub(crate) enum Placement {
    /// The slot of that number, which no other thread has. The first has been claimed from `Threads`; from here on the guard leaves it.
    Slot(usize),
    /// A slot of its own, beside those of the runtime.
    Guest(Arc<Slot>),
}

/// The time in which a thread is a worker: from here on `spawn`, `sleep` and sockets work on this thread. Dropped, it ends the tasks that
/// are pinned to this thread, and leaves the slot.
pub(crate) struct WorkerGuard {
    /// An `Rc`, and not a `Box`: to move a box is to assert that nobody else points into it, and the thread-local does.
    /// So a guard is not `Send` either, as the thread-local is this thread's.
    worker: Rc<Worker>,
    /// The worker that this thread had before: none, or, in a child, that of its parent's.
    before: *const Worker,
    /// In a paused runtime.
    _member: Option<PausedMember>,
    _awake: Awake,
    /// Given up after `drop` has run, so that destructors of tasks find what they know.
    _entered: Entered,
    _present: Present,
    /// Given up last.
    _leave: Leave,
}

impl WorkerGuard {
    /// Takes a slot. The thread must not be a worker yet.
    pub(crate) fn take(shared: Arc<Shared>, placement: Placement) -> Self {
        let leave = Leave::new(shared, placement);
        let (shared, slot, number) = (&leave.shared, &leave.slot, leave.number);
        at_step();
        let present = Present::new(shared, &leave.local);
        at_step();
        let entered = slot.driver.enter();
        at_step();
        let awake = Awake::new(slot);
        at_step();
        let polls = number.is_none_or(|number| number < shared.workers());
        let paused = shared.paused.as_ref().filter(|_| polls);
        let member = paused.map(|paused| PausedMember::new(shared, paused, slot));
        at_step();
        let worker = Rc::new(Worker {
            role: Role::new(number, shared.workers()),
            pinned: Pinned::new(),
            streak: Cell::new(0),
            pace: Pace::new(shared.settings.event_interval),
            rested: Rested::new(shared.process, shared.slots.len() > 1),
            rest: match &shared.paused {
                Some(paused) => Rest::Paused(PausedRest::new(Arc::clone(paused))),
                None => Rest::Real,
            },
            search: Search::new(number.unwrap_or(0)),
            main_is_woken: Cell::new(false),
            local: Arc::clone(&leave.local),
            blocks: Blocks::new(),
            slot: Arc::clone(slot),
            shared: Arc::clone(shared),
        });
        at_step();
        debug_assert!(
            with_current(|before| before.is_none() || is_inherited(before)),
            "a thread is one worker"
        );
        let before = CURRENT.replace(Rc::as_ptr(&worker));
        Self {
            worker,
            before,
            _member: member,
            _awake: awake,
            _entered: entered,
            _present: present,
            _leave: leave,
        }
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        // Before the worker is freed, also if what follows panics.
        let _vacate = Vacate(self.before);
        let worker = &*self.worker;
        budget::unlimited();
        Running::none();
        let shared = &worker.shared;
        if !shared.is_here() {
            // All that it has is the parent's.
            std::mem::forget(Rc::clone(&self.worker));
            return;
        }
        let _resign = Resign(worker);
        if shared.ends_with_main && worker.role.number().is_some() {
            shared
                .threads
                .shut_down(shared, Some(real_now()), &mut |_| ());
        }
        worker.close_local();
    }
}

/// Dropped, it gives this thread the worker back that it had before, mostly none.
struct Vacate(*const Worker);

impl Drop for Vacate {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Dropped, it has the worker search and watch no more.
struct Resign<'a>(&'a Worker);

impl Drop for Resign<'_> {
    fn drop(&mut self) {
        self.0.slot.progress.gone();
        if let Some(number) = self.0.role.number() {
            self.0.let_others_search(number);
        }
    }
}

/// The time in which the slot's worker counts as one that may be awake.
struct Awake(Arc<Slot>);

impl Awake {
    fn new(slot: &Arc<Slot>) -> Self {
        slot.progress.awake();
        Self(Arc::clone(slot))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.progress.gone();
    }
}

/// The time in which a thread counts for when the clock of a paused runtime moves.
struct PausedMember {
    shared: Arc<Shared>,
    paused: Arc<Paused>,
    slot: Arc<Slot>,
}

impl PausedMember {
    fn new(shared: &Arc<Shared>, paused: &Arc<Paused>, slot: &Arc<Slot>) -> Self {
        shared.blocking.job_waits(true);
        let member = Self {
            shared: Arc::clone(shared),
            paused: Arc::clone(paused),
            slot: Arc::clone(slot),
        };
        paused.come(shared, &slot.driver.reactor);
        member
    }
}

impl Drop for PausedMember {
    fn drop(&mut self) {
        if !self.shared.is_here() {
            return;
        }
        self.shared.blocking.job_waits(false);
        self.paused.leave(&self.shared, &self.slot.driver.reactor);
    }
}

/// The time in which a thread is one of those that the end of the runtime waits for. Dropped, it ends what is pinned there.
struct Present {
    shared: Arc<Shared>,
    local: Arc<LocalTasks>,
}

impl Present {
    fn new(shared: &Arc<Shared>, local: &Arc<LocalTasks>) -> Self {
        let present = Self {
            shared: Arc::clone(shared),
            local: Arc::clone(local),
        };
        shared.threads.come(local);
        present
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        if !self.shared.is_here() {
            return;
        }
        // The worker has done so, if there was one.
        self.local.end();
        self.shared.threads.cleared(&self.local);
    }
}

/// Dropped, it gives the slot to whom it may concern.
struct Leave {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    number: Option<usize>,
    local: Arc<LocalTasks>,
}

impl Leave {
    /// Takes over the claim on the slot. Nothing here panics.
    fn new(shared: Arc<Shared>, placement: Placement) -> Self {
        let (slot, number) = match placement {
            Placement::Slot(number) => (Arc::clone(&shared.slots[number]), Some(number)),
            Placement::Guest(slot) => {
                shared.guests.come(Arc::clone(&slot));
                (slot, None)
            }
        };
        let local = match number.and_then(|number| shared.threads.local_in(number)) {
            Some(local) => Arc::clone(local),
            None => LocalTasks::new(Arc::clone(&slot.driver.reactor)),
        };
        Self {
            shared,
            slot,
            number,
            local,
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if !self.shared.is_here() {
            return;
        }
        match self.number {
            Some(number) => {
                self.shared.threads.leave(&self.shared, number, &self.local);
                if let Some(paused) = &self.shared.paused {
                    // They wait no more for who has the slot next, if nobody has.
                    paused.all_look(&self.shared);
                }
            }
            None => {
                self.shared.guests.leave(&self.slot);
                self.slot.driver.close();
            }
        }
    }
}

/// Between two claims: nothing, but the tests may have it panic.
#[inline(always)]
fn at_step() {
    #[cfg(all(test, not(loom)))]
    tests::at_step();
}

#[cfg(all(test, not(loom)))]
mod tests;
