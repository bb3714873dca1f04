//! Models of the task state word under loom: real threads, every interleaving, every value that a weak ordering allows.
//!
//! The word is the crate's own (`src/task/snapshot.rs`, `src/task/state.rs`), on loom's atomics. Around it stands a task in miniature, which does
//! with its fields what `harness.rs`, `waker.rs`, `join_handle.rs` and `shared.rs` do. Those fields are loom's
//! `UnsafeCell`s, so that a model fails as soon as two threads touch one at a time, or one does without having
//! synchronized with the one before: rules T1, T4 and T5, and the freeing by the last reference.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test 'loom_*'`.

#![cfg(loom)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "loom checks every access"
)]

#[path = "../src/task/snapshot.rs"]
mod snapshot;
#[path = "../src/task/state.rs"]
mod state;

#[path = "loom/atomic.rs"]
mod atomic;

mod sync {
    pub(crate) use crate::atomic::AtomicUsize;
    pub(crate) use loom::sync::atomic::Ordering;
}

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use snapshot::{DropHandle, IsComplete, Pend, Released, Shutdown, Start, Wake};
use state::State;

/// What is in the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Future,
    Output,
    Consumed,
}

/// What the future does when it is polled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Poll {
    Ready,
    Pending,
}

/// Runs a model, bounded in its preemptions: two suffice for every defect that this protocol's kin have had, and a
/// mutation of each ordering here is found with two.
fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// A task, and the parts of its runtime that it meets.
struct Task {
    state: State,
    /// T1 and T4.
    stage: UnsafeCell<Stage>,
    /// T5. Holds who is to be woken.
    join_waker: UnsafeCell<Option<Arc<AtomicBool>>>,
    /// Accessed by all who use the task, and written by the one who frees it.
    memory: UnsafeCell<bool>,
    /// How many references are queued (T2: at most one).
    queue: Mutex<usize>,
    /// Whether the runtime's list has it.
    listed: Mutex<bool>,
    /// What a waker's owner changes before it wakes, and a poll looks at. Relaxed: all order is the word's.
    counter: AtomicUsize,
    /// What the latest poll has seen.
    seen: UnsafeCell<usize>,
    futures_dropped: AtomicUsize,
    outputs_dropped: AtomicUsize,
    freed: AtomicUsize,
}

impl Task {
    fn spawn() -> Arc<Self> {
        Arc::new(Self {
            state: State::new(),
            stage: UnsafeCell::new(Stage::Future),
            join_waker: UnsafeCell::new(None),
            memory: UnsafeCell::new(true),
            queue: Mutex::new(1),
            listed: Mutex::new(true),
            counter: AtomicUsize::new(0),
            seen: UnsafeCell::new(0),
            futures_dropped: AtomicUsize::new(0),
            outputs_dropped: AtomicUsize::new(0),
            freed: AtomicUsize::new(0),
        })
    }

    /// To be called by who has a reference: fails if the memory may be freed by now.
    fn alive(&self) {
        self.memory
            .with(|memory| assert!(unsafe { *memory }, "used after it was freed"));
    }

    fn free_if_last(&self, released: Released) {
        if released == Released::Last {
            self.memory.with_mut(|memory| unsafe { *memory = false });
            self.stage
                .with(|stage| assert_eq!(unsafe { *stage }, Stage::Consumed, "T6"));
            self.join_waker
                .with(|waker| assert!(unsafe { &*waker }.is_none(), "T5"));
            self.freed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn release(&self, count: usize) {
        self.alive();
        self.free_if_last(self.state.release(count));
    }

    // The queue.

    fn submit(&self) {
        let mut queued = self.queue.lock().unwrap();
        *queued += 1;
        assert_eq!(*queued, 1, "T2: queued twice");
    }

    /// Takes the task from the queue and runs it. `false`: it is not queued.
    fn run_queued(&self, poll: Poll) -> bool {
        let mut queued = self.queue.lock().unwrap();
        if *queued == 0 {
            return false;
        }
        *queued -= 1;
        drop(queued);
        self.run(poll);
        true
    }

    // The harness.

    fn run(&self, poll: Poll) {
        self.alive();
        match self.state.start() {
            Start::Stale(released) => return self.free_if_last(released),
            Start::Cancel => self.drop_future(),
            Start::Poll => {
                self.poll();
                if poll == Poll::Ready {
                    self.drop_future();
                } else {
                    match self.state.pend() {
                        Pend::Idle => return,
                        Pend::Requeue => return self.submit(),
                        Pend::Cancel => self.drop_future(),
                    }
                }
            }
        }
        self.complete();
    }

    fn poll(&self) {
        self.stage
            .with_mut(|stage| assert_eq!(unsafe { *stage }, Stage::Future, "polled after the end"));
        let now = self.counter.load(Ordering::Relaxed);
        self.seen.with_mut(|seen| unsafe { *seen = now });
    }

    fn drop_future(&self) {
        self.stage.with_mut(|stage| {
            assert_eq!(unsafe { stage.replace(Stage::Consumed) }, Stage::Future);
        });
        self.futures_dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn drop_output(&self) {
        let was = self
            .stage
            .with_mut(|stage| unsafe { stage.replace(Stage::Consumed) });
        assert_ne!(was, Stage::Future, "T6: not by who drops an output");
        if was == Stage::Output {
            self.outputs_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn complete(&self) {
        self.stage
            .with_mut(|stage| unsafe { *stage = Stage::Output });
        let was_listed = std::mem::take(&mut *self.listed.lock().unwrap());
        let held = 1 + usize::from(was_listed);
        let completed = self.state.complete(held);
        if completed.released {
            return;
        }
        if completed.has_join_waker {
            let waker = self
                .join_waker
                .with_mut(|waker| unsafe { &mut *waker }.take());
            waker
                .expect("T5: offered, so it is there")
                .store(true, Ordering::Release);
        }
        if !completed.output_is_wanted {
            self.drop_output();
        }
        self.release(held);
    }

    fn shut_down(&self) {
        let was_listed = std::mem::take(&mut *self.listed.lock().unwrap());
        if !was_listed {
            return;
        }
        self.alive();
        match self.state.shutdown() {
            Shutdown::Claimed => {
                self.drop_future();
                self.complete();
            }
            Shutdown::Left => self.release(1),
        }
    }

    // A waker.

    fn clone_waker(&self) {
        self.alive();
        self.state.reference();
    }

    fn wake(&self) {
        self.alive();
        match self.state.wake() {
            Wake::Submit => self.submit(),
            Wake::Done(released) => self.free_if_last(released),
        }
    }

    fn wake_by_ref(&self) {
        self.alive();
        if let Wake::Submit = self.state.wake_by_ref() {
            self.submit();
        }
    }

    // The join handle.

    fn abort(&self) {
        self.alive();
        match self.state.abort() {
            Wake::Submit => self.submit(),
            Wake::Done(released) => self.free_if_last(released),
        }
    }

    /// `true`: it gave the output. `false`: `waker` will be woken.
    fn join(&self, waker: &Arc<AtomicBool>) -> bool {
        self.alive();
        match self.leave_waker(waker) {
            Ok(()) => false,
            Err(IsComplete) => {
                let was = self
                    .stage
                    .with_mut(|stage| unsafe { stage.replace(Stage::Consumed) });
                assert_eq!(was, Stage::Output, "T4");
                true
            }
        }
    }

    fn leave_waker(&self, waker: &Arc<AtomicBool>) -> Result<(), IsComplete> {
        let seen = self.state.load();
        if seen.is_complete() {
            return Err(IsComplete);
        }
        if seen.has_join_waker() {
            self.state.withdraw_join_waker()?;
        }
        self.join_waker.with_mut(|field| unsafe {
            drop((*field).take());
            *field = Some(Arc::clone(waker));
        });
        self.state.offer_join_waker().inspect_err(|IsComplete| {
            self.join_waker
                .with_mut(|field| unsafe { drop((*field).take()) });
        })
    }

    fn drop_handle(&self) {
        self.alive();
        let dropped = if self.state.load().is_complete() {
            DropHandle::OutputIsOurs
        } else {
            self.state.drop_handle()
        };
        match dropped {
            DropHandle::Gone => return,
            DropHandle::WakerIsOurs => {
                self.join_waker
                    .with_mut(|field| unsafe { drop((*field).take()) });
            }
            DropHandle::OutputIsOurs => self.drop_output(),
        }
        self.release(1);
    }

    /// What must hold when all references are gone.
    fn over(&self) {
        assert_eq!(self.freed.load(Ordering::Relaxed), 1, "freed once");
        assert_eq!(
            self.futures_dropped.load(Ordering::Relaxed),
            1,
            "the future is dropped once"
        );
    }
}

/// Pitfall: a coalesced wake lacks its release (tokio#7622). Two threads bump a counter and wake; a worker polls
/// meanwhile. Either a poll is still owed, or the latest poll has seen all.
#[test]
fn no_wake_is_lost_and_each_publishes() {
    explore(3, || {
        let task = Task::spawn();
        let wakers: Vec<_> = (0..2)
            .map(|by_value| {
                task.clone_waker();
                let task = Arc::clone(&task);
                thread::spawn(move || {
                    task.counter.fetch_add(1, Ordering::Relaxed);
                    if by_value == 1 {
                        task.wake();
                    } else {
                        task.wake_by_ref();
                        task.release(1);
                    }
                })
            })
            .collect();
        while task.run_queued(Poll::Pending) {}
        let seen = {
            let task = Arc::clone(&task);
            move || task.seen.with(|seen| unsafe { *seen })
        };
        // What the latest poll on this thread saw, before joining makes everything visible.
        let last_seen = seen();
        for waker in wakers {
            waker.join().unwrap();
        }
        if *task.queue.lock().unwrap() == 0 {
            assert_eq!(
                last_seen, 2,
                "nobody will poll again, and a wake was not seen"
            );
        }
        task.drop_handle();
        while task.run_queued(Poll::Ready) {}
        task.shut_down();
        task.over();
    });
}

/// As above, of a task that is queued all the time: every wake is coalesced.
#[test]
fn a_wake_of_a_queued_task_publishes() {
    explore(3, || {
        let task = Task::spawn();
        task.clone_waker();
        let waking = {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                task.counter.store(1, Ordering::Relaxed);
                task.wake_by_ref();
                task.release(1);
            })
        };
        task.run_queued(Poll::Pending);
        let last_seen = task.seen.with(|seen| unsafe { *seen });
        waking.join().unwrap();
        let owed = *task.queue.lock().unwrap() == 1;
        assert!(owed || last_seen == 1, "the wake was lost");
        task.shut_down();
        drop_queued(&task);
        task.drop_handle();
        task.over();
    });
}

/// What is queued when the runtime ends is dropped, and not run.
fn drop_queued(task: &Task) {
    if std::mem::take(&mut *task.queue.lock().unwrap()) == 1 {
        task.release(1);
    }
}

/// Wakers are used, by value and by reference, while the task completes and everybody lets go of it: it is freed
/// once, by whoever is last, who sees what the others did.
#[test]
fn the_last_reference_frees() {
    explore(3, || {
        let task = Task::spawn();
        task.clone_waker();
        task.clone_waker();
        let by_value = {
            let task = Arc::clone(&task);
            thread::spawn(move || task.wake())
        };
        let by_reference = {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                task.wake_by_ref();
                task.release(1);
            })
        };
        task.drop_handle();
        while task.run_queued(Poll::Ready) {}
        by_value.join().unwrap();
        by_reference.join().unwrap();
        assert!(!task.run_queued(Poll::Ready), "nobody queues what is over");
        task.over();
        assert_eq!(task.outputs_dropped.load(Ordering::Relaxed), 1);
    });
}

/// An abort from another thread finds the task queued, running, idle or complete.
#[test]
fn an_abort_drops_the_future_once() {
    explore(3, || {
        let task = Task::spawn();
        let aborting = {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                task.abort();
                task.abort();
                task.drop_handle();
            })
        };
        task.run_queued(Poll::Pending);
        task.run_queued(Poll::Pending);
        aborting.join().unwrap();
        while task.run_queued(Poll::Pending) {}
        task.over();
    });
}

/// An abort handle is used and dropped while the task is polled and its join handle goes: it may be who queues the task, and
/// who frees it.
#[test]
fn an_abort_handle_may_be_the_last() {
    for poll in [Poll::Pending, Poll::Ready] {
        explore(3, move || {
            let task = Task::spawn();
            // Its reference is made as a waker's is.
            task.clone_waker();
            let aborting = {
                let task = Arc::clone(&task);
                thread::spawn(move || {
                    task.abort();
                    task.release(1);
                })
            };
            task.drop_handle();
            task.run_queued(poll);
            aborting.join().unwrap();
            while task.run_queued(Poll::Pending) {}
            task.over();
        });
    }
}

/// An abort and a wake at the same time: one of them queues the task.
#[test]
fn an_abort_and_a_wake_queue_it_once() {
    explore(3, || {
        let task = Task::spawn();
        task.run_queued(Poll::Pending);
        task.clone_waker();
        let waking = {
            let task = Arc::clone(&task);
            thread::spawn(move || task.wake())
        };
        let aborting = {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                task.abort();
                task.drop_handle();
            })
        };
        task.run_queued(Poll::Pending);
        waking.join().unwrap();
        aborting.join().unwrap();
        while task.run_queued(Poll::Pending) {}
        task.over();
    });
}

/// The join handle is polled, with one waker and then another, while the task completes: it has the output, or the
/// waker that it left last is woken.
#[test]
fn who_awaits_is_woken() {
    explore(3, || {
        let task = Task::spawn();
        let completing = {
            let task = Arc::clone(&task);
            thread::spawn(move || while task.run_queued(Poll::Ready) {})
        };
        let first = Arc::new(AtomicBool::new(false));
        let second = Arc::new(AtomicBool::new(false));
        let joined = task.join(&first) || task.join(&second);
        completing.join().unwrap();
        if !joined {
            assert!(
                first.load(Ordering::Relaxed) || second.load(Ordering::Relaxed),
                "the join waker was lost"
            );
            assert!(task.join(&second));
        }
        task.drop_handle();
        task.over();
        assert_eq!(task.outputs_dropped.load(Ordering::Relaxed), 0);
    });
}

/// The second of two wakers was left for good: the first need not be woken, and the second must be.
#[test]
fn the_waker_that_was_left_last_is_woken() {
    explore(3, || {
        let task = Task::spawn();
        let first = Arc::new(AtomicBool::new(false));
        assert!(!task.join(&first));
        let completing = {
            let task = Arc::clone(&task);
            thread::spawn(move || while task.run_queued(Poll::Ready) {})
        };
        let second = Arc::new(AtomicBool::new(false));
        let joined = task.join(&second);
        completing.join().unwrap();
        if !joined {
            assert!(second.load(Ordering::Relaxed), "the second was lost");
            assert!(!first.load(Ordering::Relaxed), "it was replaced");
            assert!(task.join(&second));
        }
        task.drop_handle();
        task.over();
    });
}

/// A join handle that has left a waker is dropped while the task completes: the output is dropped once, by one of the
/// two, and so is the waker.
#[test]
fn a_dropped_handle_and_a_completer_share_nothing() {
    for polls in 0..2 {
        explore(3, move || {
            let task = Task::spawn();
            let completing = {
                let task = Arc::clone(&task);
                thread::spawn(move || while task.run_queued(Poll::Ready) {})
            };
            let waker = Arc::new(AtomicBool::new(false));
            let mut taken = 0;
            for _ in 0..polls {
                taken += usize::from(task.join(&waker));
            }
            task.drop_handle();
            completing.join().unwrap();
            task.over();
            assert_eq!(task.outputs_dropped.load(Ordering::Relaxed), 1 - taken);
        });
    }
}

/// The runtime ends while a worker starts, polls and requeues the task: one of them drops the future. (With one slot
/// they are one thread; the word does not rely on that.)
#[test]
fn shutdown_and_the_runner_drop_the_future_once() {
    for poll in [Poll::Pending, Poll::Ready] {
        explore(3, move || {
            let task = Task::spawn();
            let running = {
                let task = Arc::clone(&task);
                thread::spawn(move || {
                    task.run_queued(poll);
                })
            };
            task.shut_down();
            running.join().unwrap();
            drop_queued(&task);
            task.drop_handle();
            task.over();
        });
    }
}

/// The runtime ends while another thread wakes the task and then lets its waker go, and a third awaits it.
#[test]
fn shutdown_a_waker_and_a_handle() {
    explore(2, || {
        let task = Task::spawn();
        task.run_queued(Poll::Pending);
        task.clone_waker();
        let waking = {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                task.wake_by_ref();
                task.wake();
            })
        };
        let joining = {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                let waker = Arc::new(AtomicBool::new(false));
                let joined = task.join(&waker);
                task.abort();
                task.drop_handle();
                joined
            })
        };
        task.shut_down();
        waking.join().unwrap();
        let joined = joining.join().unwrap();
        drop_queued(&task);
        task.over();
        assert_eq!(
            task.outputs_dropped.load(Ordering::Relaxed),
            1 - usize::from(joined)
        );
    });
}

/// A list of all tasks is made while the task completes, aborted by whoever made it, and let go (T8): the list's reference that the
/// other is made from may be the completer's by then.
#[test]
fn a_dump_and_the_completer_and_a_handle() {
    for (aborts, awaits) in [(false, false), (true, false), (true, true)] {
        explore(2, move || {
            let task = Task::spawn();
            let dumping = {
                let task = Arc::clone(&task);
                thread::spawn(move || {
                    let listed = task.listed.lock().unwrap();
                    if !*listed {
                        return;
                    }
                    task.state.reference();
                    drop(listed);
                    task.alive();
                    if aborts {
                        task.abort();
                    }
                    task.release(1);
                })
            };
            let joining = {
                let task = Arc::clone(&task);
                thread::spawn(move || {
                    if awaits {
                        task.join(&Arc::new(AtomicBool::new(false)));
                    }
                    task.drop_handle();
                })
            };
            task.run_queued(Poll::Ready);
            dumping.join().unwrap();
            joining.join().unwrap();
            while task.run_queued(Poll::Ready) {}
            task.over();
        });
    }
}

/// The runtime ends while the task completes and a waker wakes it, without a handle.
#[test]
fn shutdown_the_completer_and_a_waker() {
    explore(2, || {
        let task = Task::spawn();
        task.clone_waker();
        let waking = {
            let task = Arc::clone(&task);
            thread::spawn(move || task.wake())
        };
        let ending = {
            let task = Arc::clone(&task);
            thread::spawn(move || task.shut_down())
        };
        task.drop_handle();
        task.run_queued(Poll::Ready);
        waking.join().unwrap();
        ending.join().unwrap();
        while task.run_queued(Poll::Ready) {}
        drop_queued(&task);
        task.over();
        assert_eq!(task.outputs_dropped.load(Ordering::Relaxed), 1);
    });
}
