//! [`Pool`]: the threads of a runtime that may block, and the jobs that wait for them.
//!
//! # How a job comes to a thread
//!
//! All there is stands behind one lock: the queue, the number of threads, and how many of them are idle, that is, asleep or on
//! their way out of sleep. Who pushes a job decides under the lock what it [needs](Need):
//!
//! - there are more idle threads than jobs that wait: one of them is woken, and no other;
//! - or else, below the limit, one thread is started;
//! - or else it waits for a thread to finish what it does.
//!
//! A thread takes jobs from the front until there are none, and only then sleeps; when it wakes, for whatever reason, it
//! looks at the queue before it does anything else, so that a thread whose time is up does not leave with a job unserved. It
//! follows that no job waits while a thread sleeps on, and that below the limit as many jobs run as have been pushed:
//! jobs that wait for each other all run. `tests.rs` explores every order of these steps, and `tests/loom_pool.rs` of the code itself.
//!
//! It is not promised which thread takes which job: a thread that has just finished one may be faster than the one that was woken,
//! which then sleeps again. But jobs start in the order in which they were pushed.
//!
//! The lock is held while a thread is started, so that whoever fails to get one knows for certain whether there is another
//! to wait for.

use crate::settings::Hooks;
use crate::sync::{Condvar, Mutex, MutexGuard, lock, thread};
use crate::task::queue::TaskQueue;
use crate::task::task::Task;
use crate::tasks::Running;
use std::cell::Cell;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use std::{io, mem, ptr};
use waterwheel_reactor::sys::clock::real_now;

/// Of the threads. The kernel shows the first 15 bytes.
const THREAD_NAME: &str = "waterwheel-blocking";

thread_local! {
    /// The pool that this is a thread of, to compare with.
    static POOL: Cell<*const Pool> = const { Cell::new(ptr::null()) };
}

/// How large a pool becomes, and how long it stays so.
#[derive(Clone)]
pub(crate) struct Settings {
    /// How many threads there are at most. At least one.
    pub(crate) most_threads: usize,
    /// How long a thread without work stays.
    pub(crate) keep_alive: Duration,
    /// Bytes of a thread's stack, if not the usual.
    pub(crate) stack_size: Option<usize>,
    /// To be told when no job is queued or runs any more.
    pub(crate) when_quiet: Option<Arc<dyn Fn() + Send + Sync>>,
    pub(crate) hooks: Hooks,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            most_threads: 512,
            keep_alive: Duration::from_secs(10),
            stack_size: None,
            when_quiet: None,
            hooks: Hooks::default(),
        }
    }
}

pub(crate) struct Pool {
    settings: Settings,
    state: Mutex<State>,
    /// Notified for a job that an idle thread is to take, and when the pool is closed.
    work: Condvar,
    /// Notified when a thread has nothing to do any more, and the pool is closed.
    idle: Condvar,
}

struct State {
    queue: TaskQueue,
    /// How many threads have been started and have not ended.
    threads: usize,
    /// How many of these wait for `work`. One that has been woken counts until it has the lock.
    idle: usize,
    /// How many are in a job that waits in `block_on`.
    waiting: usize,
    /// How many jobs have ended.
    ended: u64,
    closed: bool,
}

/// What a job needs that is about to be pushed.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// An idle thread, which must be woken.
    Wake,
    /// A new thread.
    Thread,
    /// Patience.
    Nothing,
}

impl Need {
    pub(super) fn of(queued: usize, idle: usize, threads: usize, most_threads: usize) -> Self {
        if queued < idle {
            Self::Wake
        } else if threads < most_threads {
            Self::Thread
        } else {
            Self::Nothing
        }
    }
}

/// There is no thread to run a job, and none could be started.
pub(crate) struct NoThread {
    pub(crate) job: Task,
    pub(crate) error: io::Error,
}

impl Pool {
    /// A pool without threads: the first job starts the first.
    pub(crate) fn new(settings: Settings) -> Self {
        debug_assert!(settings.most_threads > 0, "nobody would run the jobs");
        Self {
            settings,
            state: Mutex::new(State {
                queue: TaskQueue::new(),
                threads: 0,
                idle: 0,
                waiting: 0,
                ended: 0,
                closed: false,
            }),
            work: Condvar::new(),
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
    pub(crate) unsafe fn push(self: &Arc<Self>, job: Task) -> Result<(), NoThread> {
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            drop(job);
            return Ok(());
        }
        let need = Need::of(
            state.queue.len(),
            state.idle,
            state.threads,
            self.settings.most_threads,
        );
        if need == Need::Thread {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                Err(_) if state.threads > 0 => {}
                Err(error) => return Err(NoThread { job, error }),
            }
        }
        state.queue.push(job);
        drop(state);
        if need == Need::Wake {
            self.work.notify_one();
        }
        Ok(())
    }

    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let pool = Arc::clone(self);
        let mut builder = thread::Builder::new().name(THREAD_NAME.to_owned());
        if let Some(size) = self.settings.stack_size {
            builder = builder.stack_size(size);
        }
        let run = move || {
            let _stopped = pool.settings.hooks.around_thread();
            pool.run_jobs();
        };
        builder.spawn(run).map(drop)
    }

    /// What a thread of the pool does, from its start to its end.
    fn run_jobs(&self) {
        POOL.with(|pool| pool.set(ptr::from_ref(self)));
        let mut state = lock(&self.state);
        // A thread that finds no job has kept the pool from being quiet, too, since it was started.
        let mut was_busy = true;
        loop {
            if let Some(job) = state.queue.pop() {
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
            state.idle += 1;
            if mem::take(&mut was_busy) {
                state = self.tell_if_quiet(state);
            }
            let waited = self
                .work
                .wait_timeout_while(state, self.settings.keep_alive, |state| {
                    state.queue.len() == 0 && !state.closed
                });
            let (locked, ended) = waited.unwrap_or_else(PoisonError::into_inner);
            state = locked;
            state.idle -= 1;
            if ended.timed_out() {
                debug_assert!(state.queue.len() == 0, "a thread leaves a job behind");
                break;
            }
        }
        state.threads -= 1;
        if state.closed {
            self.idle.notify_all();
            drop(self.tell_if_quiet(state));
        }
    }

    /// Tells who has asked for it that there is nothing to do, if so; not under the lock, which it gives back.
    fn tell_if_quiet<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        match &self.settings.when_quiet {
            Some(tell) if state.is_quiet() => {
                drop(state);
                tell();
                lock(&self.state)
            }
            _ => state,
        }
    }

    /// Takes all jobs that have not been taken, and no more from here on. Idle threads end now, and the others when their job is
    /// done.
    pub(crate) fn close(&self) -> TaskQueue {
        let mut state = lock(&self.state);
        state.closed = true;
        let queued = mem::take(&mut state.queue);
        let someone_sleeps = state.idle > 0;
        drop(state);
        if someone_sleeps {
            self.work.notify_all();
        }
        queued
    }

    /// Waits until no job runs, of a pool that is closed, or until `deadline`. The job that calls this does not count.
    pub(crate) fn wait_until_idle(&self, deadline: Instant) {
        let own = usize::from(self.is_of_this_thread());
        let state = lock(&self.state);
        debug_assert!(state.closed, "jobs may come for ever");
        let patience = deadline.saturating_duration_since(real_now());
        drop(
            self.idle
                .wait_timeout_while(state, patience, |state| state.threads > own),
        );
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
        POOL.with(|pool| ptr::eq(pool.get(), self))
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
            idle: state.idle,
        }
    }
}

impl State {
    /// Whether no job is queued or runs.
    fn is_quiet(&self) -> bool {
        self.queue.len() == 0 && self.idle + self.waiting == self.threads
    }
}

/// Of a pool.
pub(crate) struct Depths {
    pub(crate) queued: usize,
    pub(crate) threads: usize,
    /// Those of the threads that have nothing to do.
    pub(crate) idle: usize,
}
