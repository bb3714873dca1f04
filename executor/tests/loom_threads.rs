//! A model of the first place of a runtime under loom: it is left while other threads spawn, claim it and end the runtime. Each task finds a
//! thread, and what is left when the runtime ends is thrown away once.
//!
//! `src/scheduler/threads/state.rs` and `vacancy.rs` are the crate's own. Around them stand the lock, and two lists of tasks with locks of their
//! own, as in `Threads::leave`, `Threads::occupy`, `Threads::claim_first`, `Threads::shut_down` and `Shared::spawn`.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test loom_threads`.

#![cfg(loom)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the crate's own files, of which the models use a part"
)]

#[path = "../src/shrink.rs"]
mod shrink;
#[path = "../src/scheduler/threads/state.rs"]
mod state;
#[path = "../src/scheduler/threads/vacancy.rs"]
mod vacancy;

#[path = "loom/atomic.rs"]
mod atomic;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
}

use loom::sync::Mutex;
use loom::thread;
use state::{Claim, First, Left, SpareDoes, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vacancy::Vacancy;

/// Members: the thread in `block_on` that leaves, and the one that comes.
const FIRST: u8 = 1;
const OTHER: u8 = 2;

struct Threads {
    state: Mutex<State<u8>>,
    vacancy: Vacancy,
    /// How many tasks there are in each list; `None`: it takes no more.
    lists: [Mutex<Option<usize>>; 2],
    /// How often the first place was closed. The model's own books.
    closed: AtomicUsize,
}

impl Threads {
    /// A thread in `block_on` has the first place.
    fn new() -> Arc<Self> {
        let mut state = State::new(true, Vec::new());
        assert!(state.come(&FIRST));
        Arc::new(Self {
            state: Mutex::new(state),
            vacancy: Vacancy::new(false),
            lists: [Mutex::new(Some(0)), Mutex::new(Some(0))],
            closed: AtomicUsize::new(0),
        })
    }

    fn has_work(&self) -> bool {
        let has_tasks =
            |list: &Mutex<Option<usize>>| list.lock().unwrap().is_some_and(|tasks| tasks > 0);
        self.lists.iter().any(has_tasks)
    }

    fn close(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    fn send_spare(&self, state: &mut State<u8>) {
        if state.occupy() {
            self.vacancy.fill();
        }
    }

    fn leave(&self, member: u8) {
        let mut state = self.state.lock().unwrap();
        match state.leave(&member, true) {
            Left::Kept => {}
            Left::Vacated { wanted } => {
                if self.vacancy.leave(|| !wanted && self.has_work()) {
                    self.send_spare(&mut state);
                }
            }
            Left::Close => self.close(),
        }
    }

    fn spawn(&self, list: usize) {
        match &mut *self.lists[list].lock().unwrap() {
            Some(tasks) => *tasks += 1,
            None => return,
        }
        if self.vacancy.is_vacant() {
            self.send_spare(&mut self.state.lock().unwrap());
        }
    }

    /// Another `block_on` takes the place, if it finds it vacant, and leaves.
    fn stay(&self) {
        let mut state = self.state.lock().unwrap();
        match state.claim() {
            Claim::Taken => self.vacancy.fill(),
            Claim::Refused => return,
            // The spare of this model never comes, so there is nothing to wait for.
            Claim::Wait => {
                assert_eq!(state.claim_after_wait(), Claim::Refused);
                return;
            }
        }
        let _ = state.come(&OTHER);
        drop(state);
        self.leave(OTHER);
    }

    /// Ends the runtime, and does not wait.
    fn shut_down(&self) {
        let mut state = self.state.lock().unwrap();
        assert!(state.begin_end());
        for list in &self.lists {
            *list.lock().unwrap() = None;
        }
        if state.end().closes_first {
            self.close();
        }
    }

    /// All have done what they do.
    fn check(&self) {
        let mut state = self.state.lock().unwrap();
        assert_ne!(state.first(), First::Claimed, "it was left");
        let is_sent = state.first() == First::Spare;
        assert!(
            !self.has_work() || is_sent,
            "tasks are left, and no thread is there for them"
        );
        assert!(state.present().is_empty());
        if let SpareDoes::End { closes } = state.spare_asks() {
            assert_eq!(closes, is_sent);
            if closes {
                self.close();
            }
            assert_eq!(self.closed.load(Ordering::Relaxed), 1, "closed once");
        } else {
            assert_eq!(state.first() == First::Vacant, self.vacancy.is_vacant());
            assert_eq!(self.closed.load(Ordering::Relaxed), 0);
        }
    }
}

/// What another thread does while the first one leaves.
#[derive(Clone, Copy)]
enum Other {
    /// Spawns a task into one of the lists.
    Spawn(usize),
    /// Is in `block_on` for a while.
    OwnedWait,
    ShutDown,
}

fn model(others: &'static [Other]) {
    loom::model(move || {
        let threads = Threads::new();
        let others: Vec<_> = others
            .iter()
            .map(|other| {
                let threads = Arc::clone(&threads);
                thread::spawn(move || match *other {
                    Other::Spawn(list) => threads.spawn(list),
                    Other::OwnedWait => threads.stay(),
                    Other::ShutDown => threads.shut_down(),
                })
            })
            .collect();
        threads.leave(FIRST);
        for other in others {
            other.join().unwrap();
        }
        threads.check();
    });
}

#[test]
fn a_task_that_comes_while_the_place_is_left_finds_a_thread() {
    model(&[Other::Spawn(0)]);
    model(&[Other::Spawn(1)]);
    model(&[Other::Spawn(0), Other::Spawn(1)]);
}

#[test]
fn a_task_that_comes_while_the_place_changes_hands_finds_a_thread() {
    model(&[Other::Spawn(0), Other::OwnedWait]);
    model(&[Other::Spawn(1), Other::OwnedWait]);
}

#[test]
fn a_runtime_that_ends_while_the_place_is_left_closes_it_once() {
    model(&[Other::ShutDown]);
    model(&[Other::ShutDown, Other::OwnedWait]);
    model(&[Other::ShutDown, Other::Spawn(1)]);
}
