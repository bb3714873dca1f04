//! Models of the blocking pool under loom: how a job comes to a thread, what becomes of it when it is aborted or the pool is closed, and how a
//! thread that the kernel has refused is made up for.
//!
//! The pool is the crate's own (`src/blocking/pool.rs`, `src/blocking/queue.rs`); its lock, its condition variables and its threads are loom's. A
//! job that is pushed is run once, cancelled once, given back once by `close`, or dropped by a `push` that came later.
//!
//! Time is in one of two states. In [`Time::Stands`] no thread's patience ends: it sleeps until it is woken, and a wake that is lost
//! is a deadlock, which loom reports. In [`Time::IsUp`] a thread that goes to sleep has waited for as long as it may as soon as it has given the
//! lock back: whatever others do meanwhile comes between, as a job that counts on the thread that is about to leave.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p waterwheel-executor --release --test loom_pool`.

#![cfg(loom)]
#![allow(
    dead_code,
    reason = "the crate's own files, of which the models use a part"
)]

/// What a thread has to itself is loom's, too: all threads of a model are one of the system's.
macro_rules! thread_local {
    ($(#[$about:meta])* static $name:ident: $type:ty = const $value:block;) => {
        loom::thread_local! { static $name: $type = $value; }
    };
}

#[path = "../src/blocking/pool.rs"]
mod pool;
#[path = "../src/blocking/queue.rs"]
mod queue;
#[path = "../src/blocking/state.rs"]
mod state;

use pool::{Pushed, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use sync::{Kernel, Time};
use task::id::Id;
use task::task::Header;

type Pool = pool::Pool<()>;
type Task = task::task::Task<()>;

/// Locks that a sleep can give back and take again.
mod sync {
    use std::cell::Cell;
    use std::ops::{Deref, DerefMut};
    use std::sync::LockResult;
    use std::time::Duration;

    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};

    /// Threads that the kernel may refuse.
    pub(crate) mod thread {
        use super::Kernel;
        use loom::thread as real;
        use std::io;

        pub(crate) struct Builder(real::Builder);

        impl Builder {
            pub(crate) fn new() -> Self {
                Self(real::Builder::new())
            }

            pub(crate) fn name(self, name: String) -> Self {
                Self(self.0.name(name))
            }

            pub(crate) fn stack_size(self, size: usize) -> Self {
                Self(self.0.stack_size(size))
            }

            pub(crate) fn spawn(
                self,
                run: impl FnOnce() + Send + 'static,
            ) -> io::Result<real::JoinHandle<()>> {
                if Kernel::refuses() {
                    Err(io::ErrorKind::WouldBlock.into())
                } else {
                    self.0.spawn(run)
                }
            }
        }
    }

    std::thread_local! {
        /// Whether the kernel gives a thread that is asked for, as the number of those that it still gives, and of those that it refuses then.
        static KERNEL: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
    }

    /// Of the model.
    pub(crate) struct Kernel {
        pub(crate) gives: usize,
        pub(crate) then_refuses: usize,
    }

    impl Kernel {
        pub(crate) const GENEROUS: Self = Self {
            gives: usize::MAX,
            then_refuses: 0,
        };

        pub(crate) fn set(&self) {
            KERNEL.set((self.gives, self.then_refuses));
        }

        fn refuses() -> bool {
            match KERNEL.get() {
                (0, 0) => false,
                (0, refuses) => {
                    KERNEL.set((0, refuses - 1));
                    true
                }
                (gives, refuses) => {
                    KERNEL.set((gives.saturating_sub(1), refuses));
                    false
                }
            }
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Time {
        Stands,
        IsUp,
    }

    std::thread_local! {
        /// All threads of a model are one of the system's, so that this is the model's.
        static TIME: Cell<Time> = const { Cell::new(Time::Stands) };
    }

    impl Time {
        pub(crate) fn set(self) {
            TIME.set(self);
        }
    }

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        guard: Option<loom::sync::MutexGuard<'a, T>>,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }
    }

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        MutexGuard {
            mutex,
            guard: Some(mutex.0.lock().unwrap()),
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.guard.as_ref().expect("locked")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.guard.as_mut().expect("locked")
        }
    }

    pub(crate) struct Condvar(loom::sync::Condvar);

    /// Whether a sleep ended because time was up.
    pub(crate) struct TimedOut(bool);

    impl TimedOut {
        pub(crate) fn timed_out(&self) -> bool {
            self.0
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait_while<'a, T>(
            &self,
            mut locked: MutexGuard<'a, T>,
            mut waits: impl FnMut(&mut T) -> bool,
        ) -> LockResult<MutexGuard<'a, T>> {
            while waits(&mut locked) {
                let guard = locked.guard.take().expect("locked");
                locked.guard = Some(self.0.wait(guard).unwrap());
            }
            Ok(locked)
        }

        pub(crate) fn wait_timeout_while<'a, T>(
            &self,
            mut locked: MutexGuard<'a, T>,
            _: Duration,
            mut waits: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, TimedOut)> {
            while waits(&mut locked) {
                let guard = locked.guard.take().expect("locked");
                if TIME.get() == Time::IsUp {
                    drop(guard);
                    locked = lock(locked.mutex);
                    let timed_out = waits(&mut locked);
                    return Ok((locked, TimedOut(timed_out)));
                }
                locked.guard = Some(self.0.wait(guard).unwrap());
            }
            Ok((locked, TimedOut(false)))
        }
    }
}

mod hooks {
    /// No model has hooks.
    #[derive(Clone, Default)]
    pub(crate) struct ThreadHooks {
        none: (),
    }

    /// What a thread holds until it ends.
    pub(crate) struct Stop;

    impl ThreadHooks {
        pub(crate) fn around_thread(&self) -> Stop {
            Stop
        }
    }
}

mod task {
    pub(crate) mod id {
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) struct Id(pub(crate) usize);

        pub(crate) struct Running;

        impl Running {
            pub(crate) fn none() {}
        }
    }

    pub(crate) mod schedule {
        /// What would schedule a task: nothing does.
        pub(crate) trait Schedule: Send + Sync + 'static {}

        impl Schedule for () {}
    }

    #[expect(clippy::module_inception, reason = "as in the crate")]
    pub(crate) mod task {
        /// A job, and a count of those that are still there.
        pub(crate) struct Task<S> {
            pub(crate) header: Header,
            pub(crate) run: Box<dyn FnOnce() + Send>,
            pub(crate) alive: std::sync::Arc<()>,
            pub(crate) scheduler: std::marker::PhantomData<S>,
        }

        pub(crate) struct Header {
            pub(crate) id: crate::task::id::Id,
        }

        impl<S> Task<S> {
            pub(crate) fn header(&self) -> &Header {
                &self.header
            }

            pub(crate) unsafe fn run(self) {
                (self.run)();
            }
        }
    }
}

/// What a thread can wait for: that something has happened so many times.
#[derive(Default)]
struct Event {
    times: loom::sync::Mutex<usize>,
    changed: loom::sync::Condvar,
}

impl Event {
    fn happens(&self) {
        *self.times.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    fn has_happened(&self, times: usize) {
        let mut seen = self.times.lock().unwrap();
        while *seen < times {
            seen = self.changed.wait(seen).unwrap();
        }
    }
}

/// A pool, and its jobs' books.
struct Model {
    pool: Arc<Pool>,
    run: Arc<AtomicUsize>,
    cancelled: AtomicUsize,
    pushed: AtomicUsize,
    alive: Arc<()>,
}

impl Model {
    fn new(time: Time, most_threads: usize) -> Self {
        Self::under(Kernel::GENEROUS, time, most_threads)
    }

    fn under(kernel: Kernel, time: Time, most_threads: usize) -> Self {
        kernel.set();
        time.set();
        let settings = Settings {
            most_threads,
            retry: Duration::ZERO,
            ..Settings::default()
        };
        Self {
            pool: Arc::new(Pool::new(settings)),
            run: Arc::default(),
            cancelled: AtomicUsize::new(0),
            pushed: AtomicUsize::new(0),
            alive: Arc::default(),
        }
    }

    /// Pushes a job that does this, to a pool that has a thread or gets one.
    fn push(&self, work: impl FnOnce() + Send + 'static) -> Id {
        let (id, _) = self.try_push(work).expect("there is a thread");
        id
    }

    /// `None`: there is no thread for it.
    fn try_push(&self, work: impl FnOnce() + Send + 'static) -> Option<(Id, Pushed)> {
        let id = Id(self.pushed.fetch_add(1, Ordering::SeqCst));
        let run = Arc::clone(&self.run);
        let job = Task {
            header: Header { id },
            run: Box::new(move || {
                work();
                run.fetch_add(1, Ordering::SeqCst);
            }),
            alive: Arc::clone(&self.alive),
            scheduler: std::marker::PhantomData,
        };
        // SAFETY: the job is `Send`.
        let pushed = unsafe { self.pool.push(job) };
        pushed.ok().map(|pushed| (id, pushed))
    }

    /// Aborts a job.
    fn cancel(&self, id: Id) {
        self.pool.cancel(id, |job| {
            drop(job);
            self.cancelled.fetch_add(1, Ordering::SeqCst);
        });
    }

    /// Closes the pool, waits for what runs, and returns how many jobs were not taken.
    fn end(&self) -> usize {
        let queued = self.pool.close().len();
        // A thread's patience is the pool's affair; the end's is not to end.
        Time::Stands.set();
        self.pool.wait_until_idle(Some(Instant::now()));
        assert_eq!(self.pool.depths().threads, 0, "it was waited for");
        queued
    }

    fn run(&self) -> usize {
        self.run.load(Ordering::SeqCst)
    }

    fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::SeqCst)
    }
}

/// Explores all interleavings, or those with at most so many preemptions.
fn explore(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!("{} executions", executions.load(Ordering::Relaxed));
}

const TIMES: [Time; 2] = [Time::Stands, Time::IsUp];

/// Three threads and more are bounded.
fn some_preemptions() -> Option<usize> {
    let long = std::env::var_os("WATERWHEEL_LONG").is_some();
    Some(if long { 4 } else { 2 })
}

/// One job after the other, while the thread that has run the first goes to sleep, sleeps, or leaves: the second is run, too.
#[test]
fn a_job_that_comes_while_a_thread_leaves_is_run() {
    for time in TIMES {
        explore(None, move || {
            let model = Model::new(time, 1);
            let done = Arc::new(Event::default());
            for number in 1..=2 {
                let theirs = Arc::clone(&done);
                model.push(move || theirs.happens());
                done.has_happened(number);
            }
            assert_eq!((model.end(), model.run()), (0, 2));
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// Two threads push a job each, and nobody pushes another: both are run, though the second may find that there are as many threads as
/// there may be.
#[test]
fn jobs_of_two_threads_are_run() {
    for (time, most_threads) in TIMES.into_iter().flat_map(|time| [(time, 1), (time, 2)]) {
        explore(some_preemptions(), move || {
            let model = Arc::new(Model::new(time, most_threads));
            let done = Arc::new(Event::default());
            let push = |model: &Model| {
                let done = Arc::clone(&done);
                model.push(move || done.happens());
            };
            let theirs = Arc::clone(&model);
            let there = {
                let done = Arc::clone(&done);
                loom::thread::spawn(move || theirs.push(move || done.happens()))
            };
            push(&model);
            done.has_happened(2);
            there.join().unwrap();
            assert_eq!((model.end(), model.run()), (0, 2));
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// Two jobs that wait for each other, below the limit: each has a thread, whether or not one of an earlier job is about to sleep or leave.
#[test]
fn jobs_that_wait_for_each_other_are_run() {
    for time in TIMES {
        explore(some_preemptions(), move || {
            let model = Model::new(time, 2);
            let done = Arc::new(Event::default());
            let theirs = Arc::clone(&done);
            model.push(move || theirs.happens());
            done.has_happened(1);
            for _ in 0..2 {
                let both = Arc::clone(&done);
                model.push(move || {
                    both.happens();
                    both.has_happened(3);
                });
            }
            done.has_happened(3);
            assert_eq!((model.end(), model.run()), (0, 3));
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// The pool is closed while another thread pushes: the job is run, given back or dropped, and no thread stays.
#[test]
fn a_pool_that_is_closed_keeps_no_job() {
    for time in TIMES {
        explore(None, move || {
            let model = Arc::new(Model::new(time, 1));
            let theirs = Arc::clone(&model);
            let there = loom::thread::spawn(move || theirs.push(|| ()));
            let queued = model.end();
            there.join().unwrap();
            assert!(queued + model.run() <= 1);
            assert_eq!(model.pool.depths().queued, 0);
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// A thread has run a job, and sleeps, is about to, or leaves. Two jobs come, one from another thread, that wait for each other: one
/// of them wakes that thread, and each gets one.
#[test]
fn jobs_of_two_threads_wake_one_that_sleeps() {
    for time in TIMES {
        explore(some_preemptions(), move || {
            let model = Arc::new(Model::new(time, 2));
            let done = Arc::new(Event::default());
            let meet = |others: usize| {
                let done = Arc::clone(&done);
                move || {
                    done.happens();
                    done.has_happened(others);
                }
            };
            model.push(meet(1));
            done.has_happened(1);
            let (theirs, work) = (Arc::clone(&model), meet(3));
            let there = loom::thread::spawn(move || theirs.push(work));
            model.push(meet(3));
            done.has_happened(3);
            there.join().unwrap();
            assert_eq!((model.end(), model.run()), (0, 3));
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// A queued job is aborted while a thread takes it: it is run or cancelled, and the job behind it is run.
#[test]
fn an_aborted_job_is_run_or_cancelled() {
    for (time, most_threads) in TIMES.into_iter().flat_map(|time| [(time, 1), (time, 2)]) {
        explore(some_preemptions(), move || {
            let model = Arc::new(Model::new(time, most_threads));
            let done = Arc::new(Event::default());
            let victim = model.push(|| ());
            let theirs = Arc::clone(&model);
            let there = loom::thread::spawn(move || theirs.cancel(victim));
            let last = Arc::clone(&done);
            model.push(move || last.happens());
            done.has_happened(1);
            there.join().unwrap();
            // A thread may still be at work at the victim.
            assert_eq!(model.end(), 0);
            assert_eq!(model.run() + model.cancelled(), 2);
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// An abort beside the end: the job is run, cancelled or given back, one of these.
#[test]
fn an_abort_beside_the_end() {
    for time in TIMES {
        explore(some_preemptions(), move || {
            let model = Arc::new(Model::new(time, 1));
            let jobs = [model.push(|| ()), model.push(|| ())];
            let theirs = Arc::clone(&model);
            let there =
                loom::thread::spawn(move || jobs.into_iter().for_each(|id| theirs.cancel(id)));
            let queued = model.end();
            there.join().unwrap();
            assert_eq!(queued + model.run() + model.cancelled(), 2);
            assert_eq!(model.pool.depths().queued, 0);
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// What a worker does about threads that were refused, before it sleeps. `true`: it must come back.
fn rest(model: &Model) -> bool {
    model.pool.make_up().is_some()
}

/// The second of two jobs that wait for each other is refused a thread. A job that ends there, or one that is pushed, makes up for that, or a
/// worker that looks again and again.
#[test]
fn a_thread_that_was_refused_is_made_up_for() {
    for time in TIMES {
        explore(some_preemptions(), move || {
            let kernel = Kernel {
                gives: 1,
                then_refuses: 1,
            };
            let model = Arc::new(Model::under(kernel, time, 2));
            let done = Arc::new(Event::default());
            let meet = || {
                let done = Arc::clone(&done);
                move || {
                    done.happens();
                    done.has_happened(2);
                }
            };
            model.push(meet());
            let (_, pushed) = model.try_push(meet()).expect("there is a thread");
            assert_eq!(pushed, Pushed::Refused);
            let theirs = Arc::clone(&model);
            let worker = loom::thread::spawn(move || {
                while rest(&theirs) {
                    loom::thread::yield_now();
                }
            });
            done.has_happened(2);
            worker.join().unwrap();
            assert_eq!((model.end(), model.run()), (0, 2));
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// Two jobs are refused a thread, and wait for each other. The end of the first job, which was given one, makes up for that: its thread takes
/// one of the two, and starts a thread for the other. Nobody else asks.
#[test]
fn a_job_that_ends_makes_up_for_refusals() {
    for time in TIMES {
        explore(some_preemptions(), move || {
            let kernel = Kernel {
                gives: 1,
                then_refuses: 2,
            };
            let model = Arc::new(Model::under(kernel, time, 2));
            let (begun, done) = (Arc::new(Event::default()), Arc::new(Event::default()));
            let theirs = Arc::clone(&begun);
            model.push(move || theirs.has_happened(1));
            for first in [true, false] {
                let done = Arc::clone(&done);
                let (_, pushed) = model
                    .try_push(move || {
                        done.happens();
                        done.has_happened(2);
                    })
                    .expect("there is a thread");
                // Of the second, the workers know already.
                assert_eq!(pushed == Pushed::Refused, first);
            }
            begun.happens();
            done.has_happened(2);
            assert_eq!((model.end(), model.run()), (0, 3));
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}

/// A refusal, jobs that are pushed by another thread, an abort, a worker that asks again, and the end, all at once: each job has one fate.
#[test]
fn refusals_beside_all_else() {
    for time in TIMES {
        explore(some_preemptions(), move || {
            let kernel = Kernel {
                gives: 1,
                then_refuses: 1,
            };
            let model = Arc::new(Model::under(kernel, time, 2));
            model.push(|| ());
            let theirs = Arc::clone(&model);
            let there = loom::thread::spawn(move || {
                let pushed = theirs.try_push(|| ());
                let _ = rest(&theirs);
                if let Some((id, _)) = pushed {
                    theirs.cancel(id);
                }
                pushed.is_some()
            });
            let queued = model.end();
            let pushed = usize::from(there.join().unwrap());
            let fates = queued + model.run() + model.cancelled();
            // Pushed after the end, it has been dropped.
            assert!(
                fates == 1 + pushed || (fates == 1 && pushed == 1),
                "{fates} of {pushed}"
            );
            assert_eq!(model.pool.depths().queued, 0);
            assert_eq!(Arc::strong_count(&model.alive), 1);
        });
    }
}
