//! [`Shared`]: when a callback timer runs next, as its future and its handles know it.
//!
//! Invariants:
//! - `deadline` is `start + delay`, or, of a repeated timer, a later tick in that phase.
//! - `waker` is that of the future while it waits for `deadline` or an earlier moment. Who ends the timer, or moves the deadline
//!   nearer, takes it and wakes it. A deadline that moves away is only noted: the future wakes at the old one and looks again.
//! - The present is read before the lock is taken, and no user code runs under it.
//!
//! Lock order: it is a leaf.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::Waker,
    time::{Duration, Instant},
};

use waterwheel_poll_context::contain::contain_panic;

use super::moment::{Moment, Schedule};
use crate::{paused, timers::current, virtual_time::VirtualClock};

pub(super) struct Shared {
    state: Mutex<State>,
    /// The clock of the runtime that it was made in or is polled in, if that is paused: a handle on another thread goes by it too.
    paused: OnceLock<Arc<VirtualClock>>,
}

struct State {
    /// Since when the delay counts that ends at the deadline.
    start: Moment,
    delay: Duration,
    deadline: Moment,
    repeats: bool,
    /// Whether it will run, or run again.
    is_pending: bool,
    waker: Option<Waker>,
}

/// What a future may do whose wait is over.
pub(super) enum Claim {
    /// Run: nobody cancels that any more.
    Run,
    /// Wait on: the deadline was moved away.
    NotDue,
    /// Nothing: it was cancelled.
    Over,
}

impl Shared {
    #[track_caller]
    pub(super) fn new(schedule: Schedule) -> Self {
        let (start, delay, deadline) = match schedule {
            Schedule::At(instant) => counted(Moment::Monotonic(instant)),
            Schedule::AtSystem(time) => counted(Moment::System(time)),
            Schedule::After(delay) | Schedule::Every(delay) => {
                let now = Moment::Monotonic(paused::now());
                (now, delay, now.after(delay))
            }
        };
        let repeats = matches!(schedule, Schedule::Every(_));
        assert_period(repeats, delay, "a schedule");
        let shared = Shared {
            state: Mutex::new(State {
                start,
                delay,
                deadline,
                repeats,
                is_pending: true,
                waker: None,
            }),
            paused: OnceLock::new(),
        };
        shared.note_clock();
        shared
    }

    /// Remembers the clock of this thread's runtime, if that is paused.
    fn note_clock(&self) {
        if let Some(clock) = current::virtual_clock() {
            let _known = self.paused.set(clock);
        }
    }

    fn paused(&self) -> Option<&VirtualClock> {
        self.paused.get().map(|clock| &**clock)
    }

    /// The present, by the clock that it goes by.
    fn now(&self) -> Moment {
        self.deadline().present(self.paused())
    }

    /// When it runs next, or has run last.
    pub(super) fn deadline(&self) -> Moment {
        self.lock().deadline
    }

    /// When it runs next, if it does; then it wakes the future if that should change its mind.
    pub(super) fn next(&self, waker: &Waker) -> Option<Moment> {
        {
            let state = self.lock();
            if !state.is_pending {
                return None;
            }
            if state.waker.as_ref().is_some_and(|own| own.will_wake(waker)) {
                return Some(state.deadline);
            }
        }
        self.note_clock();
        let mut waker = Some(waker.clone());
        let mut state = self.lock();
        std::mem::swap(&mut state.waker, &mut waker);
        let next = state.is_pending.then_some(state.deadline);
        drop(state);
        drop(waker);
        next
    }

    /// The future has waited until that moment, by the clock where it is polled, which need not be the one that is known here: claims
    /// the run.
    pub(super) fn claim(&self, waited: Moment) -> Claim {
        let now = self.now();
        let mut state = self.lock();
        if !state.is_pending {
            return Claim::Over;
        }
        if state.deadline > waited && state.deadline > now {
            return Claim::NotDue;
        }
        if state.repeats {
            state.deadline = state.deadline.next_tick(now, state.delay);
            state.start = state.deadline.before(state.delay).unwrap_or(now);
        } else {
            state.is_pending = false;
        }
        Claim::Run
    }

    /// It will not run again. Whether it would have.
    pub(super) fn end(&self) -> bool {
        self.change(|state| std::mem::replace(&mut state.is_pending, false))
            .0
    }

    /// There is no future any more that would run it.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.is_pending = false;
        let waker = state.waker.take();
        drop(state);
        // A destructor calls this, perhaps because of a panic: another one would abort the process.
        contain_panic(|| drop(waker));
    }

    /// Counts the delay from now. Whether it was pending.
    pub(super) fn refresh(&self) -> bool {
        let now = self.now();
        self.change(|state| {
            if state.is_pending {
                state.start = now;
                state.deadline = now.after(state.delay);
            }
            state.is_pending
        })
        .0
    }

    /// Gives it another delay. Whether it was pending.
    #[track_caller]
    pub(super) fn reset(&self, delay: Duration, from_now: bool) -> bool {
        let now = self.now();
        let (was_pending, repeats) = self.change(|state| {
            let is_allowed = !(state.repeats && delay.is_zero());
            if state.is_pending && is_allowed {
                if from_now {
                    state.start = now;
                }
                state.delay = delay;
                state.deadline = state.start.after(delay);
            }
            state.is_pending
        });
        assert_period(repeats, delay, "`TimerHandle::reset`");
        was_pending
    }

    pub(super) fn is_pending(&self) -> bool {
        self.lock().is_pending
    }

    /// When it runs next, if it does.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let next = {
            let state = self.lock();
            state.is_pending.then_some(state.deadline)
        };
        next.map(|next| next.as_instant(self.paused()))
    }

    /// Runs `change` under the lock, and then wakes the future if it is over or due earlier. Returns what `change` does, and whether the
    /// timer repeats.
    fn change(&self, change: impl FnOnce(&mut State) -> bool) -> (bool, bool) {
        let mut state = self.lock();
        let before = state.deadline;
        let result = change(&mut state);
        let must_know = !state.is_pending || state.deadline < before;
        let waker = if must_know { state.waker.take() } else { None };
        let repeats = state.repeats;
        drop(state);
        if let Some(waker) = waker {
            // Of whoever polls the timer. A panic of it is not for who has a handle.
            contain_panic(|| waker.wake());
        }
        (result, repeats)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Poison means nothing here: a state is whole whenever it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A deadline, with the delay until then from now, which a refresh begins anew.
fn counted(deadline: Moment) -> (Moment, Duration, Moment) {
    let now = deadline.present(None);
    (now, deadline.since(now), deadline)
}

#[track_caller]
fn assert_period(repeats: bool, period: Duration, what: &str) {
    assert!(
        !(repeats && period.is_zero()),
        "{what} was given a period of zero; a timer that repeats needs a longer one"
    );
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Schedule")
            .field("is_pending", &state.is_pending)
            .field("deadline", &state.deadline)
            .field("delay", &state.delay)
            .field("repeats", &state.repeats)
            .finish()
    }
}
