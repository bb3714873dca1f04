//! The ends of a set: aborted, shut down, detached, dropped, and outlived by its runtime or the other way round. Every
//! future is dropped once, where it may be.

mod workers;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread::{self, ThreadId};
use waterwheel::{AbortHandle, JoinSet, spawn, spawn_local, yield_now};
use workers::block_on;

/// Tells of its drop, and of the thread.
struct TellDrop(mpsc::Sender<ThreadId>);

impl Drop for TellDrop {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    fn new(run: F) -> Self {
        Self(Some(run))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0.take().expect("dropped once")();
    }
}

/// A future that never ends, and tells of its drop.
fn linger<T>(dropped: &mpsc::Sender<ThreadId>) -> impl Future<Output = T> + Send + use<T> {
    let tell = TellDrop(dropped.clone());
    async move {
        let _tell = tell;
        pending().await
    }
}

/// Checks that tasks were dropped by workers of their runtime.
#[track_caller]
fn assert_seated(threads: &[ThreadId], main: ThreadId) {
    let seated = |thread: &ThreadId| workers::is_seated(*thread, main);
    assert!(threads.iter().all(seated), "{threads:?}, not {main:?}");
}

#[test]
fn abort_all() {
    block_on(async {
        let (dropped, drops) = mpsc::channel();
        let mut set = JoinSet::new();
        let ends = set.spawn(async { 1 });
        set.spawn(linger(&dropped));
        workers::until(1, || ends.is_finished()).await;
        // Never polled, on one worker.
        set.spawn(linger(&dropped));
        set.abort_all();
        assert_eq!(set.len(), 3);
        if workers::count() == 1 {
            assert_eq!(drops.try_iter().count(), 0, "their worker drops them");
        }
        // One that is spawned after is not aborted.
        set.spawn(async { 2 });
        let mut joined = Vec::new();
        while let Some(output) = set.join_next().await {
            joined.push(output.map_err(|error| error.to_string()));
        }
        let cancelled = || Err("the task was cancelled".to_owned());
        let mut expected = [Ok(1), cancelled(), cancelled(), Ok(2)];
        workers::in_any_order(&mut joined);
        workers::in_any_order(&mut expected);
        assert_eq!(joined, expected);
        assert_eq!(drops.try_iter().count(), 2);
        set.abort_all();
        assert!(set.join_next().await.is_none());
    });
}

#[test]
fn dropping_it_aborts() {
    let here = thread::current().id();
    block_on(async {
        let (dropped, drops) = mpsc::channel();
        let mut set = JoinSet::new();
        for _ in 0..10 {
            set.spawn(linger::<()>(&dropped));
        }
        set.spawn(async {});
        yield_now().await;
        set.spawn(linger(&dropped));
        drop(set);
        let mut threads = Vec::new();
        if workers::count() == 1 {
            assert_eq!(drops.try_iter().count(), 0, "their worker drops them");
        }
        workers::until(1, || {
            threads.extend(drops.try_iter());
            threads.len() == 11
        })
        .await;
        assert_seated(&threads, here);
        drop(dropped);
        assert_eq!(drops.iter().count(), 0);
    });
}

/// Pitfall: a task that is not Send is dropped on another thread (RUSTSEC-2021-0072).
#[test]
fn dropped_on_another_thread_its_futures_stay() {
    let here = thread::current().id();
    for _ in 0..50 {
        block_on(async {
            let (dropped, drops) = mpsc::channel();
            let mut set = JoinSet::new();
            for _ in 0..20 {
                let (lingering, local) = (linger::<()>(&dropped), Rc::new(()));
                set.spawn_local(async move {
                    let _local = local;
                    lingering.await
                });
            }
            yield_now().await;
            let dropping = thread::spawn(move || drop(set));
            let mut threads = Vec::new();
            while threads.len() < 20 {
                yield_now().await;
                threads.extend(drops.try_iter());
            }
            assert_eq!(threads, [here; 20]);
            dropping.join().unwrap();
        });
    }
}

#[test]
fn shutdown_waits_until_all_are_gone() {
    block_on(async {
        let (dropped, drops) = mpsc::channel();
        let mut set = JoinSet::new();
        // It takes a while to notice; its future is dropped all the same before the set is shut down.
        let tell = TellDrop(dropped.clone());
        let aborts: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
        let own = Rc::clone(&aborts);
        *aborts.borrow_mut() = Some(set.spawn_local(async move {
            let (_tell, _own) = (tell, own);
            pending().await
        }));
        for _ in 0..100 {
            set.spawn(linger(&dropped));
        }
        yield_now().await;
        set.spawn(async { panic!("nobody asks any more") });
        set.spawn(async {});
        yield_now().await;
        set.shutdown().await;
        assert_eq!(drops.try_iter().count(), 101);
        assert!(set.is_empty());
        assert!(aborts.borrow().as_ref().unwrap().is_finished());
        assert_eq!(Rc::strong_count(&aborts), 1);
        // And again, and a set that has been shut down may be used.
        set.shutdown().await;
        set.spawn(async {});
        assert!(set.join_next().await.unwrap().is_ok());
    });
}

#[test]
fn a_shutdown_may_be_dropped() {
    block_on(async {
        let (dropped, drops) = mpsc::channel();
        let mut set = JoinSet::new();
        for _ in 0..10 {
            // On this thread, so that nothing ends between two lines of this test.
            set.spawn_local(linger::<()>(&dropped));
        }
        yield_now().await;
        drop(set.shutdown());
        yield_now().await;
        assert_eq!(drops.try_iter().count(), 0, "it was not polled");
        {
            let mut shutdown = std::pin::pin!(set.shutdown());
            let poll = poll_fn(|cx| Poll::Ready(shutdown.as_mut().poll(cx)));
            assert!(poll.await.is_pending());
        }
        assert_eq!(set.len(), 10);
        yield_now().await;
        assert_eq!(drops.try_iter().count(), 10, "they were aborted");
        while let Some(joined) = set.join_next().await {
            assert!(joined.unwrap_err().is_cancelled());
        }
    });
}

/// Pitfall: a panic in the drop of an output escapes or leaks (tokio#4412, #3967).
#[test]
fn destructors_that_panic() {
    let bomb = || OnDrop::new(|| panic!("in the destructor"));
    block_on(async {
        let mut set = JoinSet::new();
        let fill = |set: &mut JoinSet<_>| {
            for _ in 0..3 {
                // In the output, and in the future.
                set.spawn(async move { bomb() });
                set.spawn(async move {
                    let _bomb = bomb();
                    pending().await
                });
            }
        };
        fill(&mut set);
        yield_now().await;
        set.shutdown().await;
        assert!(set.is_empty());

        fill(&mut set);
        yield_now().await;
        set.detach_all();
        assert!(set.is_empty());

        fill(&mut set);
        yield_now().await;
        drop(set);
        yield_now().await;
    });
}

#[test]
fn detached_tasks_go_on() {
    block_on(async {
        let sum = Rc::new(Cell::new(0));
        let mut set = JoinSet::new();
        for number in 1..=4 {
            let sum = Rc::clone(&sum);
            set.spawn_local(async move {
                yield_now().await;
                sum.set(sum.get() + number);
            });
        }
        yield_now().await;
        set.detach_all();
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());
        // The places of those that were detached are taken by others.
        set.spawn_local(pending());
        set.spawn_local(pending());
        yield_now().await;
        assert_eq!(sum.get(), 10);
        assert!(set.try_join_next().is_none());
        assert_eq!(set.len(), 2);
    });
}

/// Tasks end on one thread while another detaches them and spawns others: what was detached is not taken for what has
/// come in its place.
#[test]
fn detached_while_they_end() {
    for round in 0..200 {
        let (send, sets) = mpsc::channel::<JoinSet<bool>>();
        let detaching = thread::spawn(move || {
            block_on(async move {
                let mut set = sets.recv().unwrap();
                let mut joined = 0;
                for _ in 0..round % 4 {
                    joined += usize::from(set.join_next().await.is_some());
                }
                assert_eq!(set.len(), 20 - joined);
                set.detach_all();
                for _ in 0..20 {
                    set.spawn(async {
                        yield_now().await;
                        true
                    });
                }
                for _ in 0..20 {
                    assert!(set.join_next().await.unwrap().unwrap(), "of the old ones");
                }
                assert!(set.join_next().await.is_none());
            });
        });
        block_on(async {
            let ended = Arc::new(AtomicUsize::new(0));
            let mut set = JoinSet::new();
            for number in 0..20 {
                let ended = Arc::clone(&ended);
                set.spawn(async move {
                    for _ in 0..number {
                        yield_now().await;
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                    false
                });
            }
            send.send(set).unwrap();
            workers::until(25, || ended.load(Ordering::SeqCst) == 20).await;
        });
        detaching.join().unwrap();
    }
}

/// A set that several tasks share: who waits for a task that another one detaches is told.
#[test]
fn who_waits_is_told_that_all_are_detached() {
    block_on(async {
        let set = Rc::new(RefCell::new(JoinSet::new()));
        set.borrow_mut().spawn(pending::<()>());
        let theirs = Rc::clone(&set);
        let waiting = spawn_local(poll_fn(move |cx| theirs.borrow_mut().poll_join_next(cx)));
        yield_now().await;
        assert!(!waiting.is_finished());
        set.borrow_mut().detach_all();
        assert!(waiting.await.unwrap().is_none());
    });
}

/// Its own task has the last of it.
#[test]
fn dropped_inside_its_own_task() {
    block_on(async {
        let (dropped, drops) = mpsc::channel();
        for ends in [false, true] {
            let set = Rc::new(RefCell::new(JoinSet::new()));
            let (theirs, lingering) = (Rc::clone(&set), linger::<()>(&dropped));
            let tell = TellDrop(dropped.clone());
            let own = set.borrow_mut().spawn_local(async move {
                let _tell = tell;
                let set = theirs;
                set.borrow_mut().spawn(lingering);
                yield_now().await;
                if ends {
                    drop(set);
                } else {
                    // Dropped with the future, when that is cancelled.
                    pending::<()>().await;
                }
            });
            yield_now().await;
            drop(set);
            if !ends {
                own.abort();
            }
            let mut told = 0;
            workers::until(3, || {
                told += drops.try_iter().count();
                own.is_finished() && told >= 2
            })
            .await;
            assert_eq!(told, 2);
        }
    });
}

/// A set is dropped with the task that owns it, and so on down.
#[test]
fn sets_in_tasks_of_sets() {
    async fn nest(depth: u32, dropped: mpsc::Sender<ThreadId>) {
        let _tell = TellDrop(dropped.clone());
        let mut set = JoinSet::new();
        for _ in 0..if depth == 0 { 0 } else { 3 } {
            set.spawn_local(nest(depth - 1, dropped.clone()));
        }
        while set.join_next().await.is_some() {}
        pending().await
    }
    let (dropped, drops) = mpsc::channel();
    block_on(async {
        let mut set = JoinSet::new();
        set.spawn_local(nest(4, dropped.clone()));
        for _ in 0..10 {
            yield_now().await;
        }
        drop(set);
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(drops.try_iter().count(), 1 + 3 + 9 + 27 + 81);
        // And once more, for the runtime to end.
        spawn_local(nest(4, dropped.clone()));
        for _ in 0..10 {
            yield_now().await;
        }
    });
    drop(dropped);
    assert_eq!(drops.iter().count(), 1 + 3 + 9 + 27 + 81);
}

#[test]
fn its_runtime_ends() {
    let here = thread::current().id();
    let (dropped, drops) = mpsc::channel();
    let mut set = block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        set.spawn(linger(&dropped));
        yield_now().await;
        // Somebody has waited, in a runtime that is no more.
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
        assert!(poll_fn(|cx| Poll::Ready(set.poll_join_next(cx).is_pending())).await);
        set.spawn(linger(&dropped));
        set
    });
    let threads: Vec<_> = drops.try_iter().collect();
    assert_eq!(threads.len(), 2);
    assert_seated(&threads, here);
    assert_eq!(set.len(), 2);
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
    block_on(async {
        set.spawn(async { 2 });
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        assert_eq!(set.join_next().await.unwrap().unwrap(), 2);
        assert!(set.join_next().await.is_none());
        set.spawn(linger(&dropped));
    });
    // Dropped outside any runtime, with a task inside that was cancelled.
    drop(set);
    let threads: Vec<_> = drops.try_iter().collect();
    assert_eq!(threads.len(), 1);
    assert_seated(&threads, here);
}

/// A destructor that runs while the runtime ends spawns into a set: what it spawns is cancelled, and the set knows.
#[test]
fn spawned_while_the_runtime_ends() {
    let (send, sets) = mpsc::channel();
    let (dropped, drops) = mpsc::channel();
    block_on(async {
        let spawns = OnDrop::new(move || {
            let mut set = JoinSet::new();
            let aborts = set.spawn(linger::<()>(&dropped));
            assert!(aborts.is_finished());
            aborts.abort();
            send.send(set).unwrap();
        });
        spawn(async move {
            let _spawns = spawns;
            pending::<()>().await
        });
        yield_now().await;
    });
    assert_eq!(drops.iter().count(), 1);
    let mut set = sets.recv().unwrap();
    assert!(
        block_on(set.join_next())
            .unwrap()
            .unwrap_err()
            .is_cancelled()
    );
    assert!(set.is_empty());
}

/// The runtime ends while another thread joins, aborts or drops its tasks.
#[test]
fn its_runtime_ends_while_another_thread_has_it() {
    let here = thread::current().id();
    for round in 0..300 {
        let (dropped, drops) = mpsc::channel();
        let other = block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..8 {
                set.spawn(linger::<()>(&dropped));
            }
            yield_now().await;
            thread::spawn(move || match round % 4 {
                0 => drop(set),
                1 => set.abort_all(),
                2 => set.detach_all(),
                _ => block_on(async {
                    while let Some(joined) = set.join_next().await {
                        assert!(joined.unwrap_err().is_cancelled());
                    }
                }),
            })
        });
        other.join().unwrap();
        drop(dropped);
        let threads: Vec<_> = drops.iter().collect();
        assert_eq!(threads.len(), 8);
        assert_seated(&threads, here);
    }
}
