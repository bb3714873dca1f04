//! Models of the ring of ready tasks under loom.
//!
//! The ring is the crate's own (`src/queue/ring.rs`), on loom's atomics, and holds six tasks. They are numbered in the order in
//! which they are pushed.
//!
//! Loom runs a load before it chooses what comes next, so that a load never returns what is stored later; a processor may do
//! that. So a model does not see a thief read a slot too late: that is checked by hand, see [`sync::AtomicPtr`].
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test 'loom_*'`.

#![cfg(loom)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "loom checks every access"
)]

#[path = "../src/queue/ring.rs"]
mod ring;

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/task.rs"]
mod task;

mod sync {
    pub(crate) use loom::sync::atomic::Ordering;

    use crate::atomic;
    use loom::cell::UnsafeCell;
    use std::cell::RefCell;
    use std::sync::{Arc, Mutex};

    loom::thread_local! {
        /// What this thread has read from slots, and has not moved `head` past yet.
        static UNPAID: RefCell<Vec<(Slot, Read)>> = RefCell::default();
    }

    /// The reads of a slot that were paid for, since it was last written.
    type Slot = Arc<Mutex<Vec<Read>>>;

    /// A read of a slot. It writes to a cell of its own, so that loom can tell whether who reads that comes after it.
    struct Read(UnsafeCell<()>);

    // A cell of loom's is shared to be checked.
    unsafe impl Send for Read {}

    impl Read {
        fn now() -> Self {
            let read = Self(UnsafeCell::new(()));
            read.0.with_mut(|_| ());
            read
        }

        fn happened_before(&self) {
            self.0.with(|_| ());
        }
    }

    /// A slot. When it is written anew, those reads of it that somebody has paid for must have happened before: else they might
    /// have returned the new task in place of the old.
    pub(crate) struct AtomicPtr<T> {
        value: atomic::AtomicPtr<T>,
        slot: Slot,
    }

    impl<T> AtomicPtr<T> {
        pub(crate) fn new(value: *mut T) -> Self {
            Self {
                value: atomic::AtomicPtr::new(value),
                slot: Slot::default(),
            }
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            let value = self.value.load(order);
            let read = (Arc::clone(&self.slot), Read::now());
            UNPAID.with(|unpaid| unpaid.borrow_mut().push(read));
            value
        }

        pub(crate) fn store(&self, value: *mut T, order: Ordering) {
            self.value.store(value, order);
            for read in self.slot.lock().unwrap().drain(..) {
                read.happened_before();
            }
        }
    }

    /// A counter. To exchange it is to pay for the slots that were read.
    pub(crate) struct AtomicU64(atomic::AtomicU64);

    impl AtomicU64 {
        pub(crate) fn new(value: u64) -> Self {
            Self(atomic::AtomicU64::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u64 {
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: u64, order: Ordering) {
            self.0.store(value, order);
        }

        pub(crate) fn compare_exchange_weak(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            let exchanged = self.0.compare_exchange_weak(current, new, success, failure);
            for (slot, read) in UNPAID.with(RefCell::take) {
                if exchanged.is_ok() {
                    slot.lock().unwrap().push(read);
                }
            }
            exchanged
        }
    }
}

use loom::thread;
use ring::CAPACITY;
use std::sync::Arc;
use task::task::Tasks;

type Task = task::task::Task<()>;
type Ring = ring::Ring<()>;

/// Explores all interleavings with at most this many preemptions; all of them, if that is `None`.
fn explore(preemptions: impl Into<Option<usize>>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.check(model);
}

/// Some slots' rings.
struct Model<const SLOTS: usize> {
    rings: [Ring; SLOTS],
    tasks: Tasks,
}

/// Pushes a task as a slot does: where room is known, or else after a look at what room there is.
fn push(ring: &Ring, task: Task) -> Result<(), Task> {
    unsafe {
        ring.push_known(task).or_else(|task| {
            ring.learn_room();
            ring.push_known(task)
        })
    }
}

impl<const SLOTS: usize> Model<SLOTS> {
    fn new(tasks: usize) -> Arc<Self> {
        Arc::new(Self {
            rings: [(); SLOTS].map(|()| Ring::new(false)),
            tasks: Tasks::new(tasks),
        })
    }

    /// The worker of a slot makes a task and pushes it.
    fn push(&self, slot: usize, number: usize) -> Result<(), Task> {
        push(&self.rings[slot], self.tasks.make(number))
    }

    /// As above, and there is room.
    fn push_all(&self, slot: usize, numbers: impl IntoIterator<Item = usize>) {
        for number in numbers {
            assert!(self.push(slot, number).is_ok(), "no room for {number}");
        }
    }

    /// The worker of a slot runs its next task.
    fn pop(&self, slot: usize) -> Option<usize> {
        unsafe { self.rings[slot].pop() }.map(Task::run)
    }

    /// The worker of a slot runs all its tasks.
    fn pop_all(&self, slot: usize) -> Vec<usize> {
        std::iter::from_fn(|| self.pop(slot)).collect()
    }

    /// The worker of a slot, whose ring is empty, steals from another, and runs the first. The rest is in its ring.
    fn steal(&self, slot: usize, from: usize) -> Option<usize> {
        unsafe { self.rings[from].steal_into(&self.rings[slot]) }.map(Task::run)
    }

    /// A thread that has the slot and steals as often as is said, each time running all that it has got.
    fn thief(
        self: &Arc<Self>,
        slot: usize,
        from: usize,
        times: usize,
    ) -> thread::JoinHandle<Vec<usize>> {
        let model = Arc::clone(self);
        thread::spawn(move || {
            let mut run = Vec::new();
            for _ in 0..times {
                let Some(first) = model.steal(slot, from) else {
                    continue;
                };
                let rest = model.pop_all(slot);
                assert!(rest.len() < CAPACITY / 2, "more than half");
                assert!(
                    rest.iter().copied().eq(first + 1..=first + rest.len()),
                    "a batch is in order, and without gaps"
                );
                run.push(first);
                run.extend(rest);
            }
            assert!(run.is_sorted(), "what came later was there earlier");
            run
        })
    }
}

/// Ends a model: every task has been run once, by somebody.
fn over<const SLOTS: usize>(
    model: Arc<Model<SLOTS>>,
    mut run: Vec<usize>,
    thieves: Vec<thread::JoinHandle<Vec<usize>>>,
) {
    for thief in thieves {
        run.extend(thief.join().unwrap());
    }
    for slot in 0..SLOTS {
        run.extend(model.pop_all(slot));
        assert_eq!(model.rings[slot].len(), 0);
        assert_eq!(model.rings[slot].head(), model.rings[slot].tail());
    }
    model.tasks.all_run(run);
}

/// The worker pushes and pops while a thief steals.
#[test]
fn a_task_is_popped_or_stolen() {
    explore(2, || {
        let model = Model::<2>::new(4);
        let thief = model.thief(1, 0, 2);
        model.push_all(0, [0, 1]);
        let mut run = Vec::from_iter(model.pop(0));
        model.push_all(0, [2, 3]);
        run.extend(model.pop_all(0));
        assert!(run.is_sorted(), "first in, first out");
        over(model, run, vec![thief]);
    });
}

/// Two thieves are after the same tasks, and the worker too.
#[test]
fn a_task_is_stolen_by_one() {
    explore(2, || {
        let model = Model::<3>::new(3);
        let thieves = vec![model.thief(1, 0, 1), model.thief(2, 0, 1)];
        model.push_all(0, 0..3);
        let run = model.pop_all(0);
        over(model, run, thieves);
    });
}

/// The worker goes more than once around while a thief reads slots: it writes none anew before the thief has read it. So whether it
/// learns of the room beforehand, or looks each time.
#[test]
fn a_slot_is_not_written_while_it_is_stolen() {
    goes_around_a_thief(push);
    goes_around_a_thief(|ring, task| unsafe { ring.push(task) });
}

fn goes_around_a_thief(push: fn(&Ring, Task) -> Result<(), Task>) {
    explore(2, move || {
        let model = Model::<2>::new(CAPACITY + 3);
        model.push_all(0, 0..CAPACITY);
        let thief = model.thief(1, 0, 2);
        let mut run = Vec::new();
        for number in CAPACITY..CAPACITY + 3 {
            let mut task = model.tasks.make(number);
            while let Err(back) = push(&model.rings[0], task) {
                run.extend(model.pop(0));
                task = back;
            }
        }
        assert!(run.is_sorted(), "first in, first out");
        over(model, run, vec![thief]);
    });
}

/// As above, by two thieves and a worker that pops a task before it pushes one: the exchange of `head` that lets it go on may be
/// its own, or another's than the reader's.
#[test]
fn a_slot_is_paid_for_by_one() {
    explore(2, || {
        let model = Model::<3>::new(CAPACITY + 1);
        model.push_all(0, 0..CAPACITY);
        let thieves = vec![model.thief(1, 0, 1), model.thief(2, 0, 1)];
        let mut run = Vec::new();
        run.extend(model.pop(0));
        model.push_all(0, [CAPACITY]);
        over(model, run, thieves);
    });
}

/// A full ring gives the task back; one that was stolen from has room.
#[test]
fn a_full_ring_gives_the_task_back() {
    explore(None, || {
        let model = Model::<2>::new(CAPACITY + 1);
        model.push_all(0, 0..CAPACITY);
        assert_eq!(model.rings[0].len(), CAPACITY);
        let thief = model.thief(1, 0, 1);
        let mut run = Vec::new();
        if let Err(task) = model.push(0, CAPACITY) {
            assert_eq!(task.run(), CAPACITY, "another one came back");
            run.push(CAPACITY);
        }
        let stolen = thief.join().unwrap();
        assert!(stolen.iter().copied().eq(0..CAPACITY / 2), "the first half");
        run.extend(stolen);
        over(model, run, Vec::new());
    });
}

/// What was stolen is stolen again, by one who has not met its maker.
#[test]
fn a_stolen_task_is_stolen_again() {
    explore(3, || {
        let model = Model::<3>::new(3);
        let second = model.thief(2, 1, 1);
        let first = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let mut run = Vec::from_iter(model.steal(1, 0));
                run.extend(model.pop_all(1));
                run
            })
        };
        model.push_all(0, 0..3);
        over(model, Vec::new(), vec![first, second]);
    });
}

/// A thief that was stolen from steals anew, into slots that the other thief has read.
#[test]
fn a_stolen_task_goes_to_a_slot_that_was_read() {
    explore(2, || {
        let model = Model::<3>::new(CAPACITY + 3);
        // The second ring's next slot is the first that is stolen from it.
        model.push_all(1, 0..CAPACITY);
        model.push_all(0, CAPACITY..CAPACITY + 3);
        let second = model.thief(2, 1, 1);
        let mut run = Vec::new();
        run.extend(model.pop_all(1));
        run.extend(model.steal(1, 0));
        over(model, run, vec![second]);
    });
}

/// Who asks for the length from elsewhere is not told of more tasks than have come.
#[test]
fn a_length_is_within_bounds() {
    explore(3, || {
        let model = Model::<2>::new(2);
        let asking = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(model.rings[0].len() <= 2);
                assert!(model.rings[0].len() <= 2);
                Vec::new()
            })
        };
        model.push_all(0, [0]);
        let mut run = Vec::from_iter(model.pop(0));
        model.push_all(0, [1]);
        run.extend(model.pop(0));
        over(model, run, vec![asking]);
    });
}

/// Rings are dropped with tasks in them, also a ring from which nobody steals.
#[test]
fn nothing_leaks() {
    explore(None, || {
        let mut model = Model::<2>::new(4);
        let thief = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.steal(1, 0);
            })
        };
        model.push_all(0, 0..4);
        thief.join().unwrap();
        let model = Arc::get_mut(&mut model).expect("the thief is gone");
        model.rings = [(); 2].map(|()| Ring::new(false));
        model.tasks.all_dropped();
    });
    explore(None, || {
        let alone = Ring::new(true);
        let tasks = Tasks::new(2 * CAPACITY);
        for number in 0..CAPACITY {
            assert!(push(&alone, tasks.make(number)).is_ok());
            if number % 2 == 1 {
                let popped = unsafe { alone.pop() }.map(Task::run);
                assert_eq!(popped, Some(number / 2), "first in, first out");
            }
        }
        for number in CAPACITY..2 * CAPACITY {
            drop(push(&alone, tasks.make(number)));
        }
        assert_eq!(alone.len(), CAPACITY);
        drop(alone);
        tasks.all_dropped();
    });
}
