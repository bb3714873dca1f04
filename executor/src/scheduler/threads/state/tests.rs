//! Every order in which threads can come to a runtime's places, leave them, spawn, and end the runtime.
//!
//! A world is a [`State`] and some actors, each a small program whose steps are what one thread does without letting others in between. From
//! each world that is reached, each actor that can makes its next step; what must always hold is looked at in each, and what must hold in the
//! end in those where nobody can go on.

use super::*;
use std::collections::HashSet;

/// Members: the thread of the second place, the spare, and those in `block_on`.
const SECOND: u8 = 1;
const SPARE: u8 = 2;

/// Where an actor is in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Start,
    /// A claim that waits for the spare.
    Waits,
    /// It has the first place, and has yet to say that it has come.
    HasPlace,
    /// A guest, likewise.
    IsGuest,
    /// It is there. `false`: it was refused.
    Works(bool),
    /// It has ended what is pinned to it.
    Cleared,
    /// It has left the first place vacant, holds the lock, and has yet to look for work.
    Looks,
    /// It has put a task into a list.
    HasSpawned,
    /// It has found the first place vacant.
    SawVacancy,
    /// It ends the runtime, and waits for the others.
    Ends,
    Done,
}

/// What each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Actor {
    /// Calls `block_on` once, with a member of its own.
    BlockOn(u8),
    Spare,
    Second,
    Spawner,
    /// Ends the runtime; `hurried`, it may do so before all have ended.
    Ender {
        hurried: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    state: State<u8>,
    actors: Vec<(Actor, At)>,
    /// Whether the first place says that it is vacant, for threads that spawn.
    is_vacant: bool,
    /// Whether a task is alive that any worker may run.
    work: bool,
    /// An actor holds the lock between two steps.
    locked: bool,
    /// How often each place was closed.
    closed: [u8; 2],
}

impl World {
    fn new(actors: &[Actor]) -> Self {
        let mut state = State::new(false, vec![SECOND]);
        state.thread_started();
        state.thread_started();
        let own = [Actor::Spare, Actor::Second];
        let actors = own.iter().chain(actors);
        Self {
            state,
            actors: actors.map(|&actor| (actor, At::Start)).collect(),
            is_vacant: true,
            work: false,
            locked: false,
            closed: [0; 2],
        }
    }

    fn holders(&self) -> usize {
        let holds = |&&(actor, at): &&(Actor, At)| match actor {
            Actor::BlockOn(_) => {
                matches!(at, At::HasPlace | At::Works(_) | At::Cleared) && !self.is_guest(actor)
            }
            Actor::Spare => matches!(at, At::HasPlace | At::Works(_) | At::Cleared),
            _ => false,
        };
        self.actors.iter().filter(holds).count()
    }

    /// Guests have odd members from the hundreds.
    fn is_guest(&self, actor: Actor) -> bool {
        matches!(actor, Actor::BlockOn(member) if member >= 100)
    }

    fn close(&mut self, place: usize) {
        self.closed[place] += 1;
        assert_eq!(self.closed[place], 1, "a place is closed once");
        if place == 0 {
            assert_eq!(
                self.holders(),
                0,
                "the first place is closed under its holder"
            );
        }
    }

    fn occupy(&mut self) {
        if self.state.occupy() {
            self.is_vacant = false;
        }
    }

    fn claimed(&mut self, actor: usize, claim: Claim) -> At {
        let Actor::BlockOn(member) = &mut self.actors[actor].0 else {
            unreachable!("only `block_on` claims");
        };
        match claim {
            Claim::Taken => {
                self.is_vacant = false;
                At::HasPlace
            }
            Claim::Wait => At::Waits,
            Claim::Refused => {
                *member += 100;
                At::IsGuest
            }
        }
    }

    /// A thread that has cleared what is pinned to it leaves the first place.
    fn leave_first(&mut self, actor: usize, member: u8) -> At {
        let after = if member == SPARE { At::Start } else { At::Done };
        // From here on it is not there.
        self.actors[actor].1 = At::Start;
        match self.state.leave(&member, true) {
            Left::Kept => after,
            Left::Close => {
                self.close(0);
                after
            }
            Left::Vacated { wanted } => {
                self.is_vacant = true;
                if wanted {
                    return after;
                }
                self.locked = true;
                At::Looks
            }
        }
    }

    /// The worlds after the next step of an actor: none if it waits or is done.
    fn after(&self, actor: usize) -> Vec<Self> {
        let (who, at) = self.actors[actor];
        let mut next = self.clone();
        let mut also = None;
        let needs_lock = !matches!(
            (who, at),
            (_, At::Looks) | (Actor::Spawner, At::Start | At::HasSpawned)
        );
        if self.locked && needs_lock || at == At::Done {
            return Vec::new();
        }
        let to = match (who, at) {
            (Actor::BlockOn(_), At::Start) => {
                let claim = next.state.claim();
                next.claimed(actor, claim)
            }
            // It may lose patience at any time, and it goes on when it is decided.
            (Actor::BlockOn(_), At::Waits) => {
                let claim = next.state.claim_after_wait();
                next.claimed(actor, claim)
            }
            (Actor::BlockOn(member), At::HasPlace | At::IsGuest) => {
                At::Works(next.state.come(&member))
            }
            (Actor::BlockOn(member), At::Works(_)) => {
                // When the runtime has ended, what is spawned is refused.
                if !self.is_guest(who) && !self.state.closing {
                    // It may have spawned a task that outlives it, and it may have run all there were.
                    let mut other = next.clone();
                    other.work = !other.work;
                    other.state.cleared(&member);
                    other.actors[actor].1 = At::Cleared;
                    also = Some(other);
                }
                next.state.cleared(&member);
                At::Cleared
            }
            (Actor::BlockOn(_), At::Cleared) if self.is_guest(who) => At::Done,
            (Actor::BlockOn(member), At::Cleared) => next.leave_first(actor, member),
            (Actor::BlockOn(_) | Actor::Spare, At::Looks) => {
                if next.work {
                    next.occupy();
                }
                next.locked = false;
                if who == Actor::Spare {
                    At::Start
                } else {
                    At::Done
                }
            }
            (Actor::Spare, At::Start) => match next.state.spare_asks() {
                SpareDoes::Wait => return Vec::new(),
                SpareDoes::Work => At::HasPlace,
                SpareDoes::End { closes } => {
                    if closes {
                        next.close(0);
                    }
                    next.state.thread_ended();
                    At::Done
                }
            },
            (Actor::Spare, At::HasPlace) => At::Works(next.state.come(&SPARE)),
            (Actor::Spare, At::Works(_)) => {
                if next.work {
                    // It runs what there is, and stays.
                    next.work = false;
                    at
                } else if next.state.is_spare_wanted() || next.state.closing {
                    next.state.cleared(&SPARE);
                    At::Cleared
                } else {
                    return Vec::new();
                }
            }
            (Actor::Spare, At::Cleared) => next.leave_first(actor, SPARE),
            (Actor::Second, At::Start) => At::Works(next.state.come(&SECOND)),
            (Actor::Second, At::Works(_)) => {
                if !next.state.closing {
                    return Vec::new();
                }
                next.state.cleared(&SECOND);
                At::Cleared
            }
            (Actor::Second, At::Cleared) => {
                match next.state.leave(&SECOND, false) {
                    Left::Close => next.close(1),
                    left => panic!("{left:?}: its runtime has ended"),
                }
                next.state.thread_ended();
                At::Done
            }
            // When the runtime has ended it is refused, under the lock of the list.
            (Actor::Spawner, At::Start) => {
                if next.state.closing {
                    At::Done
                } else {
                    next.work = true;
                    At::HasSpawned
                }
            }
            (Actor::Spawner, At::HasSpawned) => {
                if next.is_vacant {
                    At::SawVacancy
                } else {
                    At::Done
                }
            }
            (Actor::Spawner, At::SawVacancy) => {
                next.occupy();
                At::Done
            }
            (Actor::Ender { .. }, At::Start) => {
                if next.state.begin_end() {
                    // It drops every task itself.
                    next.work = false;
                    At::Ends
                } else {
                    At::Done
                }
            }
            (Actor::Ender { hurried }, At::Ends) => {
                let all = next.state.has_ended_but(None, false);
                if !all && !hurried {
                    return Vec::new();
                }
                let end = next.state.end();
                assert!(!all || end.all_have_ended);
                if end.closes_first {
                    next.close(0);
                }
                At::Done
            }
            (who, at) => unreachable!("{who:?} is never {at:?}"),
        };
        next.actors[actor].1 = to;
        [Some(next), also].into_iter().flatten().collect()
    }

    /// What holds at all times.
    fn check(&self) {
        let holders = self.holders();
        assert!(holders <= 1, "two threads in the first place: {self:?}");
        if holders == 1 {
            assert!(
                matches!(self.state.first(), First::Claimed | First::Spare),
                "{self:?}"
            );
        }
        let waits = self
            .actors
            .iter()
            .filter(|(_, at)| *at == At::Waits)
            .count();
        assert_eq!(self.state.waiting, waits, "{self:?}");
        if self.state.first() == First::Vacant && !self.locked {
            assert!(self.is_vacant, "{self:?}");
        }
        if self.is_vacant && self.work && !self.state.closing {
            let will_look = |&(actor, at): &(Actor, At)| match actor {
                Actor::Spawner => matches!(at, At::HasSpawned | At::SawVacancy),
                _ => at == At::Looks || at == At::Waits || at == At::HasPlace,
            };
            assert!(
                self.actors.iter().any(will_look),
                "work that nobody will do: {self:?}"
            );
        }
    }

    /// What holds when nobody can go on.
    fn check_end(&self) {
        let left = |&(actor, at): &(Actor, At)| match actor {
            Actor::Spare => !self.state.closing && matches!(at, At::Start | At::Works(_)),
            Actor::Second => !self.state.closing && matches!(at, At::Works(_)),
            _ => false,
        };
        let all_done = |entry: &(Actor, At)| entry.1 == At::Done || left(entry);
        assert!(
            self.actors.iter().all(all_done),
            "somebody waits for ever: {self:?}"
        );
        assert!(!self.work, "work that nobody has done: {self:?}");
        assert_eq!(self.state.waiting, 0);
        if self.state.closing {
            assert_eq!(self.closed, [1; 2], "{self:?}");
            assert_eq!(self.state.first(), First::Closed);
            assert_eq!(
                (self.state.present(), self.state.running),
                (&[][..], 0),
                "{self:?}"
            );
        }
    }
}

/// Explores all that can come of these actors beside the runtime's own threads. Returns how many worlds there are.
fn explore(actors: &[Actor]) -> usize {
    let first = World::new(actors);
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(world) = open.pop() {
        world.check();
        let next: Vec<World> = (0..world.actors.len())
            .flat_map(|actor| world.after(actor))
            .collect();
        // To do the same again is not to go on.
        if next.iter().all(|next| *next == world) {
            world.check_end();
        }
        for next in next {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    seen.len()
}

const PATIENT: Actor = Actor::Ender { hurried: false };
const HURRIED: Actor = Actor::Ender { hurried: true };

#[test]
fn every_order_in_which_threads_come_leave_spawn_and_end() {
    use Actor::{BlockOn, Spawner};
    let mut worlds = 0;
    for actors in [
        &[BlockOn(10)][..],
        &[BlockOn(10), Spawner],
        &[BlockOn(10), BlockOn(11), Spawner],
        &[Spawner, Spawner],
        &[PATIENT],
        &[Spawner, PATIENT],
        &[BlockOn(10), PATIENT],
        &[BlockOn(10), Spawner, PATIENT],
        &[BlockOn(10), Spawner, HURRIED],
        &[BlockOn(10), BlockOn(11), Spawner, PATIENT],
        &[BlockOn(10), BlockOn(11), Spawner, Spawner, HURRIED],
        &[BlockOn(10), BlockOn(11), Spawner, PATIENT, HURRIED],
    ] {
        worlds += explore(actors);
    }
    assert!(worlds > 10_000, "{worlds} worlds");
}

/// Each outcome is one that some order has, so that no transition is there in vain.
#[test]
fn the_first_place_is_closed_by_its_last_holder_or_by_the_one_who_ends() {
    let mut state = State::new(true, Vec::new());
    assert!(state.come(&10) && state.begin_end() && !state.begin_end());
    assert!(!state.end().closes_first, "it has a holder");
    assert_eq!(state.leave(&10, true), Left::Close);
    assert!(!state.end().closes_first);

    let mut state: State<u8> = State::new(false, Vec::new());
    assert!(state.begin_end() && state.end().closes_first);
    assert_eq!(state.spare_asks(), SpareDoes::End { closes: false });

    let mut state: State<u8> = State::new(false, Vec::new());
    assert!(state.occupy() && !state.occupy() && state.begin_end());
    assert!(!state.end().closes_first, "it is meant for the spare");
    assert_eq!(state.spare_asks(), SpareDoes::End { closes: true });
    assert!(!state.come(&10), "too late");
    assert_eq!(state.claim(), Claim::Refused);
}

#[test]
fn the_spare_leaves_for_a_claim_and_stays_without_one() {
    let mut state = State::new(false, Vec::new());
    assert!(state.occupy());
    assert_eq!(state.spare_asks(), SpareDoes::Work);
    assert!(state.come(&SPARE));
    assert_eq!(state.claim(), Claim::Wait);
    assert!(state.is_spare_wanted() && !state.is_claim_decided());
    assert_eq!(state.leave(&SPARE, true), Left::Vacated { wanted: true });
    assert!(state.is_claim_decided());
    assert_eq!(state.spare_asks(), SpareDoes::Wait);
    assert_eq!(state.claim_after_wait(), Claim::Taken);
    assert!(!state.is_spare_wanted());
    assert_eq!(state.leave(&10, true), Left::Vacated { wanted: false });

    assert!(state.occupy() && state.come(&SPARE));
    assert_eq!(state.claim(), Claim::Wait);
    assert_eq!(
        state.claim_after_wait(),
        Claim::Refused,
        "it has lost patience"
    );
    assert_eq!(
        state.leave(&SPARE, true),
        Left::Kept,
        "nothing is wanted any more"
    );
    assert_eq!(state.spare_asks(), SpareDoes::Work);
}

#[test]
fn a_thread_is_present_from_when_it_comes_until_it_is_cleared_or_leaves() {
    let mut state = State::new(true, vec![SECOND]);
    assert!(state.come(&SECOND) && state.come(&10) && state.come(&11));
    assert_eq!(state.present(), [SECOND, 10, 11], "each once");
    state.cleared(&11);
    assert_eq!(state.leave(&10, true), Left::Vacated { wanted: false });
    assert_eq!(state.present(), [SECOND]);
    assert!(state.begin_end());
    assert!(!state.come(&12));
    assert_eq!(state.present(), [SECOND], "nobody would clear it");
    assert!(!state.has_ended_but(None, false) && state.has_ended_but(Some(&SECOND), false));
}
