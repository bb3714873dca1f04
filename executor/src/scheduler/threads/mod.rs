//! [`Threads`]: the threads of a runtime, and which of them has its first place. It applies what [`state`] decides.
//!
//! A runtime of N workers has N threads of its own: one in each worker's place but the first, and a *spare*. The first place is for `block_on`,
//! so that the main future is as near to its tasks as they are to each other. When no thread is in `block_on`, and there is anything to do,
//! the spare works there.
//!
//! | file | what is there |
//! |---|---|
//! | here | what other threads call: come, leave, claim, occupy; the threads' start |
//! | `state` | which thread has which place: pure, and explored |
//! | `vacancy` | whether the first place is vacant, for threads that spawn, without the lock |
//! | `shutdown` | the end of a runtime |
//! | `work` | what the runtime's own threads do |
//! | `guests` | the threads in `block_on` that have no place |
//!
//! **Invariant.** While the first place is vacant, no task of the runtime is alive, its driver has nothing registered, and its queues
//! are empty; or a thread that waits for it is about to take it. Why no task slips in between is told in [`vacancy`].
//!
//! The spare does not leave the place while tasks are pinned to it, as these would end when it leaves; `block_on` waits for it no
//! longer than [`PATIENCE`], and is a guest then.
//!
//! Lock order: the lock here comes before those of the lists, of queues and of the driver. No user code runs under it.

pub(crate) mod guests;
mod shutdown;
mod state;
mod vacancy;
mod work;

use crate::scheduler::local_tasks::LocalTasks;
use crate::scheduler::shared::Shared;
use crate::scheduler::slot::Slot;
use crate::sync::{Mutex, lock};
use state::{Claim, Left, SpareDoes, State};
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use vacancy::Vacancy;
use waterwheel_reactor::sys::fork::Process;
use work::{work_as_spare, work_in};

/// How long `block_on` waits for the spare thread to leave the first place.
const PATIENCE: Duration = Duration::from_millis(1);

/// What a thread does. Boxed, so that there is one way to start a thread, compiled once.
type Work = Box<dyn FnOnce(&Arc<Shared>) + Send>;

pub(crate) struct Threads {
    /// The process whose threads these are.
    process: Process,
    locked: Mutex<Locked>,
    /// What is pinned to the threads of the places but the first, each of which has one thread for all its time.
    locals: Box<[Arc<LocalTasks>]>,
    changed: Condvar,
    /// Whether the first place is vacant, for threads that spawn.
    vacancy: Vacancy,
    /// Whether a claim waits for the spare to leave the first place, for the spare to see at each turn. Changed under the lock.
    is_spare_wanted: AtomicBool,
    /// Whether the runtime ends because a worker has died.
    lost: AtomicBool,
}

struct Locked {
    state: State<Member>,
    /// One for each place but the first, in order, and then the spare.
    handles: Vec<thread::JoinHandle<()>>,
}

/// The tasks that are pinned to a thread, by their address.
#[derive(Clone)]
struct Member(Arc<LocalTasks>);

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Threads {
    /// No threads yet. `claimed`: the caller has the first place.
    pub(crate) fn new(claimed: bool, slots: &[Arc<Slot>]) -> Self {
        let of_slot = |slot: &Arc<Slot>| LocalTasks::new(Arc::clone(&slot.driver.reactor));
        let locals: Box<[_]> = slots.iter().skip(1).map(of_slot).collect();
        let present = locals.iter().map(Arc::clone).map(Member).collect();
        Self {
            process: Process::current(),
            locked: Mutex::new(Locked {
                state: State::new(claimed, present),
                handles: Vec::new(),
            }),
            locals,
            changed: Condvar::new(),
            vacancy: Vacancy::new(!claimed),
            is_spare_wanted: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Locked> {
        lock(&self.locked)
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// The kernel's. Those that have been started are there still.
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<()> {
        let slots = 1..shared.settings.workers;
        for slot in slots.clone() {
            let started = Self::start_thread(shared, Box::new(move |shared| work_in(shared, slot)));
            if started.is_err() {
                (slot..slots.end).for_each(|slot| shared.threads.abandon(slot));
                return started;
            }
        }
        Self::start_thread(shared, Box::new(work_as_spare))
    }

    /// No thread will ever come to that place.
    fn abandon(&self, slot: usize) {
        let local = self.local_in(slot).expect("it is not the first");
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
        let mut locked = shared.threads.lock();
        let thread = builder.spawn(move || {
            let _ended = Ended(&runtime);
            let _stopped = runtime.settings.hooks.thread.around_thread();
            work(&runtime);
        })?;
        locked.state.thread_started();
        locked.handles.push(thread);
        Ok(())
    }

    /// A thread takes a place, or is a guest.
    pub(crate) fn come(&self, local: &Arc<LocalTasks>) {
        if !self.lock().state.come(&Member(Arc::clone(local))) {
            // Nobody would end what it spawns.
            local.owned.close();
        }
    }

    /// What is pinned to the thread of that place, whether it has come or not. The first place changes hands, and has none.
    pub(crate) fn local_in(&self, slot: usize) -> Option<&Arc<LocalTasks>> {
        self.locals.get(slot.checked_sub(1)?)
    }

    /// A thread has ended what is pinned to it.
    pub(crate) fn cleared(&self, local: &Arc<LocalTasks>) {
        self.lock().state.cleared(&Member(Arc::clone(local)));
        self.changed.notify_all();
    }

    /// A thread has left a place of the runtime.
    pub(crate) fn leave(&self, shared: &Shared, slot: usize, local: &Arc<LocalTasks>) {
        let mut locked = self.lock();
        match locked.state.leave(&Member(Arc::clone(local)), slot == 0) {
            Left::Kept => {}
            Left::Vacated { wanted } => {
                if self.vacancy.leave(|| !wanted && shared.needs_first_slot()) {
                    self.send_spare(&mut locked);
                }
            }
            Left::Close => {
                drop(locked);
                // SAFETY: this thread has left it, and given it to nobody.
                unsafe { close_slot(shared, slot) };
            }
        }
        self.changed.notify_all();
    }

    /// There is work in the first place: the spare is sent there, if that is vacant.
    fn send_spare(&self, locked: &mut Locked) {
        if locked.state.occupy() {
            self.vacancy.fill();
            self.changed.notify_all();
        }
    }

    /// Whether a task that has just been put into a list needs a thread to [`occupy`](Self::occupy) the first place.
    #[inline]
    pub(crate) fn first_slot_is_vacant(&self) -> bool {
        self.vacancy.is_vacant()
    }

    /// Whether a thread has the first place, or is to have it. Unlike the above it never says "vacant" of one that the spare is about to get.
    pub(crate) fn first_slot_is_taken(&self) -> bool {
        self.lock().state.first() != state::First::Vacant
    }

    /// Sends the spare thread to the first place.
    #[cold]
    pub(crate) fn occupy(&self) {
        self.send_spare(&mut self.lock());
    }

    /// Takes the first place for this thread, if it can be had. The caller [becomes its worker](crate::scheduler::worker::WorkerGuard) before
    /// anything can panic.
    #[must_use]
    pub(crate) fn claim_first(&self, shared: &Shared) -> bool {
        let mut locked = self.lock();
        let mut claim = locked.state.claim();
        if claim == Claim::Wait {
            self.publish_wanted(&locked);
            shared.slots[0].driver.reactor.unpark();
            let waited = self
                .changed
                .wait_timeout_while(locked, PATIENCE, |locked| !locked.state.is_claim_decided());
            locked = waited.unwrap_or_else(PoisonError::into_inner).0;
            claim = locked.state.claim_after_wait();
            self.publish_wanted(&locked);
        }
        let is_taken = claim == Claim::Taken;
        if is_taken {
            self.vacancy.fill();
            self.changed.notify_all();
        }
        is_taken
    }

    fn publish_wanted(&self, locked: &Locked) {
        self.is_spare_wanted
            .store(locked.state.is_spare_wanted(), Ordering::Relaxed);
    }

    /// Whether a claim waits for the spare to leave the first place.
    fn is_spare_wanted(&self) -> bool {
        self.is_spare_wanted.load(Ordering::Relaxed)
    }

    /// The spare thread waits until it is to work in the first place, or, to break, until the runtime has ended.
    fn spare_waits(&self, shared: &Shared) -> ControlFlow<()> {
        let mut locked = self.lock();
        loop {
            match locked.state.spare_asks() {
                SpareDoes::Wait => {
                    let waited = self.changed.wait(locked);
                    locked = waited.unwrap_or_else(PoisonError::into_inner);
                }
                SpareDoes::Work => return ControlFlow::Continue(()),
                SpareDoes::End { closes } => {
                    drop(locked);
                    if closes {
                        // SAFETY: the first place was meant for this thread, which does not take it.
                        unsafe { close_slot(shared, 0) };
                    }
                    return ControlFlow::Break(());
                }
            }
        }
    }

    /// Whether the runtime, which is closing, does so because a worker has died.
    pub(crate) fn has_lost_worker(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

/// In a child of `fork` the threads are not there, and nothing must try to let go of them.
impl Drop for Threads {
    fn drop(&mut self) {
        if !self.process.is_current() {
            let locked = self.locked.get_mut();
            let locked = locked.unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(std::mem::take(&mut locked.handles));
        }
    }
}

/// Throws away what is left in a place whose runtime has ended.
///
/// # Safety
///
/// The place is the caller's.
unsafe fn close_slot(shared: &Shared, slot: usize) {
    let slot = &shared.slots[slot];
    // SAFETY: by the caller's promise.
    unsafe { slot.clear() };
    slot.driver.close();
}

/// Dropped, it says that this thread has ended, or is as good as that.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if !self.0.is_here() {
            crate::blocking::abandoned::abandoned();
        }
        let threads = &self.0.threads;
        threads.lock().state.thread_ended();
        threads.changed.notify_all();
    }
}
