//! Joining the tasks of a set: in which order they come, what they come to, and at what cost.

mod workers;

use futures_util::future::{AbortHandle as Signal, abortable};
use futures_util::{FutureExt, Stream, StreamExt};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::poll_context::budget::PER_POLL;
use waterwheel::{JoinSet, spawn_local, yield_now};
use workers::block_on;

/// A future that ends when it is told to, from any thread.
fn until_told() -> (impl Future<Output = ()> + Send, Signal) {
    let (future, signal) = abortable(pending::<()>());
    (future.map(drop), signal)
}

/// Counts how often it is cloned out and woken.
#[derive(Default)]
struct CountWakes(AtomicUsize);

impl CountWakes {
    fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn in_the_order_in_which_they_end() {
    block_on(async {
        let mut set = JoinSet::new();
        let signals: Vec<Signal> = (0..6)
            .map(|number| {
                let (told, signal) = until_told();
                // On one thread: on several, nobody knows which ends first.
                set.spawn_local(told.map(move |()| number));
                signal
            })
            .collect();
        yield_now().await;
        assert!(set.try_join_next().is_none());
        for number in [3, 0, 5] {
            signals[number].abort();
        }
        assert_eq!(set.join_next().await.unwrap().unwrap(), 3);
        // Others end while some are known to have.
        for number in [1, 4, 2] {
            signals[number].abort();
        }
        for number in [0, 5, 1, 4, 2] {
            assert_eq!(set.join_next().await.unwrap().unwrap(), number);
        }
        assert!(set.join_next().await.is_none());
    });
}

#[test]
fn an_empty_set_gives_none_and_goes_on() {
    block_on(async {
        let mut set = JoinSet::default();
        for number in 0..3 {
            assert!(set.is_empty());
            assert!(set.join_next().await.is_none());
            assert!(set.try_join_next().is_none());
            set.spawn(async move { number });
            assert_eq!((set.len(), set.is_empty()), (1, false));
            assert_eq!(format!("{set:?}"), "JoinSet { len: 1, .. }");
            yield_now().await;
            assert_eq!(set.len(), 1, "it has ended, and is not joined");
            assert_eq!(set.join_next().await.unwrap().unwrap(), number);
        }
        assert_eq!(set.len(), 0);
    });
}

#[test]
fn panics_and_cancellations_are_errors() {
    block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { panic!("in a set") });
        set.spawn(pending::<u32>()).abort();
        set.spawn(async { 1 });
        let mut joined = Vec::new();
        while let Some(output) = set.join_next().await {
            joined.push(output.map_err(|error| error.to_string()));
        }
        let mut expected = [
            Err("the task panicked: in a set".to_owned()),
            Err("the task was cancelled".to_owned()),
            Ok(1),
        ];
        workers::in_any_order(&mut joined);
        workers::in_any_order(&mut expected);
        assert_eq!(joined, expected);
    });
}

#[test]
fn outputs_need_not_be_send() {
    block_on(async {
        let mut set = JoinSet::new();
        for number in 0..3 {
            set.spawn_local(async move { Rc::new(number) });
        }
        let mut sum = 0;
        while let Some(number) = set.join_next().await {
            sum += *number.unwrap();
        }
        assert_eq!(sum, 3);
    });
}

#[test]
fn it_is_a_stream_and_collects_futures() {
    block_on(async {
        let delays = [3, 1, 2].map(|delay| async move {
            for _ in 0..delay {
                yield_now().await;
            }
            delay
        });
        let mut set: JoinSet<u64> = delays.into_iter().collect();
        set.extend([async { 0 }]);
        assert_eq!(set.size_hint(), (4, Some(4)));
        let mut ended: Vec<u64> = set.by_ref().map(Result::unwrap).collect().await;
        workers::in_any_order(&mut ended);
        assert_eq!(ended, [0, 1, 2, 3]);
        assert_eq!(set.size_hint(), (0, Some(0)));
    });
}

#[test]
fn it_goes_where_its_outputs_may() {
    fn send_and_sync<T: Send + Sync + Unpin>(_: &T) {}
    let set = JoinSet::<Box<dyn Send>>::new();
    send_and_sync(&set);
}

#[test]
fn outside_a_runtime_nothing_is_spawned() {
    let mut set = JoinSet::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| set.spawn(async {}))).unwrap_err();
    let message = panicked.downcast::<String>().unwrap();
    assert!(message.contains("`spawn` was called outside"), "{message}");
    assert!(set.is_empty());
    block_on(async {
        assert!(set.join_next().await.is_none());
        set.spawn(async {});
        assert!(set.join_next().await.unwrap().is_ok());
    });
}

/// A future that is dropped takes nothing with it: not the task that ended, and it leaves no waker.
#[test]
fn a_wait_may_be_dropped_at_any_time() {
    const WAITS: u32 = 100_000;
    block_on(async {
        let wakes = Arc::new(CountWakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);

        let mut set = JoinSet::new();
        let mut spawned = 0;
        let mut joined = Vec::new();
        let mut signal = None::<Signal>;
        for wait in 0..WAITS {
            match wait % 10 {
                // A task, which ends three waits later, and not between two lines of this test.
                0 => {
                    let (told, tell) = until_told();
                    let number = spawned;
                    set.spawn_local(told.map(move |()| number));
                    spawned += 1;
                    signal = Some(tell);
                    yield_now().await;
                }
                3 => signal.take().unwrap().abort(),
                // It has ended, and has woken who waited before; the next wait is never polled.
                4 => {
                    yield_now().await;
                    drop(set.join_next());
                }
                5 => {
                    if let Poll::Ready(joining) = pin!(set.join_next()).poll(&mut cx) {
                        joined.push(joining.unwrap().unwrap());
                    }
                }
                // Polled once or twice, and dropped.
                _ => {
                    let mut next = set.join_next();
                    for _ in 0..wait % 2 + 1 {
                        match next.poll_unpin(&mut cx) {
                            Poll::Ready(None) => {}
                            Poll::Ready(joining) => panic!("it was not told to end: {joining:?}"),
                            Poll::Pending => assert_eq!(Arc::strong_count(&wakes), 3),
                        }
                    }
                    drop(next);
                    assert_eq!(Arc::strong_count(&wakes), 2, "its waker was kept");
                }
            }
        }
        assert_eq!(joined, (0..spawned).collect::<Vec<_>>());
        assert_eq!(spawned, WAITS / 10);
        assert_eq!(wakes.wakes(), 0, "nobody waited when a task ended");
    });
}

/// Woken, and dropped before it is polled again: the next wait finds the task.
#[test]
fn a_wait_that_was_woken_may_be_dropped() {
    block_on(async {
        let wakes = Arc::new(CountWakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut set = JoinSet::new();
        for number in 0..1000 {
            let (told, tell) = until_told();
            set.spawn(told.map(move |()| number));
            yield_now().await;
            let mut next = set.join_next();
            assert!(
                next.poll_unpin(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            tell.abort();
            workers::until(1, || wakes.wakes() > number).await;
            assert_eq!(wakes.wakes(), number + 1);
            drop(next);
            assert_eq!(set.join_next().await.unwrap().unwrap(), number);
        }
    });
}

/// The set is polled by one task, and then given to another: that one is woken, and the first is not.
#[test]
fn it_may_go_from_task_to_task() {
    block_on(async {
        let polls = Rc::new([const { Cell::new(0) }; 2]);
        let slot = Rc::new(RefCell::new(Some(JoinSet::new())));
        let (told, tell) = until_told();
        slot.borrow_mut().as_mut().unwrap().spawn(told);

        let (theirs, place) = (Rc::clone(&polls), Rc::clone(&slot));
        let first = spawn_local(poll_fn(move |cx| {
            theirs[0].set(theirs[0].get() + 1);
            let polled = place.borrow_mut().as_mut().unwrap().poll_join_next(cx);
            assert!(polled.is_pending());
            Poll::<()>::Pending
        }));
        yield_now().await;
        let (theirs, mut set) = (Rc::clone(&polls), slot.take().unwrap());
        let second = spawn_local(poll_fn(move |cx| {
            theirs[1].set(theirs[1].get() + 1);
            set.poll_join_next(cx)
        }));
        yield_now().await;
        tell.abort();
        assert!(second.await.unwrap().unwrap().is_ok());
        assert_eq!(polls.each_ref().map(Cell::get), [1, 2]);
        first.abort();
    });
}

/// The tasks run on one thread and are awaited on another.
#[test]
fn it_may_go_from_thread_to_thread() {
    const TASKS: usize = 200;
    for round in 0..50 {
        let (send, sets) = mpsc::channel::<JoinSet<usize>>();
        let joining = thread::spawn(move || {
            block_on(async move {
                let mut set = sets.recv().unwrap();
                let mut joined = Vec::new();
                while let Some(output) = set.join_next().await {
                    joined.push(output.unwrap());
                    if joined.len() % 16 == round % 16 {
                        yield_now().await;
                    }
                }
                joined
            })
        });
        block_on(async {
            let ended = Arc::new(AtomicUsize::new(0));
            let mut set = JoinSet::new();
            for number in 0..TASKS {
                let ended = Arc::clone(&ended);
                set.spawn(async move {
                    for _ in 0..number % 3 {
                        yield_now().await;
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                    number
                });
            }
            send.send(set).unwrap();
            // The last of them may still be in its last poll when the runtime ends: that poll counts.
            workers::until(5, || ended.load(Ordering::SeqCst) == TASKS).await;
        });
        let mut joined = joining.join().unwrap();
        workers::in_any_order(&mut joined);
        // Those that yield as often end in the order in which they were spawned.
        joined.sort_by_key(|number| number % 3);
        let mut expected: Vec<usize> = (0..TASKS).collect();
        expected.sort_by_key(|number| number % 3);
        assert_eq!(joined, expected);
    }
}

/// Tasks that other threads wake, while the set's thread sleeps in the kernel.
#[test]
fn tasks_that_other_threads_wake() {
    for _ in 0..50 {
        block_on(async {
            let mut set = JoinSet::new();
            let mut signals: [Vec<Signal>; 2] = Default::default();
            for number in 0..100 {
                let (told, tell) = until_told();
                set.spawn(told);
                signals[number % 2].push(tell);
            }
            let threads = signals
                .map(|signals| thread::spawn(move || signals.iter().for_each(Signal::abort)));
            let mut joined = 0;
            while let Some(output) = set.join_next().await {
                output.unwrap();
                joined += 1;
            }
            assert_eq!(joined, 100);
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
}

#[test]
fn many_tasks() {
    const TASKS: usize = 100_000;
    block_on(async {
        let mut set: JoinSet<usize> = (0..TASKS).map(|number| async move { number }).collect();
        assert_eq!(set.len(), TASKS);
        let mut joined = Vec::new();
        while let Some(number) = set.join_next().await {
            joined.push(number.unwrap());
        }
        workers::in_any_order(&mut joined);
        assert!(joined.into_iter().eq(0..TASKS));
    });
}

/// One task of many ends: what that costs does not depend on how many others there are. Were all of them looked at, 100,000
/// would cost thousands of times as much as ten.
#[test]
fn a_task_that_ends_costs_the_same_among_many() {
    fn time_to_join(others: usize) -> Duration {
        block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..others {
                set.spawn(pending());
            }
            yield_now().await;
            let mut best = Duration::MAX;
            for _ in 0..5 {
                let start = Instant::now();
                for number in 0..1000 {
                    set.spawn(async move { number });
                    assert_eq!(set.join_next().await.unwrap().unwrap(), number);
                }
                best = best.min(start.elapsed());
            }
            best
        })
    }
    let (few, many) = (time_to_join(10), time_to_join(100_000));
    assert!(many < few * 30, "{few:?} among few, {many:?} among many");
}

/// To wait leaves one waker, with the set, and none with each task.
#[test]
fn to_wait_costs_the_same_among_many() {
    block_on(async {
        let wakes = Arc::new(CountWakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let mut set = JoinSet::new();
        let signals: Vec<Signal> = (0..1000)
            .map(|_| {
                let (told, tell) = until_told();
                set.spawn(told);
                tell
            })
            .collect();
        yield_now().await;
        assert!(set.poll_join_next(&mut cx).is_pending());
        assert!(set.poll_join_next(&mut cx).is_pending());
        assert_eq!(Arc::strong_count(&wakes), 3);
        signals.iter().for_each(Signal::abort);
        workers::until(1, || {
            while set.try_join_next().is_some() {}
            set.is_empty() && wakes.wakes() > 0
        })
        .await;
        assert_eq!(wakes.wakes(), 1, "once for all of them");
    });
}

/// A task that only joins lets others run, however many tasks have ended.
#[test]
fn who_joins_spends_of_the_budget() {
    block_on(async {
        let joined = Rc::new(Cell::new(0));
        let theirs = Rc::clone(&joined);
        let mut set = JoinSet::new();
        for _ in 0..10 * PER_POLL {
            // On this thread, so that all have ended before the first is joined.
            set.spawn_local(async {});
        }
        yield_now().await;
        let joining = spawn_local(async move {
            while set.join_next().await.is_some() {
                theirs.set(theirs.get() + 1);
            }
        });
        while !joining.is_finished() {
            let before = joined.get();
            yield_now().await;
            assert!(joined.get() - before <= PER_POLL);
        }
        assert_eq!(joined.get(), 10 * PER_POLL);
    });
}

#[test]
fn sets_in_tasks_of_sets() {
    fn tree(depth: u32) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            let mut set: JoinSet<u32> = (0..if depth == 0 { 0 } else { 3 })
                .map(|_| tree(depth - 1))
                .collect();
            let mut leaves = u32::from(depth == 0);
            while let Some(below) = set.join_next().await {
                leaves += below.unwrap();
            }
            leaves
        })
    }
    assert_eq!(block_on(tree(6)), 729);
}
