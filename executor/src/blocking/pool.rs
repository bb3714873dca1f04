//! [`Pool`]: the threads of a runtime that may block, and the jobs that wait for them.
//!
//! # How a job comes to a thread
//!
//! Everything is behind one lock: the queue, and how many threads there are of each kind. A thread *starts* until it has the lock for the
//! first time, is *at work*, *sleeps*, or is *woken* until it has the lock again. A thread that starts or is woken is *on its way* to the
//! queue. The caller that pushes a job decides under the lock what the job [needs](Need):
//!
//! - If more threads are on their way than jobs are queued, it needs nothing.
//! - Otherwise, if a thread sleeps, that thread is woken.
//! - Otherwise, below the limit, a thread is started.
//! - Otherwise the job waits until a thread has finished what it does.
//!
//! **Invariant.** Each queued job has a thread that is on its way, or as many threads are at work as there may be, or the kernel has
//! [refused](#refused-threads) a thread. A thread on its way takes a job unless the queue is empty, and a thread goes to sleep only when the
//! queue is empty. A sleeping thread that a job was given to is on its way, even if its time is up before it has heard of that: under the
//! lock it finds its [ticket](#which-thread-to-wake) gone. So no job waits while a thread sleeps on, and below the limit as many jobs run as have been
//! pushed: jobs that wait for each other all run. `tests.rs` explores every order of these steps, and `tests/loom_pool.rs` those of the
//! code itself.
//!
//! No particular thread is promised to a job: a thread that has just finished one may be faster than the thread that was woken, which then
//! sleeps again. But jobs start in the order in which they were pushed.
//!
//! # Which thread to wake
//!
//! The thread that fell asleep last, since its stack and its part of the allocator are in the cache. So the others sleep through, and leave
//! when their time is up: the number of threads follows the work. Each thread has a condition variable of its own, and a *ticket*, under which
//! it is listed while it sleeps. A thread has been woken when its ticket is gone. Tickets grow towards the top of the list.
//!
//! # Refused threads
//!
//! The kernel may refuse a thread (`EAGAIN`). If the pool has none, the caller gets the job and the error back. If it has some, the job is
//! queued all the same, and *lacks* a thread: it must not depend on the threads that there are, which may wait for this very job. So
//! one more thread is asked for, until no job lacks one,
//!
//! - whenever a job is taken from the queue, by a thread that has finished another or has just started;
//! - whenever a job is pushed;
//! - and every 20 ms by a worker of the runtime that has nothing else to do ([`make_up`](Pool::make_up)), as neither of these need come.
//!
//! The lock is held while a thread is started, so that a caller that fails to get one knows for certain whether there is another
//! to wait for.
//!
//! # Aborted jobs
//!
//! An aborted job that is still queued is [taken out](Pool::cancel) and dropped by the caller that aborts it. The lock decides between
//! that caller, a thread that takes the job, and the end of the runtime.

use super::queue::JobQueue;
use super::state::{Need, State};
use crate::hooks::ThreadHooks;
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering, lock, thread};
use crate::task::id::{Id, Running};
use crate::task::schedule::Schedule;
use crate::task::task::Task;
use std::cell::Cell;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use std::{io, mem, ptr};
use waterwheel_reactor::sys::clock::real_now;

/// Of the threads. The kernel shows the first 15 bytes.
const THREAD_NAME: &str = "waterwheel-blocking";

thread_local! {
    /// The pool that this is a thread of, to compare with.
    static POOL: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// How large a pool becomes, and how long it stays so.
#[derive(Clone)]
pub(crate) struct Settings {
    /// How many threads there are at most. At least one.
    pub(crate) most_threads: usize,
    /// How long a thread without work stays, in real time.
    pub(crate) keep_alive: Duration,
    /// How long after the kernel has refused a thread a worker asks for it again.
    pub(crate) retry: Duration,
    /// Bytes of a thread's stack, if not the usual.
    pub(crate) stack_size: Option<usize>,
    /// To be told when no job is queued or runs any more.
    pub(crate) when_quiet: Option<Arc<dyn Fn() + Send + Sync>>,
    pub(crate) hooks: ThreadHooks,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            most_threads: 512,
            keep_alive: Duration::from_secs(10),
            retry: Duration::from_millis(20),
            stack_size: None,
            when_quiet: None,
            hooks: ThreadHooks::default(),
        }
    }
}

pub(crate) struct Pool<S: Schedule> {
    settings: Settings,
    state: Mutex<State<S>>,
    /// Whether a queued job may lack a thread, since the kernel has refused it. Changed under the lock. Without, it is a hint: true since the
    /// push that was refused, until [`make_up`](Pool::make_up) finds nothing to make up.
    refused: AtomicBool,
    /// Notified when a thread has nothing to do any more, and the pool is closed.
    idle: Condvar,
}

/// Of a pool.
pub(crate) struct Depths {
    pub(crate) queued: usize,
    pub(crate) threads: usize,
    /// Those of the threads that have nothing to do.
    pub(crate) idle: usize,
}

/// What became of a job that was pushed.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// All that could be done was done; or the pool is closed, and the job has been dropped.
    Done,
    /// It waits for a thread that the kernel has refused, the first to do so: from here on workers must [make up](Pool::make_up) for
    /// that, and those that sleep do not know it.
    Refused,
}

/// There is no thread to run a job, and none could be started.
pub(crate) struct NoThread<S: Schedule> {
    pub(crate) job: Task<S>,
    pub(crate) error: io::Error,
}

impl<S: Schedule> Pool<S> {
    /// A pool without threads: the first job starts the first.
    pub(crate) fn new(settings: Settings) -> Self {
        debug_assert!(settings.most_threads > 0, "nobody would run the jobs");
        Self {
            settings,
            state: Mutex::new(State::new()),
            refused: AtomicBool::new(false),
            idle: Condvar::new(),
        }
    }

    /// Queues a job, and sees to it that a thread comes to it. Once closed, drops it: its closure is the list's to drop.
    ///
    /// If a thread cannot be started, those there are will do; if there are none, the job is given back.
    ///
    /// # Safety
    ///
    /// The task's future is `Send`.
    pub(crate) unsafe fn push(self: &Arc<Self>, job: Task<S>) -> Result<Pushed, NoThread<S>> {
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            drop(job);
            return Ok(Pushed::Done);
        }
        let mut bell = None;
        let mut pushed = Pushed::Done;
        match state.need(self.settings.most_threads) {
            Need::Wake => bell = state.wake_last(),
            Need::Thread => match self.start_thread(&mut state) {
                Ok(()) => {}
                Err(_) if state.threads > 0 => {
                    if !self.refused.load(Ordering::Relaxed) {
                        self.refused.store(true, Ordering::Release);
                        pushed = Pushed::Refused;
                    }
                }
                Err(error) => return Err(NoThread { job, error }),
            },
            Need::Nothing => {}
        }
        state.queue.push(job.header().id, job);
        drop(state);
        if let Some(bell) = bell {
            bell.notify_one();
        }
        Ok(pushed)
    }

    /// Starts a thread, which comes to the lock when the caller has let go of it.
    fn start_thread(self: &Arc<Self>, state: &mut State<S>) -> io::Result<()> {
        let pool = Arc::clone(self);
        let mut builder = thread::Builder::new().name(THREAD_NAME.to_owned());
        if let Some(size) = self.settings.stack_size {
            builder = builder.stack_size(size);
        }
        let run = move || {
            // Before the hook, which is on a thread of the pool already.
            POOL.with(|own| own.set(Arc::as_ptr(&pool).cast()));
            let _stopped = pool.settings.hooks.around_thread();
            pool.run_jobs();
        };
        match builder.spawn(run) {
            Ok(_) => {
                state.threads += 1;
                state.starting += 1;
                Ok(())
            }
            Err(error) => {
                state.retry_at = Some(real_now() + self.settings.retry);
                Err(error)
            }
        }
    }

    /// Takes the first job from the queue. If another lacks a thread, asks for one.
    fn take(self: &Arc<Self>, state: &mut State<S>) -> Option<Task<S>> {
        let job = state.queue.pop()?;
        if state.lacks_thread(self.settings.most_threads) {
            // If it is refused again, it is asked for again.
            let _ = self.start_thread(state);
        }
        Some(job)
    }

    /// Asks for a thread that was refused, if a job still lacks it, as often as the settings say. Returns when the caller, a worker that is
    /// about to sleep, is to call this again.
    #[inline]
    pub(crate) fn make_up(self: &Arc<Self>) -> Option<Instant> {
        // Acquire: a worker that has been told of the refusal sees it.
        if self.refused.load(Ordering::Acquire) {
            self.ask_again()
        } else {
            None
        }
    }

    #[cold]
    fn ask_again(self: &Arc<Self>) -> Option<Instant> {
        let mut state = lock(&self.state);
        let now = real_now();
        let is_due = |at: Option<Instant>| at.is_none_or(|at| at <= now);
        if state.lacks_thread(self.settings.most_threads) && is_due(state.retry_at) {
            state.retry_at = Some(now + self.settings.retry);
            let _ = self.start_thread(&mut state);
        }
        if state.lacks_thread(self.settings.most_threads) {
            return state.retry_at;
        }
        self.refused.store(false, Ordering::Relaxed);
        None
    }

    /// What a thread of the pool does, from its start to its end.
    fn run_jobs(self: &Arc<Self>) {
        let bell = Arc::new(Condvar::new());
        let mut state = lock(&self.state);
        state.starting -= 1;
        // A thread that finds no job has kept the pool from being quiet, too, since it was started.
        let mut was_busy = true;
        loop {
            if let Some(job) = self.take(&mut state) {
                drop(state);
                // SAFETY: its future is `Send`, as `push` demands.
                unsafe { job.run() };
                Running::none();
                state = lock(&self.state);
                state.ended += 1;
                was_busy = true;
                continue;
            }
            if state.closed {
                break;
            }
            let ticket = state.lie_down(&bell);
            if mem::take(&mut was_busy) {
                state = self.tell_if_quiet(state);
            }
            let waited = bell.wait_timeout_while(state, self.settings.keep_alive, |state| {
                state.is_asleep(ticket)
            });
            let (locked, ended) = waited.unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if ended.timed_out() {
                // If a job is queued, it has a thread on its way.
                state.get_up(ticket);
                break;
            }
            state.woken -= 1;
        }
        // From here on this thread is not counted, so what a hook does on it is not the pool's.
        POOL.with(|pool| pool.set(ptr::null()));
        state.threads -= 1;
        if state.closed {
            self.idle.notify_all();
            drop(self.tell_if_quiet(state));
        }
    }

    /// Tells who has asked for it that there is nothing to do, if so; not under the lock, which it gives back.
    fn tell_if_quiet<'a>(&'a self, state: MutexGuard<'a, State<S>>) -> MutexGuard<'a, State<S>> {
        match &self.settings.when_quiet {
            Some(tell) if state.is_quiet() => {
                drop(state);
                tell();
                lock(&self.state)
            }
            _ => state,
        }
    }

    /// Takes a job out of the queue, if it is there still, and has it dropped by `end`. It has been aborted.
    ///
    /// `end` does not panic.
    pub(crate) fn cancel(&self, id: Id, end: impl FnOnce(Task<S>)) {
        let mut state = lock(&self.state);
        let Some(job) = state.queue.remove(id) else {
            return;
        };
        // The pool is not quiet until the job is dropped and the task that awaits it is woken.
        state.cancelling += 1;
        drop(state);
        end(job);
        let mut state = lock(&self.state);
        state.cancelling -= 1;
        state.ended += 1;
        drop(self.tell_if_quiet(state));
    }

    /// Takes all jobs that have not been taken, and no more from here on. Idle threads end now, and the others when their job is
    /// done.
    pub(crate) fn close(&self) -> JobQueue<Task<S>> {
        let mut state = lock(&self.state);
        state.closed = true;
        let queued = mem::take(&mut state.queue);
        let asleep = mem::take(&mut state.asleep);
        state.woken += asleep.len();
        drop(state);
        for sleeper in asleep {
            sleeper.bell.notify_one();
        }
        queued
    }

    /// Waits until no job runs, of a pool that is closed, or until `deadline` if there is one. The job that calls this does not count.
    pub(crate) fn wait_until_idle(&self, deadline: Option<Instant>) {
        let own = usize::from(self.is_of_this_thread());
        let state = lock(&self.state);
        debug_assert!(state.closed, "jobs may come for ever");
        let runs = |state: &mut State<_>| state.threads > own;
        match deadline.map(|end| end.saturating_duration_since(real_now())) {
            None => drop(self.idle.wait_while(state, runs)),
            Some(patience) => drop(self.idle.wait_timeout_while(state, patience, runs)),
        }
    }

    /// The job on this thread, if that is one of the pool's, waits in `block_on` from here on, or does so no more. One that waits does
    /// not count as one that runs.
    pub(crate) fn job_waits(&self, waits: bool) {
        if self.is_of_this_thread() {
            let mut state = lock(&self.state);
            if waits {
                state.waiting += 1;
            } else {
                state.waiting -= 1;
            }
        }
    }

    /// Whether this thread is one of the pool's.
    fn is_of_this_thread(&self) -> bool {
        POOL.with(|pool| ptr::eq(pool.get(), ptr::from_ref(self).cast()))
    }

    /// How many jobs have ended, if none is queued or runs.
    pub(crate) fn ended_if_quiet(&self) -> Option<u64> {
        let state = lock(&self.state);
        state.is_quiet().then_some(state.ended)
    }

    /// How many jobs have ended.
    pub(crate) fn ended(&self) -> u64 {
        lock(&self.state).ended
    }

    /// How many jobs wait, and how many threads there are.
    pub(crate) fn depths(&self) -> Depths {
        let state = lock(&self.state);
        Depths {
            queued: state.queue.len(),
            threads: state.threads,
            idle: state.idle(),
        }
    }
}
