//! Counts the calls of a run by kind, and says which one is to fail. And what it must know of descriptors, so that a fault is one that
//! a kernel could produce.

use super::calls::{CALLS, Call, Fault};
use libc::{c_int, epoll_event};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a fault lasts that does.
const LASTING: Duration = Duration::from_millis(25);

/// The one call of a run that is to fail: the first, from 0 on, of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) call: Call,
    pub(crate) index: usize,
    pub(crate) fault: Fault,
}

/// What epoll was told of a descriptor.
#[derive(Clone, Copy)]
pub(crate) struct Registered {
    pub(crate) epoll: c_int,
    pub(crate) event: epoll_event,
}

pub(crate) type Counts = [usize; CALLS];

#[derive(Default)]
struct State {
    armed: bool,
    plan: Option<Plan>,
    injected: Option<Instant>,
    built: bool,
    counts: HashMap<Call, usize>,
    registered: HashMap<c_int, Registered>,
    deregistered: Vec<Registered>,
    /// Events that the kernel has given and that are yet to be delivered.
    held_back: HashMap<c_int, Vec<epoll_event>>,
    /// Descriptors of the runtime's own, and the call that made them.
    made: HashMap<c_int, Call>,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);

thread_local! {
    static EXEMPT: Cell<bool> = const { Cell::new(false) };
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this thread's calls are nobody's business.
pub(crate) fn is_exempt() -> bool {
    EXEMPT.get()
}

/// Runs `f`, none of whose calls is counted or fails.
pub(crate) fn exempt<R>(f: impl FnOnce() -> R) -> R {
    let before = EXEMPT.replace(true);
    let result = f();
    EXEMPT.set(before);
    result
}

/// Forgets what was before, and is told of descriptors from now on.
pub(crate) fn begin(plan: Option<Plan>) {
    *state() = State {
        plan,
        ..State::default()
    };
}

/// From now on calls are counted, and the one that is planned fails.
pub(crate) fn arm() {
    state().armed = true;
}

/// No more so.
pub(crate) fn disarm() {
    state().armed = false;
}

/// The runtime is made: threads that come now are for jobs.
pub(crate) fn built() {
    state().built = true;
}

pub(crate) fn is_built() -> bool {
    !is_exempt() && state().built
}

/// How many calls there were of each kind, and whether the planned one was among them.
pub(crate) fn counted() -> (Counts, bool) {
    let state = state();
    let mut counts = [0; CALLS];
    for (&call, &count) in &state.counts {
        counts[call as usize] = count;
    }
    (counts, state.injected.is_some())
}

/// Counts a call, and says how it fails, if it is to.
pub(crate) fn next(call: Call) -> Option<Fault> {
    if is_exempt() {
        return None;
    }
    let mut state = state();
    if !state.armed {
        return None;
    }
    let count = state.counts.entry(call).or_default();
    let index = *count;
    *count += 1;
    let plan = state.plan?;
    if plan.call != call || index < plan.index {
        return None;
    }
    if index == plan.index {
        state.injected = Some(Instant::now());
        return Some(plan.fault);
    }
    let lasts = matches!(plan.fault, Fault::Lasting(_))
        && state
            .injected
            .is_some_and(|begun| begun.elapsed() < LASTING);
    lasts.then_some(plan.fault)
}

pub(crate) fn registered(fd: c_int, registered: Registered) {
    if !is_exempt() {
        state().registered.insert(fd, registered);
    }
}

pub(crate) fn deregistered(fd: c_int) {
    if !is_exempt() {
        let mut state = state();
        if let Some(registered) = state.registered.remove(&fd) {
            state.deregistered.push(registered);
        }
    }
}

pub(crate) fn closed(fd: c_int) {
    let mut state = state();
    state.registered.remove(&fd);
    state.held_back.remove(&fd);
    state.made.remove(&fd);
}

pub(crate) fn registration(fd: c_int) -> Option<(c_int, epoll_event)> {
    let state = state();
    let registered = state.registered.get(&fd)?;
    Some((registered.epoll, registered.event))
}

/// An event for each descriptor that is registered, of which nothing has happened.
pub(crate) fn all_registered(epoll: c_int) -> Vec<epoll_event> {
    let state = state();
    let here = state.registered.values();
    let here = here.filter(|registered| registered.epoll == epoll);
    here.map(|registered| epoll_event {
        events: (libc::EPOLLIN | libc::EPOLLOUT).cast_unsigned() & registered.event.events,
        u64: registered.event.u64,
    })
    .collect()
}

/// An event for each descriptor that was registered and is no more, of all kinds; and of one that never was.
pub(crate) fn all_deregistered(epoll: c_int) -> Vec<epoll_event> {
    let state = state();
    let here = state.deregistered.iter();
    let here = here.filter(|registered| registered.epoll == epoll);
    let tokens = here.map(|registered| registered.event.u64);
    // A generation and a key that no run comes to.
    let tokens = tokens.chain([0x7fff_fff0_7fff_fff0]);
    let events =
        libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR;
    let events = events.cast_unsigned();
    tokens.map(|u64| epoll_event { events, u64 }).collect()
}

pub(crate) fn hold_back(epoll: c_int, events: &[epoll_event]) {
    state().held_back.entry(epoll).or_default().extend(events);
}

/// Delivers events that were held back, and tells how many.
pub(crate) fn held_back(epoll: c_int, room: &mut [epoll_event]) -> Option<usize> {
    if is_exempt() {
        return None;
    }
    let held = state().held_back.remove(&epoll)?;
    room[..held.len()].copy_from_slice(&held);
    Some(held.len())
}

/// A descriptor was made by that call, if it is one.
pub(crate) fn made(fd: c_int, call: Call) {
    if fd >= 0 && !is_exempt() {
        state().made.insert(fd, call);
    }
}

/// The call that has made a descriptor, if it is one of a runtime's own.
pub(crate) fn made_as(fd: c_int) -> Option<Call> {
    if is_exempt() {
        return None;
    }
    state().made.get(&fd).copied()
}
