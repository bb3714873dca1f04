//! [`Watch`]: sees to it that no descriptor, timer or task waits for a worker that is stuck in a long poll.
//!
//! A descriptor or timer is served by the driver of one slot, and so, as a rule, by that slot's worker. If that is in one poll for
//! long, its siblings take its turn:
//!
//! - *Busy* siblings look at each other at their own turns, at most once in [`BETWEEN_LOOKS`] in all.
//! - *Idle* siblings sleep. One of them, the watcher, sleeps no longer than [`PERIOD`] at a time while any worker is awake. When
//!   none is, nobody watches, and all sleep as long as their own drivers let them: an idle runtime uses no processor.
//!
//! Who looks turns the driver of every worker that is awake and has not moved since the last look, and takes the tasks that are queued
//! behind the poll that it is stuck in, so that they too run elsewhere, unless they are pinned there.
//!
//! A guest's driver is looked after as those of the slots are. In a runtime of one slot nobody looks: there is no sibling.
//!
//! # Why somebody watches while a worker is awake
//!
//! A worker that falls asleep and a worker that begins to work each do two steps on two words, the *progress* of its slot and the
//! *watcher* here:
//!
//! - [`before_sleep`]: if nobody watches and somebody is awake, becomes the watcher. The watcher, if nobody is awake, resigns, and then
//!   looks again, with a fence between: it takes the watch back if somebody has come meanwhile.
//! - [`begin_work`]: is awake, by its progress, and then, with a fence between, appoints a sleeper if nobody watches, and has that one's
//!   wait end in time. If it is the watcher itself it resigns first.
//!
//! So either the one who resigns sees the other awake, or the other sees that nobody watches. If a worker that begins to work finds no
//! sleeper to appoint, all are awake; the first to fall asleep finds it awake and becomes the watcher. Sleepers are listed under a
//! lock (see `idle.rs`) before `before_sleep`, so one that is missed there comes after. `tests/loom_watch.rs` models these steps.

use crate::scheduler::shared::Shared;
use crate::scheduler::slot::Slot;
use crate::scheduler::worker::Worker;
use crate::sync::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::Arc;
use std::time::{Duration, Instant};
use waterwheel_reactor::sys::clock::real_now;

/// How long the watcher sleeps at most.
pub(crate) const PERIOD: Duration = Duration::from_millis(10);
/// How long the last look of anybody must be past.
const BETWEEN_LOOKS: Duration = Duration::from_millis(4);

const NOBODY: usize = 0;

pub(crate) struct Watch {
    /// The slot of the watcher, plus one.
    watcher: AtomicUsize,
    /// When somebody looked last, in nanoseconds after `start`.
    last_look: AtomicU64,
    start: Instant,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            watcher: AtomicUsize::new(NOBODY),
            last_look: AtomicU64::new(0),
            start: real_now(),
        }
    }

    fn is_vacant(&self) -> bool {
        self.watcher.load(Ordering::Relaxed) == NOBODY
    }

    pub(crate) fn is_watcher(&self, slot: usize) -> bool {
        self.watcher.load(Ordering::Relaxed) == slot + 1
    }

    /// Makes that slot the watcher, if nobody is. `true`: it is now.
    fn take(&self, slot: usize) -> bool {
        let taken =
            self.watcher
                .compare_exchange(NOBODY, slot + 1, Ordering::SeqCst, Ordering::SeqCst);
        taken.is_ok() || taken == Err(slot + 1)
    }

    /// Resigns. The watcher's alone to call.
    fn resign(&self) {
        self.watcher.store(NOBODY, Ordering::SeqCst);
    }

    /// Whether it is time to look; then it is the caller who must.
    fn may_look(&self, now: Instant) -> bool {
        let now = nanoseconds(now.saturating_duration_since(self.start));
        let last = self.last_look.load(Ordering::Relaxed);
        now.saturating_sub(last) >= nanoseconds(BETWEEN_LOOKS)
            && self
                .last_look
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// Five centuries of them.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// When this worker, which is about to sleep, must look after the others, if it must.
pub(crate) fn before_sleep(shared: &Shared, slot: usize) -> Option<Instant> {
    let watch = &shared.watch;
    if !watch.is_vacant() && !watch.is_watcher(slot) {
        return None;
    }
    loop {
        if shared.anybody_awake() {
            return watch.take(slot).then(|| real_now() + PERIOD);
        }
        if !watch.is_watcher(slot) {
            return None;
        }
        watch.resign();
        fence(Ordering::SeqCst);
        if !shared.anybody_awake() {
            return None;
        }
    }
}

/// This worker, which has rested, has something to do. A guest has no `slot`.
#[cold]
pub(crate) fn begin_work(shared: &Shared, slot: Option<usize>) {
    let watch = &shared.watch;
    if slot.is_some_and(|slot| watch.is_watcher(slot)) {
        watch.resign();
    }
    // What says that we are awake comes before this.
    fence(Ordering::SeqCst);
    if watch.is_vacant() {
        shared.idle.with_sleeper(|sleeper| {
            if watch.take(sleeper) {
                let until = real_now() + PERIOD;
                // It fails only with the timerfd, and then that slot's worker cannot sleep either.
                let _ = shared.slots[sleeper].driver.reactor.end_wait_at(until);
            }
        });
    }
}

/// Takes the turns of those that are stuck, if nobody has just looked.
pub(crate) fn look(worker: &Worker, now: Instant) {
    let shared = &worker.shared;
    if !shared.watch.may_look(now) {
        return;
    }
    let is_stuck = |slot: &Arc<Slot>| {
        let stuck = !Arc::ptr_eq(slot, &worker.slot) && slot.progress.is_stuck();
        if stuck {
            slot.driver.turn_now();
            // Its worker may be about to sleep, and rely on the event of its timerfd that this turn has taken: it makes a turn more instead,
            // and looks at the clock. If it is stuck still, this is no system call.
            slot.driver.reactor.unpark();
            worker.slot.counters.sibling_turns.add(1);
        }
        stuck
    };
    for slot in &shared.slots {
        if is_stuck(slot) {
            worker.steal_from(slot);
        }
    }
    // Nothing is queued there but what is pinned.
    for slot in &shared.guests.snapshot() {
        let _ = is_stuck(slot);
    }
}
