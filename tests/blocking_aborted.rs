//! A blocking job that is aborted while it waits for a thread is gone at once: what it has captured, its memory, and its place.

mod common;

use common::{Count, Guard};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;
use waterwheel::{AbortHandle, Handle, JoinHandle, JoinSet, Runtime, block_on, sleep, task, time};

/// The system's allocator, which counts how many bytes are alive, for each thread by itself.
struct Counting;

thread_local! {
    static ALIVE: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALIVE.set(ALIVE.get() + layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALIVE.set(ALIVE.get() - layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const JOBS: usize = 20_000;

fn runtimes() -> impl Iterator<Item = Runtime> {
    [1, 2, 4].into_iter().map(|workers| {
        let builder = Runtime::builder().worker_threads(workers);
        builder.max_blocking_threads(1).build().unwrap()
    })
}

/// The only thread of the pool has a job, until the sender is dropped.
fn occupy(runtime: &Handle) -> (JoinHandle<()>, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (start, started) = mpsc::channel();
    let job = runtime.spawn_blocking(move || {
        start.send(()).unwrap();
        assert!(released.recv().is_err());
    });
    started.recv().unwrap();
    (job, release)
}

fn never(guard: Guard) -> impl FnOnce() + Send {
    move || {
        let _guard = guard;
        unreachable!("it was aborted");
    }
}

#[test]
fn its_memory_is_given_back_and_what_it_holds_dropped() {
    for runtime in runtimes() {
        let (busy, release) = occupy(runtime.handle());
        let count = Count::default();
        let before = ALIVE.get();
        let jobs: Vec<_> = (0..JOBS)
            .map(|_| runtime.spawn_blocking(never(count.guard())))
            .collect();
        assert_eq!(runtime.metrics().blocking_depth, JOBS);
        assert!(ALIVE.get() - before > (64 * JOBS).cast_signed());
        for (aborted, job) in jobs.iter().enumerate() {
            job.abort();
            assert!(job.is_finished());
            assert_eq!(count.dropped(), aborted + 1);
        }
        assert_eq!(runtime.metrics().blocking_depth, 0);
        assert_eq!(runtime.metrics().tasks_alive, 1);
        drop(jobs);
        // This thread works for no runtime, which would keep some for the next tasks.
        let kept = ALIVE.get() - before;
        assert!(kept < 16 << 10, "{kept} bytes are kept");
        drop(release);
        block_on(busy).unwrap();
    }
}

/// By every handle that can abort: and the jobs in between keep their order.
#[test]
fn the_others_keep_their_order() {
    for runtime in runtimes() {
        let (busy, release) = occupy(runtime.handle());
        let (count, order) = (Count::default(), Arc::new(Mutex::new(Vec::new())));
        let mut sets = Vec::new();
        let mut stay = Vec::new();
        let mut aborts: Vec<AbortHandle> = Vec::new();
        let entered = runtime.enter();
        for number in 0..300 {
            match number % 4 {
                0 => {
                    let mut set = JoinSet::new();
                    set.spawn_blocking(never(count.guard()));
                    sets.push(set);
                }
                1 => {
                    let named = task::Builder::new().name("in vain");
                    let job = named.spawn_blocking(never(count.guard()));
                    aborts.push(job.abort_handle());
                }
                _ => {
                    let order = Arc::clone(&order);
                    let run = move || order.lock().unwrap().push(number);
                    stay.push(runtime.spawn_blocking(run));
                }
            }
        }
        drop(entered);
        thread::scope(|scope| {
            scope.spawn(|| drop(sets));
            aborts.iter().rev().for_each(AbortHandle::abort);
        });
        assert_eq!(count.dropped(), count.made());
        assert_eq!(runtime.metrics().blocking_depth, stay.len());
        drop(release);
        block_on(busy).unwrap();
        for job in stay {
            block_on(job).unwrap();
        }
        let expected = (0..300).filter(|number| number % 4 > 1);
        assert!(order.lock().unwrap().iter().copied().eq(expected));
    }
}

/// Aborts race with the thread that takes the jobs: each job runs or is cancelled, and is dropped once.
#[test]
fn while_the_thread_takes_them() {
    for runtime in runtimes() {
        for _ in 0..50 {
            let (count, ran) = (Count::default(), Arc::new(AtomicUsize::new(0)));
            let (busy, release) = occupy(runtime.handle());
            let jobs: Vec<_> = (0..200)
                .map(|_| {
                    let (guard, ran) = (count.guard(), Arc::clone(&ran));
                    runtime.spawn_blocking(move || {
                        drop(guard);
                        ran.fetch_add(1, Ordering::SeqCst);
                    })
                })
                .collect();
            thread::scope(|scope| {
                for half in jobs.chunks(100) {
                    scope.spawn(|| half.iter().for_each(JoinHandle::abort));
                }
                drop(release);
            });
            runtime.block_on(busy).unwrap();
            let mut done = 0;
            for job in jobs {
                match runtime.block_on(job) {
                    Ok(()) => done += 1,
                    Err(error) => assert!(error.is_cancelled()),
                }
            }
            assert_eq!(ran.load(Ordering::SeqCst), done);
            assert_eq!(count.dropped(), 200);
        }
    }
}

/// Whoever aborts drops the closure: its destructor runs as the job's, and the task around is itself again. Its panic is the job's.
#[test]
fn its_destructor_runs_as_the_job() {
    struct TellsWho(mpsc::Sender<Option<task::Id>>);

    impl Drop for TellsWho {
        fn drop(&mut self) {
            self.0.send(task::try_id()).unwrap();
            panic!("in a destructor");
        }
    }

    for runtime in runtimes() {
        let (busy, release) = occupy(runtime.handle());
        let task = runtime.spawn(async {
            let mine = task::id();
            let (tell, told) = mpsc::channel();
            let tells = TellsWho(tell);
            let job = waterwheel::spawn_blocking(move || drop(tells));
            job.abort();
            assert_eq!(told.recv().unwrap(), Some(job.id()));
            assert_eq!(task::id(), mine);
            assert!(job.await.unwrap_err().is_panic());
            assert_eq!(task::id(), mine);
        });
        runtime.block_on(task).unwrap();
        drop(release);
        runtime.block_on(busy).unwrap();
    }
}

/// Where time is paused, a queued job keeps the clock from moving, and one that is aborted does not.
#[test]
fn it_does_not_keep_a_paused_clock() {
    for workers in [1, 2, 4] {
        let builder = Runtime::builder().worker_threads(workers).paused_time();
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        let handle = runtime.handle().clone();
        let (begin, begun) = mpsc::channel();
        let waits = runtime.spawn(pending::<()>());
        let release = waits.abort_handle();
        // A guest of `block_on`, whose job is not one that runs.
        let guest = runtime.spawn_blocking(move || {
            handle.block_on(async move {
                begin.send(()).unwrap();
                assert!(waits.await.unwrap_err().is_cancelled());
            });
        });
        begun.recv().unwrap();
        let job = runtime.spawn_blocking(|| ());
        let abort = job.abort_handle();
        let aborter = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            abort.abort();
        });
        runtime.block_on(async {
            let start = time::now();
            sleep(Duration::from_secs(60)).await;
            assert_eq!(time::now() - start, Duration::from_secs(60));
        });
        aborter.join().unwrap();
        assert!(runtime.block_on(job).unwrap_err().is_cancelled());
        release.abort();
        runtime.block_on(guest).unwrap();
    }
}
