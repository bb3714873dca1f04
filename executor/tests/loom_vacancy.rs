//! A model of the first seat that is left while somebody spawns, under loom: the task finds somebody.
//!
//! `src/crew/vacancy.rs` is the crate's own, on loom's atomics. Around it stand the crew's lock, with who has the seat, and a list of tasks with
//! a lock of its own, as in `Crew::leave`, `Crew::occupy`, `Crew::claim_first` and `Shared::spawn`.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test loom_vacancy`.

#![cfg(loom)]

#[path = "../src/scheduler/threads/vacancy.rs"]
mod vacancy;

#[path = "loom/atomic.rs"]
mod atomic;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
}

use loom::sync::Mutex;
use loom::thread;
use std::sync::Arc;
use vacancy::Vacancy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Vacant,
    Main,
    Spare,
}

struct Crew {
    first: Mutex<First>,
    vacancy: Vacancy,
    /// How many tasks there are in each list.
    lists: [Mutex<usize>; 2],
}

impl Crew {
    /// In the thread that is in `block_on`.
    fn new() -> Arc<Self> {
        Arc::new(Self {
            first: Mutex::new(First::Main),
            vacancy: Vacancy::new(false),
            lists: [Mutex::new(0), Mutex::new(0)],
        })
    }

    fn has_work(&self) -> bool {
        self.lists.iter().any(|list| *list.lock().unwrap() > 0)
    }

    fn leave(&self) {
        let mut first = self.first.lock().unwrap();
        *first = First::Vacant;
        if self.vacancy.leave(|| self.has_work()) {
            *first = First::Spare;
            self.vacancy.fill();
        }
    }

    fn spawn(&self, list: usize) {
        *self.lists[list].lock().unwrap() += 1;
        if self.vacancy.is_vacant() {
            let mut first = self.first.lock().unwrap();
            if *first == First::Vacant {
                *first = First::Spare;
                self.vacancy.fill();
            }
        }
    }

    /// The seat is taken by another `block_on`, if that finds it vacant, which runs what there is and leaves.
    fn stay(&self) {
        let mut first = self.first.lock().unwrap();
        if *first != First::Vacant {
            return;
        }
        *first = First::Main;
        self.vacancy.fill();
        drop(first);
        self.leave();
    }

    /// All have done what they do.
    fn check(&self) {
        let first = *self.first.lock().unwrap();
        assert_ne!(first, First::Main, "it has left");
        assert!(
            !self.has_work() || first == First::Spare,
            "tasks are left, and nobody is there for them"
        );
        assert_eq!(first == First::Vacant, self.vacancy.is_vacant());
    }
}

/// One thread leaves, and others spawn, each into one of the lists; or another stays for a while, too.
fn model(spawns: &'static [usize], stays: bool) {
    loom::model(move || {
        let crew = Crew::new();
        let mut others: Vec<_> = spawns
            .iter()
            .map(|list| {
                let crew = Arc::clone(&crew);
                thread::spawn(move || crew.spawn(*list))
            })
            .collect();
        if stays {
            let crew = Arc::clone(&crew);
            others.push(thread::spawn(move || crew.stay()));
        }
        crew.leave();
        for other in others {
            other.join().unwrap();
        }
        crew.check();
    });
}

#[test]
fn a_task_that_comes_while_the_seat_is_left_finds_somebody() {
    model(&[0], false);
    model(&[1], false);
    model(&[0, 1], false);
}

#[test]
fn a_task_that_comes_while_the_seat_changes_hands_finds_somebody() {
    model(&[0], true);
    model(&[1], true);
}
