//! [`Shared`]: what a runtime's tasks, wakers and handles reach from any thread.

use crate::blocking::job::Job;
use crate::blocking::pool::{NoThread, Pushed};
use crate::scheduler::binding::Binding;
use crate::scheduler::idle::Idle;
use crate::scheduler::local::Local;
use crate::scheduler::names::Names;
use crate::scheduler::origin::Origin;
use crate::scheduler::paused::Paused;
use crate::scheduler::seat::Seat;
use crate::scheduler::settings::Settings;
use crate::scheduler::threads::Threads;
use crate::scheduler::threads::guests::Guests;
use crate::scheduler::unstarted::Unstarted;
use crate::scheduler::watch::Watch;
use crate::scheduler::worker::{self, Worker};
use crate::scheduler::{Header, JoinHandle, OwnedTasks, Pool, SharedQueue, Task, TaskPtr};
use crate::shrink;
use crate::task::cell::allocate;
use crate::task::header::{Kind, release};
use crate::task::owned::Shards;
use crate::task::snapshot::Shutdown;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use waterwheel_reactor::sys::fork::{self, Process};
use waterwheel_timer::VirtualClock;

pub(crate) struct Shared {
    /// The process that has made it.
    pub(crate) process: Process,
    /// Tells whether this is another one.
    pub(crate) forked: fork::Watch,
    pub(crate) seats: Box<[Arc<Seat>]>,
    pub(crate) guests: Guests,
    pub(crate) injection: SharedQueue,
    pub(crate) idle: Idle,
    pub(crate) watch: Watch,
    /// The tasks that any worker may poll, and the blocking jobs.
    pub(crate) owned: Shards<Binding>,
    pub(crate) names: Names,
    pub(crate) blocking: Arc<Pool>,
    /// The jobs that the end of the runtime drops, for its report.
    pub(crate) unstarted: Unstarted,
    pub(crate) threads: Threads,
    /// Of a runtime whose time is paused: when its clock moves.
    pub(crate) paused: Option<Arc<Paused>>,
    pub(crate) settings: Settings,
    /// Whether the runtime lasts no longer than the `block_on` that has made it.
    pub(crate) ends_with_main: bool,
    /// Whether it ends. Set once.
    closing: AtomicBool,
}

impl Shared {
    pub(crate) fn new(settings: Settings, ends_with_main: bool) -> io::Result<Arc<Self>> {
        let paused = settings.paused_time.then(|| Arc::new(Paused::new()));
        let alone = settings.seats == 1 || paused.is_some();
        let clock = paused.as_ref().map(|paused| paused.clock());
        let seats: io::Result<Vec<_>> = (0..settings.seats)
            .map(|_| Seat::new(alone, clock).map(Arc::new))
            .collect();
        let mut blocking = settings.blocking.clone();
        blocking.when_quiet = paused.clone().map(|paused| {
            let tell: Arc<dyn Fn() + Send + Sync> = Arc::new(move || paused.pool_is_quiet());
            tell
        });
        let seats = seats?.into_boxed_slice();
        let threads = Threads::new(ends_with_main, &seats);
        Ok(Arc::new(Self {
            process: Process::current(),
            forked: Process::current().watch(),
            seats,
            guests: Guests::default(),
            injection: SharedQueue::new(),
            idle: Idle::new(settings.seats),
            watch: Watch::new(),
            owned: Shards::new(settings.seats),
            names: Names::default(),
            blocking: Arc::new(Pool::new(blocking)),
            unstarted: Unstarted::default(),
            threads,
            paused,
            settings,
            ends_with_main,
            closing: AtomicBool::new(false),
        }))
    }

    /// Makes a task of `future`, which any worker may run, and queues it.
    ///
    /// # Safety
    ///
    /// The future is `Send`, and so is its output.
    #[inline(always)]
    pub(crate) unsafe fn spawn<F: Future>(
        self: &Arc<Self>,
        future: F,
        origin: Origin,
    ) -> JoinHandle<F::Output> {
        let (task, handle) = self.adopt(future, None, origin, Kind::Plain);
        if let Some(task) = task {
            let task = worker::with_current(|current| match current {
                Some(worker) if Arc::ptr_eq(&worker.shared, self) => {
                    worker.push_shared(task);
                    None
                }
                _ => Some(task),
            });
            if let Some(task) = task {
                self.inject(task);
            }
            if self.threads.first_seat_is_vacant() {
                self.threads.occupy();
            }
        }
        handle
    }

    /// Makes a task of `future` that stays with the worker of a seat, and queues it there. The first seat changes hands, and in a paused
    /// runtime the others poll nothing: for these it is as [`spawn`](Self::spawn).
    ///
    /// # Safety
    ///
    /// The future is `Send`, and so is its output.
    pub(crate) unsafe fn spawn_in_seat<F: Future>(
        self: &Arc<Self>,
        seat: usize,
        future: F,
        origin: Origin,
    ) -> JoinHandle<F::Output> {
        self.assert_here();
        let local = self.threads.local_in(seat);
        let Some(local) = local.filter(|_| seat < self.workers()) else {
            // SAFETY: by the caller's promise.
            return unsafe { self.spawn(future, origin) };
        };
        // A future that is refused is dropped here, which is sound as it is `Send`; in all else it is the other thread's.
        let home = Some(Arc::clone(local));
        let (task, handle) = self.adopt(future, home, origin, Kind::Plain);
        if let Some(task) = task {
            local.deliver(task);
        }
        handle
    }

    /// Makes a task of `future` that stays on this thread, and queues it. The future need not be `Send`: a worker is not `Sync`,
    /// so who refers to one is on its thread, and the task finds back there by its home.
    pub(crate) fn spawn_local<F: Future>(
        worker: &Worker,
        future: F,
        origin: Origin,
    ) -> JoinHandle<F::Output> {
        let home = Some(Arc::clone(&worker.local));
        let (task, handle) = worker.shared.adopt(future, home, origin, Kind::Plain);
        if let Some(task) = task {
            worker.push_pinned(task);
        }
        handle
    }

    /// Makes a task of a closure that may block, and gives it to the pool.
    ///
    /// # Errors
    ///
    /// The kernel's, if there is no thread to run it and none can be started. The closure has been dropped.
    pub(crate) fn spawn_blocking<F, T>(
        self: &Arc<Self>,
        run: F,
        origin: Origin,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (task, handle) = self.adopt(Job::new(run), None, origin, Kind::Job);
        if let Some(job) = task {
            // SAFETY: the closure is `Send`, and so is the job that holds it.
            match unsafe { self.blocking.push(job) } {
                Ok(Pushed::Done) => {}
                Ok(Pushed::Refused) => self.tell_of_refusal(),
                Err(NoThread { job, error }) => {
                    let _ = end(job.into_raw());
                    return Err(error);
                }
            }
        }
        Ok(handle)
    }

    /// The kernel has refused a thread that a job needs: sees to it that a worker asks again. Each does so before it sleeps; those that
    /// sleep already are woken to learn of it, and if the first seat is vacant, somebody sits down there.
    #[cold]
    fn tell_of_refusal(&self) {
        if self.threads.first_seat_is_vacant() {
            self.threads.occupy();
        }
        for seat in &self.seats {
            seat.driver.reactor.unpark();
        }
    }

    /// Drops an aborted job here and now, if it is still queued.
    #[cold]
    pub(crate) fn cancel_job(&self, job: &Header) {
        self.blocking.cancel(job.id, |job| {
            let _ = end(job.into_raw());
        });
    }

    /// Makes a task of `future`, for a queue, and its handle. `None`: the runtime is ending; the future has been dropped here
    /// and now, and the handle says «cancelled».
    #[inline(always)]
    fn adopt<F: Future>(
        self: &Arc<Self>,
        future: F,
        pinned_to: Option<Arc<Local>>,
        origin: Origin,
        kind: Kind,
    ) -> (Option<Task>, JoinHandle<F::Output>) {
        let kind = match (kind, &origin.name) {
            (kind, None) => kind,
            (Kind::Job, Some(_)) => Kind::NamedJob,
            (_, Some(_)) => Kind::Named,
        };
        let binding = Binding {
            shared: Arc::clone(self),
            pinned_to,
        };
        let task = allocate(future, binding, origin.location, kind);
        // Only now: a panic that had to drop the future would cost instructions where there is none. In a child it is leaked.
        self.assert_here();
        // SAFETY: this is the reference that was made for the handle, and `F` is what the task was made for.
        let handle = unsafe { JoinHandle::from_raw(task) };
        if let Some(name) = origin.name {
            self.names.set(handle.header().id, name);
        }
        let listed = handle.header().owner().insert(task);
        // SAFETY: a task starts notified, and this is the reference that was made for the queue.
        let queued = unsafe { Task::from_raw(task) };
        if listed {
            (Some(queued), handle)
        } else {
            let _ = end(task);
            (None, handle)
        }
    }

    /// Queues a task where any worker finds it, and sees to it that one looks.
    pub(crate) fn inject(&self, task: Task) {
        self.injection.push(task);
        if self.workers() == 1 {
            self.seats[0].driver.reactor.unpark();
        } else if self.idle.must_hear() {
            self.wake_one();
        }
    }

    /// How many workers poll what is spawned: those of all seats, or, if time is paused, that of the first.
    pub(crate) fn workers(&self) -> usize {
        if self.paused.is_some() {
            1
        } else {
            self.seats.len()
        }
    }

    /// The clock of a runtime whose time is paused.
    pub(crate) fn clock(&self) -> Option<&Arc<VirtualClock>> {
        self.paused.as_ref().map(|paused| paused.clock())
    }

    /// Wakes one worker to look for work, if none looks already.
    #[cold]
    pub(crate) fn wake_one(&self) {
        if let Some(seat) = self.idle.choose() {
            self.seats[seat].driver.reactor.unpark();
        }
    }

    /// Whether there is anything in a queue that any worker may take from.
    pub(crate) fn has_ready(&self) -> bool {
        self.injection.len() > 0 || self.seats.iter().any(|seat| seat.has_ready())
    }

    /// Whether there is anything that a worker in the first seat might have to do.
    pub(crate) fn needs_first_seat(&self) -> bool {
        #[cfg(canary)]
        if crate::canary::is_out("stuck-in-local-queue") {
            return false;
        }
        let first = &self.seats[0];
        self.owned.any()
            || self.injection.len() > 0
            || first.has_ready()
            || !first.driver.is_empty()
    }

    /// How many tasks have not ended, without those that are pinned.
    pub(crate) fn tasks_alive(&self) -> usize {
        self.owned.len()
    }

    pub(crate) fn anybody_awake(&self) -> bool {
        self.seats.iter().any(|seat| seat.moves.is_awake()) || self.guests.anybody_awake()
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Takes no more tasks from here on that any worker may run.
    pub(crate) fn refuse(&self) {
        for list in self.owned.iter() {
            list.close();
        }
    }

    /// Tells all who sit, when they look, to end what they have.
    pub(crate) fn set_closing(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Ends the tasks that any thread may end: their futures are dropped, on this one. A task that is being polled ends when its
    /// poll does; a blocking job that runs goes on. No more are taken when this is called.
    pub(crate) fn close(&self) {
        let jobs = self.blocking.close();
        // Dropping one may wake others, or try to spawn: the former stay in their list, the latter is refused.
        for list in self.owned.iter() {
            drain_listing(list, Some(&self.unstarted));
        }
        // Now every task is complete, or runs. What is queued is references to them, and no future.
        drop(self.injection.close());
        drop(jobs);
    }
}

/// Takes no more tasks into a list, and ends those that are in it, on this thread.
pub(crate) fn drain(list: &OwnedTasks) {
    drain_listing(list, None);
}

/// The same. `unstarted` learns of the jobs that are ended so and have not started.
fn drain_listing(list: &OwnedTasks, unstarted: Option<&Unstarted>) {
    list.close();
    #[cfg(canary)]
    if crate::canary::is_out("handle-cycle-leaks") {
        return;
    }
    while let Some(task) = list.pop() {
        // SAFETY: the list's reference, which is ours, keeps the task alive.
        let header = unsafe { task.as_ref() };
        let job = unstarted.and_then(|unstarted| Some((unstarted, unstarted.describe(header)?)));
        if end(task) == Shutdown::Claimed
            && let Some((unstarted, job)) = job
        {
            unstarted.add(job);
        }
    }
}

/// How deep [`end`] goes into itself.
const MOST_NESTED: u32 = 16;

thread_local! {
    /// How many calls of [`end`] this thread is in.
    static NESTED: Cell<u32> = const { Cell::new(0) };
    /// The claimed tasks whose futures are to be dropped by the innermost of them.
    static TO_END: RefCell<Vec<TaskPtr>> = const { RefCell::new(Vec::new()) };
}

/// Drops a task's future, unless it is running or over, and gives up a reference: the list's, or that of a queue. Says whether it was this
/// call that has ended the task.
///
/// A destructor may spawn a task, which is refused and ended, or abort a job, and the destructor of that another, and so on. From some depth
/// on to drop it is left to the call around, so that the stack does not grow with them.
fn end(task: TaskPtr) -> Shutdown {
    // SAFETY: the reference, which is ours, keeps the task alive.
    let header = unsafe { task.as_ref() };
    let ended = header.state.shutdown();
    match ended {
        Shutdown::Claimed => cancel(task),
        // SAFETY: the reference is ours, and not used after.
        Shutdown::Left => unsafe { release(task, 1) },
    }
    ended
}

/// Drops the future of a task that [`end`] has claimed.
fn cancel(task: TaskPtr) {
    /// Dropped, it is back where it was, also by a panic.
    struct Nested(u32);

    impl Drop for Nested {
        fn drop(&mut self) {
            NESTED.set(self.0);
        }
    }

    let nested = NESTED.get();
    if nested >= MOST_NESTED {
        // It fails while the thread's own destructors run: then there it is ended.
        if TO_END
            .try_with(|tasks| tasks.borrow_mut().push(task))
            .is_ok()
        {
            return;
        }
    }
    let _nested = Nested(nested);
    NESTED.set(nested + 1);
    cancel_now(task);
    while let Ok(Some(left)) = TO_END.try_with(|tasks| pop(&mut tasks.borrow_mut())) {
        cancel_now(left);
    }
}

fn pop(tasks: &mut Vec<TaskPtr>) -> Option<TaskPtr> {
    let last = tasks.pop();
    shrink::vec(tasks);
    last
}

fn cancel_now(task: TaskPtr) {
    // SAFETY: who has claimed the stage has a reference, which keeps the task alive.
    let cancel = unsafe { task.as_ref() }.vtable.cancel;
    // SAFETY: the stage is claimed, and the reference is given along.
    unsafe { cancel(task) }
}
