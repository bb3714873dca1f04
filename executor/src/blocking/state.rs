//! [`State`]: what a [pool](super::pool) knows of its jobs and threads, under its lock.

use super::queue::JobQueue;
use crate::sync::Condvar;
use crate::task::schedule::Schedule;
use crate::task::task::Task;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

pub(super) struct State<S: Schedule> {
    pub(super) queue: JobQueue<Task<S>>,
    /// How many threads have been started and have not ended.
    pub(super) threads: usize,
    /// How many of these have not come to the lock yet.
    pub(super) starting: usize,
    /// Those that sleep, the last to fall asleep last.
    pub(super) asleep: VecDeque<Sleeper>,
    pub(super) next_ticket: u64,
    /// How many have been woken and have not come to the lock yet.
    pub(super) woken: usize,
    /// How many are in a job that waits in `block_on`.
    pub(super) waiting: usize,
    /// How many jobs have been taken out by [`cancel`](super::pool::Pool::cancel), and are being dropped.
    pub(super) cancelling: usize,
    /// How many jobs have ended, those that were cancelled included.
    pub(super) ended: u64,
    /// After a refusal: when a worker is to ask for a thread again.
    pub(super) retry_at: Option<Instant>,
    pub(super) closed: bool,
}

pub(super) struct Sleeper {
    ticket: u64,
    /// What the thread sleeps in, and no other thread.
    pub(super) bell: Arc<Condvar>,
}

/// What a job needs that is about to be pushed.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A thread that sleeps, which must be woken.
    Wake,
    /// A new thread.
    Thread,
    /// Patience, or the thread that is on its way.
    Nothing,
}

impl Need {
    pub(super) fn of(
        queued: usize,
        on_their_way: usize,
        asleep: usize,
        threads: usize,
        most_threads: usize,
    ) -> Self {
        if queued < on_their_way {
            Self::Nothing
        } else if asleep > 0 {
            Self::Wake
        } else if threads < most_threads {
            Self::Thread
        } else {
            Self::Nothing
        }
    }
}

impl<S: Schedule> State<S> {
    pub(super) fn new() -> Self {
        Self {
            queue: JobQueue::default(),
            threads: 0,
            starting: 0,
            asleep: VecDeque::new(),
            next_ticket: 0,
            woken: 0,
            waiting: 0,
            cancelling: 0,
            ended: 0,
            retry_at: None,
            closed: false,
        }
    }

    pub(super) fn need(&self, most_threads: usize) -> Need {
        Need::of(
            self.queue.len(),
            self.starting + self.woken,
            self.asleep.len(),
            self.threads,
            most_threads,
        )
    }

    /// Whether a queued job has no thread on its way, though there may be one more. The kernel has refused it then.
    pub(super) fn lacks_thread(&self, most_threads: usize) -> bool {
        let has_more = self.queue.len() > self.starting + self.woken;
        has_more && self.asleep.is_empty() && self.threads < most_threads
    }

    /// Lists a thread as asleep, on top, and returns its ticket.
    pub(super) fn lie_down(&mut self, bell: &Arc<Condvar>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let bell = Arc::clone(bell);
        self.asleep.push_back(Sleeper { ticket, bell });
        ticket
    }

    fn place_of(&self, ticket: u64) -> Result<usize, usize> {
        self.asleep
            .binary_search_by_key(&ticket, |sleeper| sleeper.ticket)
    }

    pub(super) fn is_asleep(&self, ticket: u64) -> bool {
        self.place_of(ticket).is_ok()
    }

    /// A thread that nobody has woken does not sleep any more.
    pub(super) fn get_up(&mut self, ticket: u64) {
        // As a rule its time is up, and it is the first.
        let place = self.place_of(ticket);
        let _ = self
            .asleep
            .remove(place.expect("a thread that nobody has woken is listed"));
    }

    /// Takes the last to fall asleep off the list. The caller owes it a notification, once it has let go of the lock.
    pub(super) fn wake_last(&mut self) -> Option<Arc<Condvar>> {
        let sleeper = self.asleep.pop_back()?;
        self.woken += 1;
        Some(sleeper.bell)
    }

    /// How many threads have nothing to do, as far as they know.
    pub(super) fn idle(&self) -> usize {
        self.asleep.len() + self.woken
    }

    /// Whether no job is queued, runs, or is being dropped.
    pub(super) fn is_quiet(&self) -> bool {
        self.queue.is_empty() && self.cancelling == 0 && self.idle() + self.waiting == self.threads
    }
}
