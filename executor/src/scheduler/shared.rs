//! [`Shared`]: what a runtime's tasks, wakers and handles reach from any thread.

use crate::scheduler::binding::Binding;
use crate::scheduler::ending::drain_listing;
use crate::scheduler::idle::Idle;
use crate::scheduler::names::Names;
use crate::scheduler::paused::Paused;
use crate::scheduler::settings::Settings;
use crate::scheduler::slot::Slot;
use crate::scheduler::threads::Threads;
use crate::scheduler::threads::guests::Guests;
use crate::scheduler::unstarted::Unstarted;
use crate::scheduler::watch::Watch;
use crate::scheduler::{Pool, SharedQueue, Task};
use crate::task::owned::Shards;
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
    pub(crate) slots: Box<[Arc<Slot>]>,
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
        let alone = settings.workers == 1 || paused.is_some();
        let clock = paused.as_ref().map(|paused| paused.clock());
        let slots: io::Result<Vec<_>> = (0..settings.workers)
            .map(|_| Slot::new(alone, clock).map(Arc::new))
            .collect();
        let mut blocking = settings.blocking.clone();
        blocking.when_quiet = paused.clone().map(|paused| {
            let tell: Arc<dyn Fn() + Send + Sync> = Arc::new(move || paused.pool_is_quiet());
            tell
        });
        let slots = slots?.into_boxed_slice();
        let threads = Threads::new(ends_with_main, &slots);
        Ok(Arc::new(Self {
            process: Process::current(),
            forked: Process::current().watch(),
            slots,
            guests: Guests::default(),
            injection: SharedQueue::new(),
            idle: Idle::new(settings.workers),
            watch: Watch::new(),
            owned: Shards::new(settings.workers),
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

    /// Queues a task where any worker finds it, and sees to it that one searches.
    pub(crate) fn inject(&self, task: Task) {
        self.injection.push(task);
        if self.workers() == 1 {
            self.slots[0].driver.reactor.unpark();
        } else if self.idle.must_hear() {
            self.wake_one();
        }
    }

    /// How many workers poll what is spawned: those of all slots, or, if time is paused, that of the first.
    pub(crate) fn workers(&self) -> usize {
        if self.paused.is_some() {
            1
        } else {
            self.slots.len()
        }
    }

    /// The clock of a runtime whose time is paused.
    pub(crate) fn clock(&self) -> Option<&Arc<VirtualClock>> {
        self.paused.as_ref().map(|paused| paused.clock())
    }

    /// Wakes one worker to search for work, if none searches already.
    #[cold]
    pub(crate) fn wake_one(&self) {
        if let Some(slot) = self.idle.choose() {
            self.slots[slot].driver.reactor.unpark();
        }
    }

    /// Whether there is anything in a queue that any worker may take from.
    pub(crate) fn has_ready(&self) -> bool {
        self.injection.len() > 0 || self.slots.iter().any(|slot| slot.has_ready())
    }

    /// Whether there is anything that a worker in the first slot might have to do.
    pub(crate) fn needs_first_slot(&self) -> bool {
        let first = &self.slots[0];
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
        self.slots.iter().any(|slot| slot.progress.is_awake()) || self.guests.anybody_awake()
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

    /// Tells all workers, when they look, to end what they have.
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
