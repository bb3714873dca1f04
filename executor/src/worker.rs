//! [`Worker`]: the loop that runs tasks and turns the driver.
//!
//! A worker belongs to one thread, and is known to it through a thread-local, so that a task woken here is queued
//! without a lock. What others reach of it is its [`Seat`] and its [`Local`].
//!
//! # In what order tasks run
//!
//! First in, first out, over the ring, the overflow behind it, the tasks pinned here and the main future. The latter two are
//! queued elsewhere, and remember their [`Place`] among the others. With
//! siblings there is one exception: a task that is woken in the poll of another runs next, in the *LIFO slot*, up to
//! [`LIFO_STREAK`] times in a row. It needs no sibling, which would otherwise be woken for it, to fight over its memory. What is
//! spawned, what yields, and what the driver wakes goes to the end. A worker that is alone keeps the order.
//!
//! What other threads have made ready (the injection queue, the inbox) comes to the end of the queue at each turn, or when there is
//! nothing else.

use crate::driver::Entered;
use crate::idle::{WORTH, Woken};
use crate::local::Local;
use crate::pinned::{NO_POSITION, PinnedQueue};
use crate::seat::Seat;
use crate::seat::ring::CAPACITY;
use crate::shared::{self, Shared};
use crate::task::header::Header;
use crate::task::task::Task;
use crate::tasks::Running;
use crate::watch;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waterwheel_reactor::budget;

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
    /// The ready tasks that are pinned to this thread, each with the position in the ring that is behind it: it comes before that.
    pinned: RefCell<PinnedQueue>,
    /// The position of the first of them, or one that is never reached.
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
    rested: Cell<bool>,
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
        Arc::ptr_eq(&self.shared, &task.shared)
            && match &task.home {
                None => true,
                Some(home) => Arc::ptr_eq(home, &self.local),
            }
    }

    /// Adds a task at the end.
    #[inline]
    pub(crate) fn push(&self, task: Task) {
        if task.header().home.is_some() {
            self.push_pinned(task);
        } else {
            self.push_shared(task);
        }
    }

    #[inline]
    pub(crate) fn push_pinned(&self, task: Task) {
        debug_assert!(
            task.header()
                .home
                .as_ref()
                .is_some_and(|home| Arc::ptr_eq(home, &self.local)),
            "a task came to a thread that it is not pinned to"
        );
        let position = self.next_position();
        let mut pinned = self.pinned.borrow_mut();
        pinned.push(position, task);
        self.first_pinned.set(pinned.first_position());
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
        if task.header().home.is_some() {
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

    /// The position in the ring of whoever is pushed there next, as if it had no end.
    #[inline]
    fn next_position(&self) -> u64 {
        self.seat.ring.tail() + self.seat.overflow.len() as u64
    }

    /// The place of whoever comes now.
    pub(crate) fn next_place(&self) -> Place {
        Place {
            ring: self.next_position(),
            pinned: self.pinned_popped.get() + self.pinned.borrow().len() as u64,
        }
    }

    /// Whether nobody is before that place: what was there may have been stolen, too.
    #[inline]
    pub(crate) fn is_turn_of(&self, place: Place) -> bool {
        let head = self.seat.ring.head();
        (place.ring <= head || self.next_position() == head)
            && place.pinned <= self.pinned_popped.get()
    }

    /// The main future is about to be polled.
    #[inline]
    pub(crate) fn main_runs(&self) {
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
                    if self.awake_since.get().elapsed() > BETWEEN_TURNS {
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
        if self.rested.get() {
            self.begin_work();
        }
    }

    #[cold]
    fn begin_work(&self) {
        self.rested.set(false);
        if self.searching.take() && self.shared.idle.stop_searching() {
            // There may be more where that came from.
            self.shared.wake_one();
        }
        watch::begin_work(&self.shared, self.number.get());
    }

    /// Takes the task whose turn it is.
    #[inline]
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
        let task = pinned.pop()?;
        self.first_pinned.set(pinned.first_position());
        self.pinned_popped.set(self.pinned_popped.get() + 1);
        Some(task)
    }

    /// The same, when the ring is empty.
    fn next_from_afar(&self) -> Option<Task> {
        // SAFETY: we are the seat's worker.
        if let Some(task) = unsafe { self.seat.refill() } {
            return Some(task);
        }
        self.collect_inbox();
        if let Some(task) = self.pop_pinned() {
            return Some(task);
        }
        self.collect_injected();
        // SAFETY: we are the seat's worker.
        unsafe { self.seat.ring.pop() }
    }

    fn collect_inbox(&self) {
        if let Some(mut tasks) = self.local.inbox.take(usize::MAX) {
            while let Some(task) = tasks.pop() {
                self.push_pinned(task);
            }
        }
    }

    /// Takes this worker's share of what other threads have made ready to the end of its queue.
    fn collect_injected(&self) {
        if self.number.get().is_none() {
            return;
        }
        let injection = &self.shared.injection;
        let share = injection.len() / self.shared.seats.len() + 1;
        // One at least, also when the ring is full at every turn: it goes to the overflow.
        let room = (CAPACITY - self.seat.ring.len()).max(1);
        let Some(mut tasks) = injection.take(share.min(room)) else {
            return;
        };
        while let Some(task) = tasks.pop() {
            self.push_shared(task);
        }
    }

    /// Looks for tasks in the queues of siblings.
    fn search(&self) -> Option<Task> {
        if !self.has_siblings.get() {
            return None;
        }
        if !self.searching.get() {
            if !self.shared.idle.start_searching() {
                return None;
            }
            self.searching.set(true);
            self.rested.set(true);
        }
        let seats = &self.shared.seats;
        let first = self.first_victim.get();
        self.first_victim.set((first + 1) % seats.len());
        for offset in 0..seats.len() {
            let victim = &seats[(first + offset) % seats.len()];
            if Arc::ptr_eq(victim, &self.seat) {
                continue;
            }
            // SAFETY: we are the worker of our seat, and that is another.
            if let Some(task) = unsafe { victim.steal_into(&self.seat) } {
                self.seat.counters.steals.add(1);
                return Some(task);
            }
        }
        // It may have been filled meanwhile.
        self.next_from_afar()
    }

    /// Takes the tasks that are ready on another seat, whose worker is stuck, to the end of the queue here.
    pub(crate) fn steal_from(&self, stuck: &Seat) {
        debug_assert!(self.has_siblings.get(), "who looks has siblings");
        for _ in 0..MOST_STEALS {
            // SAFETY: we are the worker of our seat, and that is another, of the runtime's, from which others may steal.
            let Some(task) = (unsafe { stuck.steal_into(&self.seat) }) else {
                return;
            };
            self.seat.counters.steals.add(1);
            self.push_shared(task);
        }
    }

    /// Wakes whom concerns what has happened, without sleeping.
    fn turn_now(&self, polls: u32) {
        // What the driver wakes goes to the end.
        self.streak.set(LIFO_STREAK);
        Running::none();
        self.seat.driver.turn_now();
        self.seat.moves.on();
        self.seat.counters.turns.add(1);
        let now = Instant::now();
        let took = self.adapt(now, polls);
        self.collect_inbox();
        self.collect_injected();
        if self.has_siblings.get() {
            watch::look(self, now);
            if took >= WORTH && self.shared.idle.wants_work() && self.seat.ready() > 1 {
                self.shared.wake_one();
            }
        }
    }

    /// Sets how many polls there are until the next turn, by how long the last ones took, and returns that. A worker that is alone does not
    /// know it of those after a sleep.
    fn adapt(&self, now: Instant, polls: u32) -> Duration {
        let since = self.awake_since.replace(now);
        if !self.has_turned.replace(true) {
            return Duration::ZERO;
        }
        let took = now.saturating_duration_since(since);
        let next = if took > BETWEEN_TURNS {
            let fitting = u128::from(polls) * BETWEEN_TURNS.as_nanos() / took.as_nanos();
            u32::try_from(fitting).unwrap_or(u32::MAX)
        } else {
            self.interval.get().saturating_mul(2)
        };
        let most = self.shared.settings.event_interval;
        self.interval.set(next.clamp(1, most));
        took
    }

    /// Whether nothing is ready here, at the last moment before sleep: the timers let go of a waker now, and its destructor, which is
    /// foreign code, may have woken somebody here, or the main future. Nothing foreign runs from here to the sleep.
    fn may_sleep(&self) -> bool {
        let _ = self.seat.driver.timers.next_deadline();
        !self.seat.has_ready() && self.pinned.borrow().len() == 0
    }

    /// Sleeps until there is something to do. May return with nothing.
    fn park(&self) {
        self.streak.set(LIFO_STREAK);
        Running::none();
        let counters = &self.seat.counters;
        counters.parks.add(1);
        counters.turns.add(1);
        self.seat.moves.asleep();
        let Some(number) = self.number.get().filter(|_| self.has_siblings.get()) else {
            self.has_turned.set(false);
            let awake = || self.seat.moves.awake();
            self.seat.driver.park(None, awake);
            self.rested.set(self.shared.seats.len() > 1);
            return;
        };
        let idle = &self.shared.idle;
        let (since, how) = self.woken.get();
        idle.has_worked(since.elapsed(), how);
        let look_again = idle.sleep(number, self.searching.take());
        let awake = || {
            self.seat.moves.awake();
            let how = idle.wake(number);
            if how == Woken::ForWork {
                self.searching.set(true);
                counters.unparks.add(1);
            }
            self.rested.set(true);
            let now = Instant::now();
            self.awake_since.set(now);
            self.woken.set((now, how));
        };
        if self.shared.injection.len() > 0 || (look_again && self.shared.has_ready()) {
            self.seat.moves.awake();
            idle.search_on(number);
            self.searching.set(true);
            self.rested.set(true);
        } else {
            let until = watch::before_sleep(&self.shared, number);
            self.seat.driver.park(until, awake);
        }
        if self.shared.watch.is_watcher(number) {
            watch::look(self, Instant::now());
        }
    }

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

/// A place in the queue, for who is queued elsewhere: behind so many of the ring, and so many of the pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) ring: u64,
    pub(crate) pinned: u64,
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
        let has_siblings = number.is_some() && shared.seats.len() > 1;
        let worker = Rc::new(Worker {
            number: Cell::new(number),
            has_siblings: Cell::new(has_siblings),
            pinned: RefCell::new(PinnedQueue::new()),
            first_pinned: Cell::new(NO_POSITION),
            is_alone: Cell::new(number.is_some() && !has_siblings),
            pinned_popped: Cell::new(0),
            streak: Cell::new(0),
            interval: Cell::new(shared.settings.event_interval),
            awake_since: Cell::new(Instant::now()),
            has_turned: Cell::new(true),
            rested: Cell::new(shared.seats.len() > 1),
            searching: Cell::new(false),
            woken: Cell::new((Instant::now(), Woken::ByItself)),
            first_victim: Cell::new(number.unwrap_or(0)),
            local: Arc::clone(&local),
            seat: Arc::clone(&seat),
            shared: Arc::clone(&shared),
        });
        debug_assert!(CURRENT.get().is_null(), "a thread sits in one seat");
        CURRENT.set(Rc::as_ptr(&worker));
        Self {
            worker,
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
        let _vacate = Vacate;
        budget::unlimited();
        Running::none();
        let worker = &*self.worker;
        let shared = &worker.shared;
        if shared.ends_with_main && worker.number.get().is_some() {
            shared.crew.shut_down(shared, Some(Instant::now()), |_| ());
        }
        worker.close_local();
        worker.seat.moves.asleep();
        if let Some(number) = worker.number.get() {
            worker.let_others_search(number);
        }
        shared.crew.cleared(&worker.local);
    }
}

/// Dropped, it makes this thread one without a worker.
struct Vacate;

impl Drop for Vacate {
    fn drop(&mut self) {
        CURRENT.set(ptr::null());
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
        match self.number {
            Some(number) => self.shared.crew.leave(&self.shared, number, &self.local),
            None => {
                self.shared.guests.leave(&self.seat);
                self.seat.driver.close();
                self.shared.crew.cleared(&self.local);
            }
        }
    }
}
