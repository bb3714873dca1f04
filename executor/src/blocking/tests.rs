//! The pool with limits and times that a test can reach; every order of its steps.

use super::pool::Settings;
use super::state::Need;
use crate::scheduler::origin::Origin;
use crate::scheduler::shared::Shared;
use crate::{JoinError, JoinHandle, block_on};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(1000);

/// What is shared by a runtime without a worker: jobs can be spawned from here.
struct Runtime(Arc<Shared>);

impl Runtime {
    fn new(most_threads: usize, keep_alive: Duration) -> Self {
        let mut settings = crate::scheduler::settings::Settings::for_workers(1);
        settings.blocking = Settings {
            most_threads,
            keep_alive,
            ..Settings::default()
        };
        Self(Shared::new(settings, true).expect("descriptors"))
    }

    fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        JoinHandle(self.0.spawn_blocking(f, Origin::here()).expect("a thread"))
    }

    /// How many threads there are, and how many of them are idle.
    fn threads(&self) -> (usize, usize) {
        let depths = self.0.blocking.depths();
        (depths.threads, depths.idle)
    }

    /// A job that has started, and waits for the sender to be dropped.
    fn occupy(&self) -> (JoinHandle<thread::ThreadId>, mpsc::Sender<()>) {
        let (release, released) = mpsc::channel::<()>();
        let (start, started) = mpsc::channel();
        let handle = self.spawn(move || {
            start.send(()).unwrap();
            assert!(released.recv().is_err());
            thread::current().id()
        });
        started.recv().unwrap();
        (handle, release)
    }

    /// Waits until there are so many threads, and so many of them idle.
    fn await_threads(&self, threads: usize, idle: usize) {
        let start = Instant::now();
        while self.threads() != (threads, idle) {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{:?} threads, idle",
                self.threads()
            );
            thread::yield_now();
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Counts drops.
struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// One worker, whatever the tests are asked to have: it only awaits, and the runtime of the job has none at work.
fn join<T>(handle: JoinHandle<T>) -> Result<T, JoinError> {
    block_on(handle)
}

#[test]
fn no_more_threads_than_the_limit() {
    const MOST: usize = 3;
    let runtime = Runtime::new(MOST, LONG);
    let running = Arc::new(AtomicUsize::new(0));
    let all = Arc::new(Barrier::new(MOST));
    let handles: Vec<_> = (0..100 * MOST)
        .map(|_| {
            let (running, all) = (Arc::clone(&running), Arc::clone(&all));
            runtime.spawn(move || {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                // No fewer, either: each waits for two others.
                all.wait();
                running.fetch_sub(1, Ordering::SeqCst);
                now
            })
        })
        .collect();
    for handle in handles {
        assert!(join(handle).unwrap() <= MOST);
    }
    runtime.await_threads(MOST, MOST);
}

#[test]
fn at_the_limit_jobs_start_in_order() {
    let runtime = Runtime::new(1, LONG);
    let order = Arc::new(Mutex::new(Vec::new()));
    let (first, release) = runtime.occupy();
    let handles: Vec<_> = (0..1000)
        .map(|number| {
            let order = Arc::clone(&order);
            runtime.spawn(move || order.lock().unwrap().push(number))
        })
        .collect();
    assert!(order.lock().unwrap().is_empty());
    drop(release);
    join(first).unwrap();
    for handle in handles {
        join(handle).unwrap();
    }
    assert!(order.lock().unwrap().iter().copied().eq(0..1000));
}

#[test]
fn an_idle_thread_is_used_again() {
    let runtime = Runtime::new(8, LONG);
    let first = join(runtime.spawn(|| thread::current().id())).unwrap();
    for _ in 0..1000 {
        runtime.await_threads(1, 1);
        let panics = join(runtime.spawn(|| panic!("it harms nobody")));
        assert!(panics.unwrap_err().is_panic());
        runtime.await_threads(1, 1);
        assert_eq!(
            join(runtime.spawn(|| thread::current().id())).unwrap(),
            first
        );
    }
}

/// A job goes to the thread that fell asleep last.
#[test]
fn the_last_to_fall_asleep_is_woken() {
    const THREADS: usize = 4;
    let runtime = Runtime::new(THREADS, LONG);
    for last in 0..THREADS {
        let mut busy: Vec<_> = (0..THREADS).map(|_| runtime.occupy()).collect();
        let chosen = busy.remove(last);
        for (idle, (handle, release)) in busy.into_iter().enumerate() {
            drop(release);
            join(handle).unwrap();
            runtime.await_threads(THREADS, idle + 1);
        }
        let (handle, release) = chosen;
        drop(release);
        let its_thread = join(handle).unwrap();
        for _ in 0..100 {
            runtime.await_threads(THREADS, THREADS);
            let used = join(runtime.spawn(|| thread::current().id())).unwrap();
            assert_eq!(used, its_thread);
        }
        runtime.await_threads(THREADS, THREADS);
    }
}

/// After a burst, jobs come one at a time, more often than a thread's time is up: all threads but one leave.
#[test]
fn after_a_burst_the_threads_leave() {
    const KEEP_ALIVE: Duration = Duration::from_millis(300);
    let runtime = Runtime::new(64, KEEP_ALIVE);
    let busy: Vec<_> = (0..40).map(|_| runtime.occupy()).collect();
    for (handle, release) in busy {
        drop(release);
        join(handle).unwrap();
    }
    let start = Instant::now();
    loop {
        let (threads, idle) = runtime.threads();
        assert!(start.elapsed() < Duration::from_secs(30), "{threads} stay");
        if idle < threads {
            // The thread of the last job is not asleep yet.
            thread::yield_now();
        } else if threads > 1 {
            join(runtime.spawn(|| ())).unwrap();
        } else {
            break;
        }
    }
}

#[test]
fn a_thread_that_is_not_kept_alive_ends_after_its_job() {
    let runtime = Runtime::new(2, Duration::ZERO);
    for round in 0..200 {
        assert_eq!(join(runtime.spawn(move || round)).unwrap(), round);
        runtime.await_threads(0, 0);
    }
}

#[test]
fn a_thread_that_is_kept_alive_for_ever_is_used_again() {
    let runtime = Runtime::new(2, Duration::MAX);
    let mut threads = HashSet::new();
    for _ in 0..200 {
        threads.insert(join(runtime.spawn(|| thread::current().id())).unwrap());
        runtime.await_threads(1, 1);
    }
    assert_eq!(threads.len(), 1);
}

#[test]
fn a_thread_without_work_ends() {
    const KEEP_ALIVE: Duration = Duration::from_millis(20);
    let runtime = Runtime::new(8, KEEP_ALIVE);
    for _ in 0..10 {
        let all = Arc::new(Barrier::new(4));
        let start = Instant::now();
        let handles: Vec<_> = (0..4)
            .map(|_| Arc::clone(&all))
            .map(|all| {
                runtime.spawn(move || {
                    all.wait();
                })
            })
            .collect();
        for handle in handles {
            join(handle).unwrap();
        }
        runtime.await_threads(0, 0);
        assert!(start.elapsed() >= KEEP_ALIVE, "it ended before its time");
    }
}

/// Jobs arrive just when threads give up waiting: none is left behind.
#[test]
fn no_job_is_lost_to_a_thread_that_ends() {
    const KEEP_ALIVE: Duration = Duration::from_micros(100);
    let runtime = Runtime::new(2, KEEP_ALIVE);
    for round in 0..2000 {
        let arrives = Instant::now() + KEEP_ALIVE;
        while Instant::now() < arrives {
            thread::yield_now();
        }
        assert_eq!(join(runtime.spawn(move || round)).unwrap(), round);
    }
    runtime.await_threads(0, 0);
}

/// The call drops the closure, though no thread is free, and the jobs around it keep their order.
#[test]
fn aborted_before_it_starts() {
    let runtime = Runtime::new(1, LONG);
    let dropped = Arc::new(AtomicUsize::new(0));
    let order = Arc::new(Mutex::new(Vec::new()));
    let (first, release) = runtime.occupy();
    let ordered = |number: usize| {
        let order = Arc::clone(&order);
        runtime.spawn(move || order.lock().unwrap().push(number))
    };
    let before = ordered(1);
    let counts = CountDrop(Arc::clone(&dropped));
    let victim = runtime.spawn(move || {
        let _counts = counts;
        unreachable!("it was aborted");
    });
    let after = ordered(2);
    assert_eq!(runtime.0.blocking.depths().queued, 3);
    victim.abort();
    assert!(victim.is_finished());
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert_eq!(runtime.0.blocking.depths().queued, 2);
    assert_eq!(
        runtime.0.tasks_alive(),
        3,
        "two that wait and one that runs"
    );
    victim.abort();
    drop(release);
    join(first).unwrap();
    let result: Result<(), _> = join(victim);
    assert!(result.unwrap_err().is_cancelled());
    join(before).unwrap();
    join(after).unwrap();
    assert_eq!(*order.lock().unwrap(), [1, 2]);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

/// Jobs are aborted, taken by threads, and given up by the end of the runtime, all at once: each has one of these fates.
#[test]
fn aborted_while_threads_take_jobs_and_the_runtime_ends() {
    for round in 0..300 {
        let runtime = Runtime::new(2, LONG);
        let (dropped, ran) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let handles: Vec<_> = (0..40)
            .map(|_| {
                let (counts, ran) = (CountDrop(Arc::clone(&dropped)), Arc::clone(&ran));
                runtime.spawn(move || {
                    ran.fetch_add(1, Ordering::SeqCst);
                    drop(counts);
                })
            })
            .collect();
        thread::scope(|scope| {
            for half in handles.chunks(20) {
                scope.spawn(|| half.iter().rev().for_each(JoinHandle::abort));
            }
            if round % 2 == 0 {
                runtime.0.close();
            }
        });
        let finished = handles.into_iter().map(join).filter(Result::is_ok).count();
        assert_eq!(dropped.load(Ordering::SeqCst), 40);
        assert_eq!(ran.load(Ordering::SeqCst), finished);
        assert_eq!(runtime.0.blocking.depths().queued, 0);
        assert_eq!(runtime.0.tasks_alive(), 0);
    }
}

/// A pool whose only job waits in `block_on` is quiet but for a queued job, and so it is when that has been aborted: not before it is dropped, as
/// its destructor may wake somebody; and then it says so.
#[test]
fn a_pool_is_quiet_once_an_aborted_job_is_dropped() {
    struct AssertsWhenDropped(Arc<Shared>, Arc<AtomicUsize>);

    impl Drop for AssertsWhenDropped {
        fn drop(&mut self) {
            assert_eq!(self.0.blocking.ended_if_quiet(), None);
            assert_eq!(self.0.blocking.depths().queued, 0);
            assert_eq!(self.1.load(Ordering::SeqCst), 0, "told too early");
        }
    }

    let told = Arc::new(AtomicUsize::new(0));
    let mut settings = crate::scheduler::settings::Settings::for_workers(1);
    settings.blocking.most_threads = 1;
    let pool = {
        let told = Arc::clone(&told);
        let mut blocking = settings.blocking.clone();
        blocking.when_quiet = Some(Arc::new(move || {
            told.fetch_add(1, Ordering::SeqCst);
        }));
        Arc::new(super::pool::Pool::new(blocking))
    };
    let mut shared = Shared::new(settings, true).expect("descriptors");
    Arc::get_mut(&mut shared)
        .expect("nobody else has it")
        .blocking = Arc::clone(&pool);
    let runtime = Runtime(shared);
    let (release, released) = mpsc::channel::<()>();
    let (start, started) = mpsc::channel();
    let theirs = Arc::clone(&pool);
    let waits = runtime.spawn(move || {
        theirs.job_waits(true);
        start.send(()).unwrap();
        assert!(released.recv().is_err());
        theirs.job_waits(false);
    });
    started.recv().unwrap();
    assert_eq!(pool.ended_if_quiet(), Some(0));
    let holds = AssertsWhenDropped(Arc::clone(&runtime.0), Arc::clone(&told));
    let queued = runtime.spawn(move || drop(holds));
    assert_eq!(pool.ended_if_quiet(), None);
    queued.abort();
    assert_eq!(pool.ended_if_quiet(), Some(1));
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert!(join(queued).unwrap_err().is_cancelled());
    drop(release);
    join(waits).unwrap();
}

/// The destructor of what an aborted closure holds aborts the next job, and so on: the stack does not grow with them.
#[test]
fn aborts_that_abort() {
    struct AbortOnDrop(Option<JoinHandle<()>>);

    impl Drop for AbortOnDrop {
        fn drop(&mut self) {
            if let Some(next) = &self.0 {
                next.abort();
            }
        }
    }

    let runtime = Runtime::new(1, LONG);
    let (first, release) = runtime.occupy();
    let last = (0..100_000).fold(None, |next, _| {
        let holds = AbortOnDrop(next);
        Some(runtime.spawn(move || drop(holds)))
    });
    last.expect("there are some").abort();
    assert_eq!(runtime.0.blocking.depths().queued, 0);
    drop(release);
    join(first).unwrap();
}

#[test]
fn aborted_while_it_runs() {
    let runtime = Runtime::new(1, LONG);
    let (handle, release) = runtime.occupy();
    handle.abort();
    drop(release);
    assert!(join(handle).is_ok(), "too late");
}

/// A queued job is dropped with the runtime; the one that runs goes on, and its output reaches the handle.
#[test]
fn the_runtime_ends_while_one_runs_and_others_wait() {
    for _ in 0..1000 {
        let runtime = Runtime::new(1, LONG);
        let dropped = Arc::new(AtomicUsize::new(0));
        let (running, release) = runtime.occupy();
        let queued: Vec<JoinHandle<()>> = (0..3)
            .map(|_| CountDrop(Arc::clone(&dropped)))
            .map(|counts| {
                runtime.spawn(move || {
                    let _counts = counts;
                    unreachable!("the thread was busy until the end");
                })
            })
            .collect();
        runtime.0.close();
        assert_eq!(dropped.load(Ordering::SeqCst), 3, "here and now");
        assert!(!running.is_finished());
        let late: JoinHandle<()> = runtime.spawn(|| unreachable!("the runtime has ended"));
        assert!(join(late).unwrap_err().is_cancelled());
        drop(release);
        assert!(join(running).is_ok());
        for handle in queued {
            assert!(join(handle).unwrap_err().is_cancelled());
        }
        runtime.await_threads(0, 0);
    }
}

/// The end meets jobs that are queued, taken, running and done: each has run or has not, and is dropped once.
#[test]
fn the_runtime_ends_at_any_moment() {
    for round in 0..1000 {
        let runtime = Runtime::new(2, LONG);
        let dropped = Arc::new(AtomicUsize::new(0));
        let ran = Arc::new(AtomicUsize::new(0));
        let mut handles: Vec<_> = (0..8)
            .map(|_| {
                let counts = CountDrop(Arc::clone(&dropped));
                let ran = Arc::clone(&ran);
                runtime.spawn(move || {
                    ran.fetch_add(1, Ordering::SeqCst);
                    counts
                })
            })
            .collect();
        handles.truncate(8 - round % 3);
        if round % 2 == 0 {
            thread::yield_now();
        }
        runtime.0.close();
        for handle in handles {
            match join(handle) {
                Ok(counts) => drop(counts),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        runtime.await_threads(0, 0);
        let dropped = dropped.load(Ordering::SeqCst);
        assert_eq!(dropped, 8, "{} ran", ran.load(Ordering::SeqCst));
    }
}

/// A pool, as far as its threads and jobs can be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct World {
    /// Jobs that are still to come, and how often the kernel may still change its mind.
    to_come: usize,
    changes: usize,
    /// Whether the kernel refuses threads, and whether workers ask for one again.
    refuses: bool,
    refused: bool,
    queued: usize,
    /// Threads: started and not yet there, at work, asleep, and woken but not yet there.
    starting: usize,
    busy: usize,
    asleep: usize,
    woken: usize,
    closed: bool,
}

const MOST_THREADS: usize = 3;

impl World {
    fn threads(&self) -> usize {
        self.starting + self.busy + self.asleep + self.woken
    }

    /// As [`State::lacks_thread`](super::state::State) says.
    fn lacks_thread(&self) -> bool {
        self.queued > self.starting + self.woken
            && self.asleep == 0
            && self.threads() < MOST_THREADS
    }

    /// A thread is asked for.
    fn asks(self) -> Self {
        World {
            starting: self.starting + usize::from(!self.refuses),
            ..self
        }
    }

    /// A thread that comes for work, and has been taken off whatever it was: it takes a job, leaves, or sleeps.
    fn arrives(mut self) -> Self {
        if self.queued > 0 {
            self.queued -= 1;
            self.busy += 1;
            if self.lacks_thread() {
                return self.asks();
            }
        } else if !self.closed {
            self.asleep += 1;
        }
        self
    }

    fn pushes(mut self) -> Self {
        self.to_come -= 1;
        if self.closed {
            return self;
        }
        let on_their_way = self.starting + self.woken;
        let (asleep, threads) = (self.asleep, self.threads());
        match Need::of(self.queued, on_their_way, asleep, threads, MOST_THREADS) {
            Need::Wake => {
                self.asleep -= 1;
                self.woken += 1;
            }
            Need::Thread if !self.refuses => self.starting += 1,
            // The job is given back.
            Need::Thread if threads == 0 => return self,
            Need::Thread => self.refused = true,
            Need::Nothing => {}
        }
        self.queued += 1;
        self
    }

    /// What needs nobody's work to end, and no time to pass but that between two attempts of a worker.
    fn prompt_steps(self) -> Vec<Self> {
        let mut next = Vec::new();
        if self.starting > 0 {
            let starting = self.starting - 1;
            next.push(World { starting, ..self }.arrives());
        }
        if self.woken > 0 {
            let woken = self.woken - 1;
            next.push(World { woken, ..self }.arrives());
        }
        if self.refused && self.lacks_thread() && !self.refuses {
            next.push(self.asks());
        }
        if self.refused && !self.lacks_thread() {
            let refused = false;
            next.push(World { refused, ..self });
        }
        next
    }

    fn other_steps(self) -> Vec<Self> {
        let mut next = Vec::new();
        if self.to_come > 0 {
            next.push(self.pushes());
        }
        if self.changes > 0 {
            next.push(World {
                changes: self.changes - 1,
                refuses: !self.refuses,
                ..self
            });
        }
        if self.queued > 0 {
            // It is aborted.
            let queued = self.queued - 1;
            next.push(World { queued, ..self });
        }
        if self.busy > 0 {
            let busy = self.busy - 1;
            next.push(World { busy, ..self }.arrives());
        }
        if self.asleep > 0 {
            // Its time is up.
            let asleep = self.asleep - 1;
            next.push(World { asleep, ..self });
        }
        if !self.closed {
            next.push(World {
                closed: true,
                queued: 0,
                asleep: 0,
                woken: self.woken + self.asleep,
                ..self
            });
        }
        next
    }

    fn check(&self) {
        assert!(self.threads() <= MOST_THREADS, "{self:?}");
        assert!(
            self.refused || !self.lacks_thread(),
            "nobody asks for the thread that a job lacks: {self:?}"
        );
        if !self.prompt_steps().is_empty() {
            return;
        }
        // Nothing moves but by jobs that end, time that passes, new jobs, and the kernel.
        if self.queued > 0 {
            assert_eq!(
                self.asleep, 0,
                "a job waits while a thread sleeps: {self:?}"
            );
            assert_ne!(self.busy, 0, "a job waits for nobody: {self:?}");
            let all_there_are = self.busy == MOST_THREADS || self.refuses;
            assert!(all_there_are, "a job waits below the limit: {self:?}");
        }
        if self.closed {
            assert_eq!(self.asleep, 0, "a thread sleeps on: {self:?}");
        }
    }
}

/// Every order in which jobs are pushed and aborted, threads start, work, sleep, are woken and leave, the kernel refuses threads and
/// gives them again, and the pool is closed.
#[test]
fn every_reachable_pool_serves_its_jobs() {
    let mut seen = HashSet::new();
    let mut to_visit = vec![World {
        to_come: 6,
        changes: 4,
        ..World::default()
    }];
    while let Some(world) = to_visit.pop() {
        if !seen.insert(world) {
            continue;
        }
        world.check();
        to_visit.extend(world.prompt_steps());
        to_visit.extend(world.other_steps());
    }
    assert!(seen.len() > 1000, "only {} worlds", seen.len());
}
