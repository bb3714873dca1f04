//! [`Crew`]: the threads of a runtime, and who has its first seat.
//!
//! A runtime of N seats has N threads of its own: one in each seat but the first, and a *spare*. The first seat is for `block_on`, so
//! that the main future is as near to its tasks as they are to each other. When nobody is in `block_on`, and there is anything to do,
//! the spare sits there.
//!
//! ```text
//!            block_on                      its end, and nothing is left to do
//!  VACANT ───────────────► MAIN ──────────────────────────────────────────────► VACANT
//!    │ ▲                     │ its end, and something is left to do
//!    │ │ wanted by block_on  ▼
//!    │ └─────────────────── SPARE
//!    └───────────────────────▲
//!      a task is spawned
//! ```
//!
//! **Invariant.** While the first seat is vacant, no task of the runtime is alive, its driver has nothing registered, and its queues
//! are empty; or somebody who waits for it is about to take it. Why no task slips in between is told in [`vacancy`].
//!
//! The spare does not give the seat up while tasks are pinned to it, as these would end with its stay; `block_on` waits for it no
//! longer than [`PATIENCE`], and is a guest then.
//!
//! Lock order: the crew's lock comes before those of the lists, of queues and of the driver. No user code runs under it.

pub(crate) mod guests;
mod vacancy;
mod work;

use crate::Handle;
use crate::scheduler::local::Local;
use crate::scheduler::seat::Seat;
use crate::scheduler::shared::Shared;
use crate::shrink;
use crate::sync::{Mutex, lock};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use vacancy::Vacancy;
use waterwheel_reactor::sys::clock::real_now;
use waterwheel_reactor::sys::fork::Process;
use work::{work_as_spare, work_in};

/// How long `block_on` waits for the spare thread to leave the first seat.
const PATIENCE: Duration = Duration::from_millis(1);

/// What a thread does. Boxed, so that there is one way to start a thread, compiled once.
type Work = Box<dyn FnOnce(&Arc<Shared>) + Send>;

pub(crate) struct Crew {
    /// The process whose threads these are.
    process: Process,
    state: Mutex<State>,
    /// What is pinned to the threads of the seats but the first, each of which has one thread for all its time.
    locals: Box<[Arc<Local>]>,
    changed: Condvar,
    /// Whether `state.first` is vacant, for who spawns.
    vacancy: Vacancy,
    /// How many `block_on` wait for the spare to leave the first seat. Changed under the lock.
    waiting: AtomicUsize,
    /// Whether the runtime ends because a worker has died.
    lost: AtomicBool,
}

struct State {
    first: First,
    /// The threads that sit, or have yet to come to a seat of their own, and have not ended what is pinned to them.
    present: Vec<Arc<Local>>,
    /// One for each seat but the first, in order, and then the spare.
    threads: Vec<thread::JoinHandle<()>>,
    /// How many of the threads have not ended.
    running: usize,
}

impl State {
    fn forget(&mut self, local: &Arc<Local>) {
        self.present.retain(|other| !Arc::ptr_eq(other, local));
        shrink::vec(&mut self.present);
    }
}

/// Who has the first seat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Vacant,
    /// A thread in `block_on`, or the one that ends the runtime.
    Main,
    /// The spare thread, which sits there or is on its way.
    Spare,
}

impl Crew {
    /// A crew without threads. `for_main`: the first seat is taken, by the one who calls this.
    pub(crate) fn new(for_main: bool, seats: &[Arc<Seat>]) -> Self {
        let of_seat = |seat: &Arc<Seat>| Local::new(Arc::clone(&seat.driver.reactor));
        let locals: Box<[_]> = seats.iter().skip(1).map(of_seat).collect();
        Self {
            process: Process::current(),
            state: Mutex::new(State {
                first: if for_main { First::Main } else { First::Vacant },
                present: locals.to_vec(),
                threads: Vec::new(),
                running: 0,
            }),
            locals,
            changed: Condvar::new(),
            vacancy: Vacancy::new(!for_main),
            waiting: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Gives the first seat to somebody.
    fn fill_first(&self, state: &mut State, first: First) {
        debug_assert!(first != First::Vacant);
        state.first = first;
        self.vacancy.fill();
        self.changed.notify_all();
    }

    /// Nobody has the first seat any more; the spare is to have it if there is anything to do there, and nobody else waits for it.
    fn leave_first(&self, shared: &Shared, state: &mut State) {
        let is_wanted = state.first == First::Spare;
        state.first = First::Vacant;
        if self
            .vacancy
            .leave(|| !is_wanted && shared.needs_first_seat())
        {
            self.fill_first(state, First::Spare);
        }
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// The kernel's. Those that have been started are there still.
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<()> {
        let seats = 1..shared.settings.seats;
        for seat in seats.clone() {
            let started = Self::start_thread(shared, Box::new(move |shared| work_in(shared, seat)));
            if started.is_err() {
                (seat..seats.end).for_each(|seat| shared.crew.abandon(seat));
                return started;
            }
        }
        Self::start_thread(shared, Box::new(work_as_spare))
    }

    /// No thread will ever come to that seat.
    fn abandon(&self, seat: usize) {
        let local = self.local_in(seat).expect("it is not the first");
        local.end();
        self.cleared(local);
    }

    fn start_thread(shared: &Arc<Shared>, work: Work) -> io::Result<()> {
        let settings = &shared.settings;
        let mut builder = thread::Builder::new().name(settings.thread_name.clone());
        if let Some(size) = settings.thread_stack_size {
            builder = builder.stack_size(size);
        }
        let runtime = Arc::clone(shared);
        let mut state = shared.crew.lock();
        let thread = builder.spawn(move || {
            let _ended = Ended(&runtime);
            let _stopped = runtime.settings.hooks.thread.around_thread();
            work(&runtime);
        })?;
        state.running += 1;
        state.threads.push(thread);
        Ok(())
    }

    /// A thread sits down.
    pub(crate) fn come(&self, shared: &Shared, local: &Arc<Local>) {
        let mut state = self.lock();
        if shared.is_closing() {
            drop(state);
            // Nobody would end what it spawns.
            local.owned.close();
        } else if !state.present.iter().any(|other| Arc::ptr_eq(other, local)) {
            state.present.push(Arc::clone(local));
        }
    }

    /// What is pinned to the thread of that seat, whether it has come or not. The first seat changes hands, and has none.
    pub(crate) fn local_in(&self, seat: usize) -> Option<&Arc<Local>> {
        self.locals.get(seat.checked_sub(1)?)
    }

    /// A thread has ended what is pinned to it.
    pub(crate) fn cleared(&self, local: &Arc<Local>) {
        let mut state = self.lock();
        state.forget(local);
        self.changed.notify_all();
    }

    /// A thread has left a seat of the runtime.
    pub(crate) fn leave(&self, shared: &Shared, seat: usize, local: &Arc<Local>) {
        let mut state = self.lock();
        state.forget(local);
        if shared.is_closing() {
            drop(state);
            // SAFETY: we have left it, and given it to nobody.
            unsafe { close_seat(shared, seat) };
            state = self.lock();
            if seat == 0 {
                state.first = First::Main;
            }
        } else if seat == 0 {
            let spare_stays = state.first == First::Spare && !self.is_spare_wanted();
            if !spare_stays {
                self.leave_first(shared, &mut state);
            }
        }
        self.changed.notify_all();
    }

    /// Whether a task that has just been put into a list needs somebody to [`occupy`](Self::occupy) the first seat.
    #[inline]
    pub(crate) fn first_seat_is_vacant(&self) -> bool {
        self.vacancy.is_vacant()
    }

    /// Whether somebody has the first seat, or is to have it. Unlike the above it never says «vacant» of one that the spare is about to get.
    pub(crate) fn first_seat_is_taken(&self) -> bool {
        self.lock().first != First::Vacant
    }

    /// Sends the spare thread to the first seat.
    #[cold]
    pub(crate) fn occupy(&self, shared: &Shared) {
        let mut state = self.lock();
        if state.first == First::Vacant && !shared.is_closing() {
            self.fill_first(&mut state, First::Spare);
        }
    }

    /// Takes the first seat for this thread, if it can be had. The caller [sits](crate::scheduler::worker::Sitting) down before anything can panic.
    #[must_use]
    pub(crate) fn claim_first(&self, shared: &Shared) -> bool {
        let mut state = self.lock();
        if state.first == First::Spare && !shared.is_closing() {
            let _waiting = Waiting::new(&self.waiting);
            shared.seats[0].driver.reactor.unpark();
            let waited = self.changed.wait_timeout_while(state, PATIENCE, |state| {
                state.first == First::Spare && !shared.is_closing()
            });
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let vacant = state.first == First::Vacant && !shared.is_closing();
        if vacant {
            self.fill_first(&mut state, First::Main);
        }
        vacant
    }

    /// Ends a runtime: no work is taken any more, every task is ended, and every thread told to leave. Waits for that until
    /// `deadline`, or as long as it takes. Once it has been called, another call returns at once, and so does each in a child of `fork`.
    ///
    /// `begun` runs when no more is taken, and nobody has been told to end anything yet, with the threads that sit; it must not use the crew.
    pub(crate) fn shut_down(
        &self,
        shared: &Arc<Shared>,
        deadline: Option<Instant>,
        begun: &mut dyn FnMut(&[Arc<Local>]),
    ) {
        if !shared.is_here() {
            return;
        }
        let present = {
            let state = self.lock();
            if shared.is_closing() {
                return;
            }
            shared.refuse();
            for local in &state.present {
                local.owned.close();
            }
            begun(&state.present);
            shared.set_closing();
            state.present.clone()
        };
        self.changed.notify_all();
        for local in &present {
            local.unpark();
        }
        shared.close();
        crate::scheduler::worker::with_current(|current| {
            if let Some(worker) = current
                && Arc::ptr_eq(&worker.shared, shared)
            {
                // It is in a task here, and so will not come to that before we return.
                worker.retire();
                self.cleared(&worker.local);
            }
        });
        let this_thread = thread::current().id();
        let mut state = self.lock();
        let is_this = |thread: &thread::JoinHandle<()>| thread.thread().id() == this_thread;
        let own = state.threads.iter().position(is_this);
        // If it has not come to its seat, it is in a hook, and will not before we return.
        let own_local = own.and_then(|thread| self.locals.get(thread)).cloned();
        let is_own = |local: &Arc<Local>| {
            own_local
                .as_ref()
                .is_some_and(|own| Arc::ptr_eq(own, local))
        };
        while !state.present.iter().all(is_own) || state.running > usize::from(own.is_some()) {
            state = match deadline.map(|end| end.saturating_duration_since(real_now())) {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let threads = std::mem::take(&mut state.threads);
        let all_ended = state.running == 0;
        let unclosed = state.first == First::Vacant;
        if unclosed {
            state.first = First::Main;
        }
        drop(state);
        if unclosed {
            // SAFETY: we have just taken the first seat; nobody takes it after us.
            unsafe { close_seat(shared, 0) };
        }
        if all_ended {
            for thread in threads
                .into_iter()
                .filter(|thread| thread.thread().id() != this_thread)
            {
                // A panic has been told of by the panic hook.
                let _ = thread.join();
            }
        }
    }

    /// A worker has died, on this thread, which sits nowhere any more. What it had to do nobody would do, so that who waits for that would
    /// do so for ever: the runtime ends, and each `block_on` panics.
    #[cold]
    fn lose_worker(&self, shared: &Arc<Shared>) {
        self.lost.store(true, Ordering::Relaxed);
        // Before all else: who ends the runtime meanwhile finds that this is under way, and waits for jobs, of which no more must come.
        drop(shared.blocking.close());
        // What destructors spawn is refused, and not an error.
        let _entered = Handle::new(Arc::clone(shared)).enter();
        self.shut_down(shared, Some(real_now()), &mut |_| ());
    }

    /// Whether the runtime, which is closing, does so because a worker has died.
    pub(crate) fn has_lost_worker(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    fn is_spare_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// In a child of `fork` the threads are not there, and nothing must try to let go of them.
impl Drop for Crew {
    fn drop(&mut self) {
        if !self.process.is_current() {
            let state = self.state.get_mut();
            let state = state.unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(std::mem::take(&mut state.threads));
        }
    }
}

/// The time in which a `block_on` waits for the spare to leave the first seat. The crew's lock is held when it begins and when it ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Gives up what is left in a seat whose runtime has ended.
///
/// # Safety
///
/// The seat is the caller's.
unsafe fn close_seat(shared: &Shared, seat: usize) {
    let seat = &shared.seats[seat];
    // SAFETY: by the caller's promise.
    unsafe { seat.clear() };
    seat.driver.close();
}

/// Dropped, it says that this thread has ended, or is as good as that.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if !self.0.is_here() {
            crate::blocking::abandoned::abandoned();
        }
        let crew = &self.0.crew;
        crew.lock().running -= 1;
        crew.changed.notify_all();
    }
}
