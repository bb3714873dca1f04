//! [`RuntimeMetrics`]: what a runtime's workers have done, and what they have before them.

use crate::scheduler::shared::Shared;
use crate::scheduler::slot::Slot;

/// Counts of a runtime, as of the moment when it was [asked](crate::Runtime::metrics).
///
/// They are always kept, as plain counters that one thread each writes. They are read one after the other, while the workers go on: a
/// sum over them may be off by what happens meanwhile.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuntimeMetrics {
    /// Of each worker, in order. Guests of [`block_on`](crate::Runtime::block_on) are not counted.
    pub workers: Vec<WorkerMetrics>,
    /// Tasks that have not ended, without those that are pinned to a thread, and with blocking jobs. Those that are spawned while they are
    /// counted may be among them. If it is zero, there was a moment without any, also if tasks spawn others.
    pub tasks_alive: usize,
    /// Tasks that other threads have made ready and no worker has taken yet.
    pub injection_depth: usize,
    /// Threads of the blocking pool.
    pub blocking_threads: usize,
    /// Those of them that have nothing to do.
    pub idle_blocking_threads: usize,
    /// Blocking jobs that wait for a thread.
    pub blocking_depth: usize,
}

/// Counts of one worker, since the runtime began.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Polls of tasks, and of the future that `block_on` was given. Counted at each turn, so that those since the last are missing.
    pub polls: u64,
    /// How often it has taken tasks from another worker.
    pub steals: u64,
    /// How often it has gone to sleep.
    pub parks: u64,
    /// How often another has woken it for work.
    pub unparks: u64,
    /// Turns of its own driver, sleeps included.
    pub turns: u64,
    /// Turns that it has taken for a worker that was stuck in a long poll.
    pub sibling_turns: u64,
    /// Timers that wait in its driver.
    pub timers_pending: usize,
    /// Descriptors that are registered with its driver.
    pub descriptors: usize,
    /// Tasks that are ready in its queue.
    pub queue_depth: usize,
}

impl WorkerMetrics {
    fn of(slot: &Slot) -> Self {
        let counters = &slot.counters;
        Self {
            polls: counters.polls.get(),
            steals: counters.steals.get(),
            parks: counters.parks.get(),
            unparks: counters.unparks.get(),
            turns: counters.turns.get(),
            sibling_turns: counters.sibling_turns.get(),
            timers_pending: slot.driver.timers.len(),
            descriptors: slot.driver.reactor.registered(),
            queue_depth: slot.ready(),
        }
    }
}

pub(super) fn of(shared: &Shared) -> RuntimeMetrics {
    let blocking = shared.blocking.depths();
    RuntimeMetrics {
        workers: shared
            .slots
            .iter()
            .map(|slot| WorkerMetrics::of(slot))
            .collect(),
        tasks_alive: shared.tasks_alive(),
        injection_depth: shared.injection.len(),
        blocking_threads: blocking.threads,
        idle_blocking_threads: blocking.idle,
        blocking_depth: blocking.queued,
    }
}
