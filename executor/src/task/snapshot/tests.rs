//! The transitions, explored exhaustively: a model of a task and its surroundings, of which every reachable world is checked.

use super::*;
use std::collections::{HashSet, VecDeque};

/// A task and its surroundings, as far as the protocol can tell: the word, and where references are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    word: Snapshot,
    /// The future is there.
    future: bool,
    output: Output,
    /// Who holds references.
    listed: bool,
    queued: u8,
    handle: bool,
    /// There is an abort handle. (Two are no more than one: all that they can do beyond it is to go, as wakers do.)
    abort_handle: bool,
    wakers: u8,
    /// The runner's position.
    runner: Runner,
    /// The one who shuts down has claimed the stage (with the list's reference).
    claimed: bool,
    /// The field of the join waker is occupied.
    join_waker: bool,
    freed: bool,
}

/// What has become of the output: each step leads to the next line, or to the one after it, and none back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Output {
    NotYet,
    There,
    /// By the join handle.
    Delivered,
    /// By the completer, or by the join handle's destructor.
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Runner {
    None,
    Polling,
    /// To drop the future and complete.
    Cancelling,
}

const MOST_WAKERS: u8 = 4;

impl World {
    fn spawned() -> Self {
        Self {
            word: Snapshot::SPAWNED,
            future: true,
            output: Output::NotYet,
            listed: true,
            queued: 1,
            handle: true,
            abort_handle: false,
            wakers: 0,
            runner: Runner::None,
            claimed: false,
            join_waker: false,
            freed: false,
        }
    }

    fn holders(&self) -> usize {
        usize::from(self.listed)
            + usize::from(self.queued)
            + usize::from(self.handle)
            + usize::from(self.abort_handle)
            + usize::from(self.wakers)
            + usize::from(self.runner != Runner::None)
    }

    /// What must hold in every world that can be reached.
    fn check(&self) {
        if self.freed {
            assert_eq!(self.holders(), 0, "{self:?}");
            assert!(
                !self.future && !self.join_waker && self.output_is_over(),
                "leak: {self:?}"
            );
            return;
        }
        assert_eq!(self.word.references(), self.holders(), "{self:?}");
        assert_ne!(self.holders(), 0, "leak: {self:?}");
        assert!(self.queued <= 1, "queued twice: {self:?}");
        let running = self.runner != Runner::None || self.claimed;
        assert_eq!(self.word.is(RUNNING), running, "{self:?}");
        assert!(
            !(self.runner != Runner::None && self.claimed),
            "two owners: {self:?}"
        );
        if self.word.is(NOTIFIED) && !self.word.is(COMPLETE) {
            assert!(self.queued == 1 || running, "T2: {self:?}");
        }
        assert_eq!(self.future, !self.word.is(COMPLETE), "{self:?}");
        assert!(!(self.listed && self.word.is(COMPLETE)), "{self:?}");
        if !self.listed && !self.word.is(COMPLETE) {
            // The end of the runtime has let it go, and left it to who runs it.
            assert!(self.word.is(CANCELLED) && running, "{self:?}");
        }
        assert_eq!(
            self.output == Output::NotYet,
            !self.word.is(COMPLETE),
            "{self:?}"
        );
        if self.output == Output::There {
            assert!(self.handle, "T4: nobody will have it: {self:?}");
        }
        if self.word.is(JOIN_WAKER) && !self.word.is(COMPLETE) {
            assert!(self.join_waker && self.handle, "T5: {self:?}");
        }
    }

    fn output_is_over(&self) -> bool {
        matches!(self.output, Output::Delivered | Output::Dropped)
    }

    fn free(mut self, released: Released) -> Self {
        if released == Released::Last {
            assert!(!self.freed, "freed twice");
            self.freed = true;
        }
        self
    }

    /// Drop the future, store the output, complete, and release what the completer holds.
    fn finish(mut self, references: usize) -> Self {
        assert!(self.future, "dropped twice: {self:?}");
        self.future = false;
        // As the harness does: the list's reference becomes the completer's, if the list has it still.
        let references = references + usize::from(self.listed && !self.claimed);
        let alone = self.word.references() == references;
        let (word, completed) = self.word.complete(references);
        assert!(
            !alone || !(completed.output_is_wanted || completed.has_join_waker),
            "T8: {self:?}"
        );
        self.word = word;
        assert_eq!(self.output, Output::NotYet, "two outputs: {self:?}");
        self.output = if completed.output_is_wanted {
            Output::There
        } else {
            Output::Dropped
        };
        self.listed = false;
        self.runner = Runner::None;
        self.claimed = false;
        // In the order of the harness: what is released is not touched any more.
        if completed.released {
            return self;
        }
        if completed.has_join_waker {
            assert!(self.join_waker, "T5: {self:?}");
            self.join_waker = false;
        }
        let (word, released) = self.word.release(references);
        self.word = word;
        self.free(released)
    }

    fn submit(mut self, wake: Wake) -> Self {
        match wake {
            Wake::Submit => {
                self.queued += 1;
                self
            }
            Wake::Done(released) => self.free(released),
        }
    }

    /// Every world that one step leads to.
    fn steps(self) -> Vec<Self> {
        if self.freed {
            return Vec::new();
        }
        let mut next = Vec::new();
        if self.queued > 0 && self.runner == Runner::None {
            let mut world = self;
            let (word, start) = self.word.start();
            world.word = word;
            world.queued -= 1;
            if start == Start::Poll {
                assert!(!self.word.is(CANCELLED), "polled in vain: {self:?}");
                assert!(!word.is(NOTIFIED), "polled again for nothing: {self:?}");
            }
            next.push(match start {
                Start::Poll => World {
                    runner: Runner::Polling,
                    ..world
                },
                Start::Cancel => World {
                    runner: Runner::Cancelling,
                    ..world
                },
                Start::Stale(released) => world.free(released),
            });
        }
        if self.runner == Runner::Polling {
            let (word, pend) = self.word.pend();
            let world = World { word, ..self };
            next.push(match pend {
                Pend::Idle => World {
                    runner: Runner::None,
                    ..world
                },
                Pend::Requeue => World {
                    runner: Runner::None,
                    queued: world.queued + 1,
                    ..world
                },
                Pend::Cancel => World {
                    runner: Runner::Cancelling,
                    ..world
                },
            });
            if self.wakers < MOST_WAKERS {
                let word = self.word.referenced();
                next.push(World {
                    word,
                    wakers: self.wakers + 1,
                    ..self
                });
            }
        }
        if self.runner != Runner::None {
            next.push(self.finish(1));
        }
        if self.listed && !self.claimed {
            let (word, shutdown) = self.word.shutdown();
            next.push(match shutdown {
                Shutdown::Claimed => World {
                    word,
                    claimed: true,
                    ..self
                },
                Shutdown::Left => {
                    let (word, released) = word.release(1);
                    let listed = false;
                    World {
                        word,
                        listed,
                        ..self
                    }
                    .free(released)
                }
            });
            if !self.abort_handle {
                // As a report takes them from the list.
                next.push(World {
                    word: self.word.referenced(),
                    abort_handle: true,
                    ..self
                });
            }
        }
        if self.claimed {
            next.push(self.finish(1));
        }
        if self.wakers > 0 {
            let (word, wake) = self.word.wake();
            next.push(
                World {
                    word,
                    wakers: self.wakers - 1,
                    ..self
                }
                .submit(wake),
            );
            let (word, wake) = self.word.wake_by_ref();
            next.push(World { word, ..self }.submit(wake));
            let (word, released) = self.word.release(1);
            next.push(
                World {
                    word,
                    wakers: self.wakers - 1,
                    ..self
                }
                .free(released),
            );
        }
        if self.handle || self.abort_handle {
            let (word, wake) = self.word.abort();
            assert!(word.is(CANCELLED | COMPLETE), "an abort is lost: {self:?}");
            next.push(World { word, ..self }.submit(wake));
        }
        if self.handle {
            next.extend(self.handle_steps());
            if !self.abort_handle {
                next.push(World {
                    word: self.word.referenced(),
                    abort_handle: true,
                    ..self
                });
            }
        }
        if self.abort_handle {
            let (word, released) = self.word.release(1);
            next.push(
                World {
                    word,
                    abort_handle: false,
                    ..self
                }
                .free(released),
            );
        }
        next
    }

    fn handle_steps(self) -> Vec<Self> {
        let mut next = Vec::new();
        if self.word.is_complete() {
            // To await it again is an error, and panics.
            if self.output != Output::Delivered {
                assert_eq!(self.output, Output::There, "T4: {self:?}");
                next.push(World {
                    output: Output::Delivered,
                    ..self
                });
            }
        } else if self.word.has_join_waker() {
            // And take it out of the field.
            let word = self.word.withdraw_join_waker().expect("not complete");
            next.push(World {
                word,
                join_waker: false,
                ..self
            });
        } else {
            let word = self.word.offer_join_waker().expect("not complete");
            next.push(World {
                word,
                join_waker: true,
                ..self
            });
        }
        let (word, dropped) = self.word.drop_handle();
        let mut world = World { word, ..self };
        match dropped {
            DropHandle::WakerIsOurs => world.join_waker = false,
            DropHandle::OutputIsOurs => {
                assert!(self.word.is(COMPLETE), "T4: {self:?}");
                if self.output != Output::Delivered {
                    assert_eq!(self.output, Output::There, "T4: {self:?}");
                    world.output = Output::Dropped;
                }
            }
            DropHandle::Gone => {
                assert!(!self.join_waker, "leak: {self:?}");
                world.handle = false;
                next.push(world);
                return next;
            }
        }
        let (word, released) = world.word.release(1);
        next.push(
            World {
                word,
                handle: false,
                ..world
            }
            .free(released),
        );
        next
    }
}

/// Every interleaving of runner, shutdown, up to four wakers, an abort handle and the join handle: the future is dropped once, the output
/// delivered once or dropped once, woken means queued or running, and memory goes with the last reference. A world in
/// which nothing can happen is a freed one, so no task is stuck.
#[test]
fn every_reachable_world_keeps_the_rules() {
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([World::spawned()]);
    let (mut freed, mut transitions) = (0, 0);
    while let Some(world) = queue.pop_front() {
        if !seen.insert(world) {
            continue;
        }
        world.check();
        let next = world.steps();
        assert!(world.freed || !next.is_empty(), "stuck: {world:?}");
        freed += usize::from(world.freed);
        transitions += next.len();
        queue.extend(next);
    }
    println!("{} worlds, {transitions} transitions", seen.len());
    assert!(freed > 0);
    assert!(
        seen.len() > 300,
        "the model explored only {} worlds",
        seen.len()
    );
}

/// Pitfall: a coalesced wake lacks its release (tokio#7622). Nothing changes, and yet the word is written: that this
/// publishes, `tests/loom_state.rs` shows.
#[test]
fn a_wake_of_a_notified_task_changes_no_bit() {
    let (word, wake) = Snapshot::SPAWNED.wake_by_ref();
    assert_eq!(
        (word, wake),
        (Snapshot::SPAWNED, Wake::Done(Released::NotLast))
    );
}

#[test]
fn a_snapshot_prints_what_it_is() {
    let printed = format!("{:?}", Snapshot::SPAWNED);
    assert_eq!(printed, "notified, join interest, 3 references");
}
