//! [`Paused`]: when the clock of a paused runtime moves.
//!
//! The clock stands still while anything can run. When everybody waits, it jumps to the next deadline.
//!
//! # Who runs
//!
//! In a paused runtime one worker polls what is spawned, whichever thread is in the first slot; the others stay asleep, and nobody
//! steals or takes another's turn. So tasks run in one order, every time. Beside that worker there may be *guests*, threads that are in
//! `block_on` while somebody else has the first slot. These are the *members*.
//!
//! # When all wait
//!
//! That a member sleeps does not say that it has nothing to do: somebody may just have woken it. So all agree, in *rounds*:
//!
//! - A member with nothing ready *looks*: it notes the number of the round, takes a zero turn of its driver, and goes through its
//!   queues. If there is nothing, it *confirms* the round that it had noted, if that is still on, and sleeps.
//! - Who has run anything since it last confirmed begins a new round before it looks, and so does who wakes though nobody has begun one. To
//!   begin a round wakes all others, to look as well. A turn that finds something counts as a run: it may have woken another member.
//! - Who wakes says so, before it wakes or runs anybody.
//! - Who confirms as the last, while all others sleep, moves the clock, wakes who is due, and then begins a new round.
//!
//! **Invariant.** When the clock moves, every member has looked, found nothing, and run nothing since the round began: whoever runs
//! something is awake, and then begins another round, which nobody can complete before all, and so the one that it has woken, have looked
//! again. Whether that is so is decided, and the clock moved, in one critical section: who wakes comes before or after it.
//!
//! Blocking jobs run too. They belong to the invariant by their count: none may be queued or running, and none may have ended since the
//! round began, as it may have woken somebody who has looked before. A job that is in `block_on` is a guest, and not at work.
//!
//! While the first slot changes hands, there may be something in its driver that nobody can find. The clock waits for the thread that takes it next.
//!
//! What other threads do, and what is under way in the kernel, nobody knows of.
//!
//! Lock order: the lock of the rounds comes before those of the threads, of the blocking pool, of queues and of timers. Nobody is woken under it but by `unpark`.

use crate::scheduler::shared::Shared;
use crate::shrink;
use crate::sync::{Mutex, lock};
use std::sync::Arc;
use waterwheel_reactor::Reactor;
use waterwheel_timer::VirtualClock;

pub(crate) struct Paused {
    clock: Arc<VirtualClock>,
    rounds: Mutex<Rounds>,
}

struct Rounds {
    /// That of the round that is on.
    number: u64,
    /// How many blocking jobs had ended when it began.
    jobs_ended: u64,
    members: Vec<Member>,
}

struct Member {
    /// What it sleeps in, by which it is known.
    reactor: Arc<Reactor>,
    /// The last round that it has confirmed.
    confirmed: u64,
    /// Whether it sleeps since, or is about to.
    asleep: bool,
}

/// What a member does that has looked and found nothing.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Look again: a new round is on, or the clock has moved.
    LookAgain,
    /// Sleep until it is woken.
    Sleep,
}

impl Paused {
    pub(crate) fn new() -> Self {
        Self {
            clock: Arc::new(VirtualClock::new()),
            rounds: Mutex::new(Rounds {
                number: 1,
                jobs_ended: 0,
                members: Vec::new(),
            }),
        }
    }

    pub(crate) fn clock(&self) -> &Arc<VirtualClock> {
        &self.clock
    }

    /// A thread that polls becomes a worker.
    pub(crate) fn come(&self, shared: &Shared, reactor: &Arc<Reactor>) {
        let mut rounds = lock(&self.rounds);
        rounds.members.push(Member {
            reactor: Arc::clone(reactor),
            confirmed: 0,
            asleep: false,
        });
        rounds.begin(shared, reactor);
    }

    /// It leaves.
    pub(crate) fn leave(&self, shared: &Shared, reactor: &Arc<Reactor>) {
        let mut rounds = lock(&self.rounds);
        rounds
            .members
            .retain(|member| !Arc::ptr_eq(&member.reactor, reactor));
        shrink::vec(&mut rounds.members);
        rounds.begin(shared, reactor);
    }

    /// A member with nothing ready is about to look. Returns the round.
    pub(crate) fn begin_look(&self, shared: &Shared, own: &Arc<Reactor>, has_run: bool) -> u64 {
        let mut rounds = lock(&self.rounds);
        let number = rounds.number;
        let woke_by_itself = rounds
            .member(own)
            .is_some_and(|own| own.confirmed == number);
        if has_run || woke_by_itself {
            rounds.begin(shared, own);
        }
        rounds.number
    }

    /// It has looked in that round, and there is nothing.
    pub(crate) fn confirm(&self, shared: &Shared, own: &Arc<Reactor>, looked: u64) -> Rest {
        {
            let mut rounds = lock(&self.rounds);
            if rounds.number != looked {
                return Rest::LookAgain;
            }
            if let Some(ended) = rounds.completed_by(shared, own) {
                if ended != rounds.jobs_ended {
                    rounds.begin(shared, own);
                    return Rest::LookAgain;
                }
                if self.clock.jump_to_next() {
                    // Now whoever wakes finds the time moved, and is woken for it, or about to be.
                    drop(rounds);
                    self.clock.turn();
                    lock(&self.rounds).begin(shared, own);
                    return Rest::LookAgain;
                }
            }
            if let Some(own) = rounds.member(own) {
                own.confirmed = looked;
                own.asleep = true;
            }
        }
        Rest::Sleep
    }

    /// It has woken, and nobody has been woken or polled by it yet.
    pub(crate) fn awake(&self, own: &Arc<Reactor>) {
        if let Some(own) = lock(&self.rounds).member(own) {
            own.asleep = false;
        }
    }

    /// Something has changed that members do not note by themselves: all look.
    pub(crate) fn all_look(&self, shared: &Shared) {
        lock(&self.rounds).begin_for(shared, |_| true);
    }

    /// A blocking job has ended, and there is no other.
    pub(crate) fn pool_is_quiet(&self) {
        for member in &lock(&self.rounds).members {
            member.reactor.unpark();
        }
    }
}

impl Rounds {
    fn member(&mut self, reactor: &Arc<Reactor>) -> Option<&mut Member> {
        let is_it = |member: &&mut Member| Arc::ptr_eq(&member.reactor, reactor);
        self.members.iter_mut().find(is_it)
    }

    /// If nobody is at work once `own` sleeps too: how many blocking jobs have ended.
    fn completed_by(&self, shared: &Shared, own: &Arc<Reactor>) -> Option<u64> {
        let all_sleep = self.members.iter().all(|member| {
            Arc::ptr_eq(&member.reactor, own) || (member.asleep && member.confirmed == self.number)
        });
        // Somebody outside may just have queued something, or the thread that is to run it has yet to come.
        if !all_sleep || shared.has_ready() || self.first_slot_changes_hands(shared) {
            return None;
        }
        shared.blocking.ended_if_quiet()
    }

    /// Whether somebody has the first slot who is not there yet, or not any more.
    fn first_slot_changes_hands(&self, shared: &Shared) -> bool {
        let first = &shared.slots[0].driver.reactor;
        let is_there = |member: &Member| Arc::ptr_eq(&member.reactor, first);
        !self.members.iter().any(is_there)
            && !shared.is_closing()
            && shared.threads.first_slot_is_taken()
    }

    /// Begins a new round, and has all but `own` look.
    fn begin(&mut self, shared: &Shared, own: &Arc<Reactor>) {
        self.begin_for(shared, |member| !Arc::ptr_eq(&member.reactor, own));
    }

    fn begin_for(&mut self, shared: &Shared, looks: impl Fn(&Member) -> bool) {
        self.number += 1;
        self.jobs_ended = shared.blocking.ended();
        for member in self.members.iter().filter(|member| looks(member)) {
            member.reactor.unpark();
        }
    }
}
