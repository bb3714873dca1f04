//! Tasks give their memory back, and queueing and waking take none.

use futures_util::future::poll_fn;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Poll, Waker};
// One worker, by the short way: it is of one thread that the allocator here counts, and what it gives back on another is not seen.
use waterwheel::{AbortHandle, JoinHandle, JoinSet, block_on, spawn, spawn_local, yield_now};

/// The system's allocator, which counts what is alive and how often it was asked: for each thread by itself, so that the
/// test harness does not count.
struct Counting;

thread_local! {
    static ALIVE: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALIVE.set(ALIVE.get() + 1);
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALIVE.set(ALIVE.get() - 1);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn alive() -> isize {
    ALIVE.get()
}

fn calls() -> isize {
    CALLS.get()
}

const TASKS: isize = 100_000;

#[test]
#[cfg_attr(
    not(debug_assertions),
    ignore = "in a release build a worker keeps the memory of tasks that have ended"
)]
fn every_allocation_is_given_back() {
    // Whatever is allocated once and for all.
    block_on(async { spawn(async {}).await.unwrap() });
    let outside = alive();

    block_on(async {
        let inside = alive();

        let before = calls();
        for number in 0..TASKS {
            assert_eq!(spawn(async move { number }).await.unwrap(), number);
        }
        assert_eq!(alive(), inside, "spawned and joined");
        assert_eq!(calls() - before, TASKS, "one allocation a task");

        let before = calls();
        for _ in 0..TASKS {
            drop(spawn(async { yield_now().await }));
        }
        assert_eq!(alive(), inside + TASKS, "no more than the tasks");
        yield_now().await;
        yield_now().await;
        assert_eq!(alive(), inside, "detached");
        assert_eq!(
            calls() - before,
            TASKS,
            "queueing and yielding allocate nothing"
        );

        for _ in 0..TASKS / 10 {
            let handle = spawn(pending::<()>());
            yield_now().await;
            handle.abort();
            assert!(handle.await.unwrap_err().is_cancelled());
        }
        assert_eq!(alive(), inside, "aborted");

        let handles: Vec<JoinHandle<Box<isize>>> = (0..TASKS / 10)
            .map(|number| spawn(async move { Box::new(number) }))
            .collect();
        yield_now().await;
        drop(handles);
        assert_eq!(alive(), inside, "outputs that nobody took");

        let wakers: Vec<Waker> = {
            let mut wakers = Vec::new();
            for _ in 0..TASKS / 10 {
                let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone()));
                wakers.push(spawn_local(waker).await.unwrap());
            }
            wakers
        };
        assert_eq!(
            alive(),
            inside + TASKS / 10 + 1,
            "the memory that wakers hold"
        );
        wakers.into_iter().for_each(Waker::wake);
        assert_eq!(alive(), inside, "wakers of tasks that have ended");

        // Left to the end of the runtime: idle, queued, and never polled.
        for _ in 0..TASKS / 10 {
            drop(spawn(pending::<()>()));
            drop(spawn(async {
                loop {
                    yield_now().await;
                }
            }));
        }
        yield_now().await;
        drop(spawn(async { unreachable!("never polled") }));
    });
    assert_eq!(alive(), outside, "the runtime has ended");
}

#[test]
#[cfg_attr(
    not(debug_assertions),
    ignore = "in a release build a worker keeps the memory of tasks that have ended"
)]
fn a_set_keeps_nothing_of_what_was_joined() {
    // What is constant: the list that the set shares with its tasks, their places, and two queues of keys.
    const SET: isize = 4;
    block_on(async { spawn(async {}).await.unwrap() });
    let outside = alive();

    block_on(async {
        let inside = alive();
        let mut set = JoinSet::new();

        let before = calls();
        for number in 0..TASKS {
            set.spawn(async move { number });
            assert_eq!(set.join_next().await.unwrap().unwrap(), number);
        }
        assert!(alive() <= inside + SET, "spawned and joined");
        assert!(
            calls() - before <= 2 * TASKS + SET,
            "two allocations a task: itself, and its notice to the set"
        );

        let before = calls();
        for number in 0..TASKS {
            set.spawn(async move { number });
        }
        while set.join_next().await.is_some() {}
        assert!(alive() <= inside + SET, "joined all together");
        let growing = 3 * TASKS.ilog2() as isize;
        assert!(calls() - before <= 2 * TASKS + growing);

        set.spawn(pending());
        let (before, now) = (calls(), alive());
        for _ in 0..TASKS {
            let poll = poll_fn(|cx| Poll::Ready(Pin::new(&mut set.join_next()).poll(cx)));
            assert!(poll.await.is_pending());
        }
        assert_eq!((calls(), alive()), (before, now), "waits that were dropped");

        let aborts: Vec<AbortHandle> = (0..TASKS / 10)
            .map(|_| set.spawn(pending::<isize>()))
            .collect();
        set.shutdown().await;
        assert!(
            alive() <= inside + SET + TASKS / 10 + 1,
            "the memory that abort handles hold"
        );
        drop(aborts);
        assert!(alive() <= inside + SET, "shut down");

        for _ in 0..TASKS / 10 {
            set.spawn(async { 0 });
        }
        set.detach_all();
        yield_now().await;
        assert!(alive() <= inside + SET, "detached");

        for _ in 0..TASKS / 10 {
            set.spawn(pending());
        }
        yield_now().await;
        drop(set);
        yield_now().await;
        assert_eq!(alive(), inside, "dropped, with its tasks");

        // Left to the end of the runtime.
        let mut set = JoinSet::new();
        for _ in 0..TASKS / 10 {
            set.spawn(pending::<()>());
        }
        spawn(async move { set.join_next().await.is_some() });
        yield_now().await;
    });
    assert_eq!(alive(), outside, "the runtime has ended");
}
