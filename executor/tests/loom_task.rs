//! Models of the task itself under loom: the crate's own harness, wakers, handles and lists, and not a task in miniature.
//!
//! `loom_state.rs` models the protocol: every field of its task is loom's, so that it sees who touches what. Here it is the other way round:
//! what is explored are the files that users run (`src/task/`, and nothing else of the crate but a linked list), and what is loom's
//! is the atomic word, the lock of the list, and all that the *user* of a task brings along: the future, its output and the waker of who awaits it. Each
//! of these touches a cell of loom's whenever it is used or dropped, so that a model fails as soon as two threads are in one at a time, or one
//! comes without having synchronized with the one before. The word has such a cell, too, which is written when the task is freed: whoever
//! uses the word after that, or has not happened before, is found.
//!
//! - *Two threads* ([`pairs_of_operations`]): each of the operations in [`Operation`] beside each other one that can be at the same time, on a task that is
//!   queued, and on one that waits. No bound; but loom forgets accesses, and with them some orders (see `loom/atomic.rs`). So the same is explored once
//!   more where it forgets none, with at most three preemptions ([`pairs_of_operations_with_no_access_forgotten`]). Neither contains the other.
//! - *Three threads* ([`pairs_of_operations_beside_a_worker`]): the same pairs while a worker polls; at most two preemptions, or, with
//!   `WATERWHEEL_LONG=1`, three.
//!
//! Whatever happens, the future is dropped once, its output is delivered or dropped once, who awaits is woken or has the output, the task is freed
//! once and last, and no panic of loom's own hides in a task.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test loom_task`.

#![cfg(loom)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the crate's own files, of which the models use a part"
)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "loom checks every access"
)]

#[path = "../src/queue/list.rs"]
mod list;
#[path = "../src/task/mod.rs"]
mod task;

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/real_task.rs"]
mod real_task;

use loom::model::Builder;
use loom::thread;
use real_task::sync;
use real_task::{JoinHandle, Output, Plan, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one thread does to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Wakes it, and gives the waker up.
    Wake,
    /// Wakes it, and then drops the waker.
    WakeByRef,
    /// Drops a waker that was not used.
    DropWaker,
    /// Works for the runtime: runs what is queued, until nothing is.
    Work,
    Abort,
    /// Awaits it, with one waker and then another.
    Join,
    DropHandle,
    /// Spawns another task, and lets its handle go.
    Spawn,
    /// Ends the runtime: no more tasks are taken in, and those that are there are dropped.
    ShutDown,
    /// Takes handles to all tasks, as the report of a shutdown does, and drops them.
    Dump,
}

use Operation::{Abort, DropHandle, DropWaker, Dump, Join, ShutDown, Spawn, Wake, WakeByRef, Work};

const ALL: [Operation; 10] = [
    Wake, WakeByRef, DropWaker, Work, Abort, Join, DropHandle, Spawn, ShutDown, Dump,
];

const PLANS: [Plan; 4] = [
    Plan {
        queued: true,
        ends: true,
    },
    Plan {
        queued: true,
        ends: false,
    },
    Plan {
        queued: false,
        ends: true,
    },
    Plan {
        queued: false,
        ends: false,
    },
];

/// An operation, with what it needs.
type Prepared = Box<dyn FnOnce(&World) + Send>;

impl Operation {
    /// Whether two threads can do these at a time: there is one join handle, and one thread ends the runtime.
    fn can_be_beside(self, other: Self) -> bool {
        let handles = |operation| matches!(operation, Join | DropHandle);
        let ends = |operation| operation == ShutDown;
        !(handles(self) && handles(other) || ends(self) && ends(other))
    }

    /// Takes from the world, before the threads begin, what the operation needs.
    fn prepare(self, world: &World, handle: &mut Option<JoinHandle<Output>>) -> Prepared {
        let takes_waker = matches!(self, Wake | WakeByRef | DropWaker);
        let waker = takes_waker.then(|| world.waker());
        let takes_handle = matches!(self, Join | DropHandle);
        let handle = takes_handle.then(|| handle.take()).flatten();
        let abort = (self == Abort).then(|| world.dump().remove(0));
        Box::new(move |world| match self {
            Wake => {
                world.change();
                waker.unwrap().wake();
            }
            WakeByRef => {
                world.change();
                waker.unwrap().wake_by_ref();
            }
            DropWaker => drop(waker),
            Work => world.work(),
            Abort => abort.unwrap().abort(),
            Join => world.join(handle.unwrap()),
            DropHandle => drop(handle),
            Spawn => drop(world.spawn()),
            ShutDown => world.shut_down(),
            Dump => drop(world.dump()),
        })
    }
}

/// Explores two operations on a task, on two threads, and work on a third one if that is asked for. Returns the number of executions.
fn explore(
    operations: [Operation; 2],
    plan: Plan,
    worker: bool,
    preemptions: Option<usize>,
    forgets: bool,
) -> usize {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        atomic::forget(forgets);
        let (world, handle) = World::new(plan);
        let mut handle = Some(handle);
        let [first, second] = operations.map(|operation| operation.prepare(&world, &mut handle));
        world.drop_wakers();
        let elsewhere = |operation: Prepared| {
            let world = Arc::clone(&world);
            thread::spawn(move || operation(&world))
        };
        let mut threads = vec![elsewhere(first)];
        if worker {
            threads.push(elsewhere(second));
            world.work();
        } else {
            second(&world);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        world.end(handle);
    });
    executions.load(Ordering::Relaxed)
}

/// Explores all pairs on a task of each plan, and tells how many.
fn explore_pairs(worker: bool, preemptions: Option<usize>, forgets: bool) {
    let (mut pairs, mut executions) = (0, 0);
    for (index, &first) in ALL.iter().enumerate() {
        for &second in &ALL[index..] {
            if !first.can_be_beside(second) {
                continue;
            }
            pairs += 1;
            let works = |operation| matches!(operation, Work | ShutDown);
            let polled = worker || works(first) || works(second);
            // Of a task that is not polled by the threads it does not matter what it would do.
            for plan in PLANS.into_iter().filter(|plan| polled || !plan.ends) {
                executions += explore([first, second], plan, worker, preemptions, forgets);
            }
        }
    }
    println!(
        "{pairs} pairs, {} plans each: {executions} executions",
        PLANS.len()
    );
    assert!(executions > pairs * PLANS.len(), "each has several");
}

/// Every operation beside every other, in all interleavings that loom tells apart.
#[test]
fn pairs_of_operations() {
    explore_pairs(false, None, true);
}

/// The same, where loom forgets no access.
#[test]
fn pairs_of_operations_with_no_access_forgotten() {
    explore_pairs(false, Some(3), false);
}

/// The same, while a third thread works for the runtime.
#[test]
fn pairs_of_operations_beside_a_worker() {
    let long = std::env::var_os("WATERWHEEL_LONG").is_some();
    explore_pairs(true, Some(if long { 3 } else { 2 }), true);
}
