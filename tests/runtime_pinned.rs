//! A future of `spawn_local` is polled and dropped on the thread that spawned it, always: whoever wakes or aborts it, wherever that thread
//! sits, and also when the runtime ends.
//!
//! Pitfall: a task that is not `Send` is dropped on another thread (RUSTSEC-2021-0072).

mod common;

use common::{Count, Guard, rounds};
use futures_util::future::poll_fn;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use waterwheel::{
    AbortHandle, Handle, JoinHandle, JoinSet, Runtime, sleep, spawn, spawn_local, yield_now,
};

/// What all pinned futures of a test share: how they were treated.
#[derive(Clone, Default)]
struct Account {
    futures: Count,
    polls: Arc<AtomicUsize>,
    wrong: Arc<Mutex<Vec<&'static str>>>,
    wakers: Arc<Mutex<Vec<Waker>>>,
    aborts: Arc<Mutex<Vec<AbortHandle>>>,
    is_over: Arc<AtomicBool>,
}

impl Account {
    /// A future that is not `Send`, and says where it is polled and dropped. It never ends, and leaves a waker at each poll.
    fn future(&self) -> Pinned {
        Pinned {
            home: thread::current().id(),
            not_send: Rc::new(()),
            account: self.clone(),
            _guard: self.futures.guard(),
        }
    }

    /// Spawns such futures here.
    fn spawn_here(&self, count: usize) -> Vec<JoinHandle<()>> {
        let spawned = (0..count).map(|_| spawn_local(self.future()));
        spawned
            .inspect(|handle| self.aborts.lock().unwrap().push(handle.abort_handle()))
            .collect()
    }

    #[track_caller]
    fn check(&self) {
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "on another thread: {wrong:?}");
    }

    #[track_caller]
    fn check_all_dropped(&self) {
        self.check();
        assert_eq!(self.futures.dropped(), self.futures.made());
    }

    /// A thread that wakes, and one that aborts, what there is, until it is over.
    fn disturb(&self) -> [thread::JoinHandle<()>; 2] {
        let (waking, aborting) = (self.clone(), self.clone());
        let wake = move || {
            while !waking.is_over.load(Ordering::SeqCst) {
                let waker = waking.wakers.lock().unwrap().pop();
                match waker {
                    Some(waker) => waker.wake(),
                    None => thread::yield_now(),
                }
            }
        };
        let abort = move || {
            while !aborting.is_over.load(Ordering::SeqCst) {
                let abort = {
                    let mut aborts = aborting.aborts.lock().unwrap();
                    // Half of them are for the runtime's end.
                    (aborts.len() > 8).then(|| aborts.remove(0))
                };
                match abort {
                    Some(abort) => abort.abort(),
                    None => thread::yield_now(),
                }
            }
        };
        [thread::spawn(wake), thread::spawn(abort)]
    }
}

struct Pinned {
    home: ThreadId,
    /// Its count is not atomic.
    not_send: Rc<()>,
    account: Account,
    _guard: Guard,
}

impl Pinned {
    fn here(&self, what: &'static str) {
        drop(Rc::clone(&self.not_send));
        if thread::current().id() != self.home {
            self.account.wrong.lock().unwrap().push(what);
        }
    }
}

impl Future for Pinned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.here("polled");
        self.account.polls.fetch_add(1, Ordering::SeqCst);
        self.account.wakers.lock().unwrap().push(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.here("dropped");
    }
}

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

/// Waits, without sleeping in the runtime, until they have been polled so often in all.
async fn until_polled(account: &Account, times: usize) {
    while account.polls.load(Ordering::SeqCst) < times {
        yield_now().await;
    }
}

/// Runs `body` beside threads that wake and abort all there is, and then sees to it that all is dropped.
fn disturbed(body: impl FnOnce(&Account)) {
    let account = Account::default();
    let others = account.disturb();
    body(&account);
    account.is_over.store(true, Ordering::SeqCst);
    for other in others {
        other.join().unwrap();
    }
    account.check_all_dropped();
    account.wakers.lock().unwrap().clear();
    account.aborts.lock().unwrap().clear();
}

/// They are cancelled when the future in `block_on` ends, as their thread leaves.
#[test]
fn from_the_main_future() {
    disturbed(|account| {
        let runtime = runtime(2);
        for round in 1..=20 {
            let handles = runtime.block_on(async {
                let handles = account.spawn_here(16);
                until_polled(account, round * 64).await;
                handles
            });
            assert_eq!(account.futures.dropped(), account.futures.made());
            for handle in handles {
                let ended = runtime.block_on(handle);
                assert!(ended.unwrap_err().is_cancelled());
            }
        }
    });
}

/// They outlast the task that spawned them, and the runtime's end comes upon them.
#[test]
fn from_tasks_on_all_workers() {
    for workers in [1, 2, 4] {
        disturbed(|account| {
            let runtime = runtime(workers);
            let spawners: Vec<_> = (0..8)
                .map(|_| {
                    let account = account.clone();
                    runtime.spawn(async move {
                        for _ in 0..8 {
                            drop(account.spawn_here(2));
                            yield_now().await;
                        }
                    })
                })
                .collect();
            runtime.block_on(async {
                for spawner in spawners {
                    spawner.await.unwrap();
                }
                until_polled(account, 500).await;
            });
            drop(runtime);
        });
    }
}

/// Nobody is in `block_on`: in a runtime of one worker it is the spare thread that runs the tasks.
#[test]
fn from_the_spare_thread() {
    disturbed(|account| {
        let runtime = runtime(1);
        let (tell, told) = mpsc::channel();
        let theirs = account.clone();
        drop(runtime.spawn(async move {
            drop(theirs.spawn_here(16));
            tell.send(thread::current().id()).unwrap();
            until_polled(&theirs, 200).await;
            tell.send(thread::current().id()).unwrap();
        }));
        let spare = told.recv().unwrap();
        assert_ne!(spare, thread::current().id());
        assert_eq!(told.recv().unwrap(), spare);
        // It does not give up the worker while they are there, so this is a guest.
        let here = thread::current().id();
        let theirs = account.clone();
        let ran_on = runtime.block_on(async move {
            let task = spawn(async move {
                // They are aborted, but for some.
                drop(theirs.spawn_here(8));
                thread::current().id()
            });
            task.await.unwrap()
        });
        assert_ne!(ran_on, here);
        drop(runtime);
    });
}

#[test]
fn from_guests() {
    disturbed(|account| {
        let runtime = runtime(2);
        let (sit, seated) = mpsc::channel();
        let (leave, left) = mpsc::channel::<Waker>();
        let over = Arc::new(AtomicBool::new(false));
        thread::scope(|scope| {
            let (runtime, over) = (&runtime, &over);
            // Has the first worker as long as there are guests.
            scope.spawn(move || {
                runtime.block_on(poll_fn(|cx| {
                    leave.send(cx.waker().clone()).unwrap();
                    let _ = sit.send(());
                    if over.load(Ordering::SeqCst) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }));
            });
            seated.recv().unwrap();
            let guests: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        for _ in 0..10 {
                            runtime.block_on(async {
                                let before = account.polls.load(Ordering::SeqCst);
                                let handles = account.spawn_here(8);
                                until_polled(account, before + 32).await;
                                drop(handles);
                            });
                        }
                    })
                })
                .collect();
            for guest in guests {
                guest.join().unwrap();
            }
            assert_eq!(account.futures.dropped(), account.futures.made());
            over.store(true, Ordering::SeqCst);
            left.recv().unwrap().wake();
        });
    });
}

/// Some are pinned to workers, some to the thread in `block_on`, some to a guest. All end where they belong, although another
/// thread ends the runtime.
#[test]
fn at_shutdown_by_another_thread() {
    for round in 0..rounds(300, 30) {
        disturbed(|account| {
            let runtime = runtime(1 + round % 3);
            let handle = runtime.handle().clone();
            let (tell, told) = mpsc::channel();
            thread::scope(|scope| {
                for _ in 0..2 {
                    let (handle, tell) = (handle.clone(), tell.clone());
                    scope.spawn(move || {
                        handle.block_on(async {
                            let handles = account.spawn_here(4);
                            tell.send(()).unwrap();
                            // The last of them ends with the runtime.
                            for handle in handles {
                                assert!(handle.await.unwrap_err().is_cancelled());
                            }
                            // Refused, and dropped here.
                            for late in account.spawn_here(2) {
                                assert!(late.await.unwrap_err().is_cancelled());
                            }
                        });
                    });
                }
                let theirs = account.clone();
                let last = tell.clone();
                drop(handle.spawn(async move {
                    drop(theirs.spawn_here(4));
                    last.send(()).unwrap();
                }));
                for _ in 0..3 {
                    told.recv().unwrap();
                }
                let report = runtime.shutdown(Instant::now() + Duration::from_secs(60));
                assert!(report.is_complete(), "{report:?}");
            });
        });
    }
}

/// What aborts and wakes is a task on another worker, a blocking job, and a thread outside; one at a time, so that nothing hides
/// another's failure.
#[test]
fn aborted_from_elsewhere() {
    type By = fn(&Handle, AbortHandle);
    let ways: [(&str, By); 3] = [
        ("a task", |runtime, abort| {
            drop(runtime.spawn(async move { abort.abort() }));
        }),
        ("a job", |runtime, abort| {
            drop(runtime.spawn_blocking(move || abort.abort()));
        }),
        ("a thread", |_, abort| {
            thread::spawn(move || abort.abort()).join().unwrap();
        }),
    ];
    let runtime = runtime(2);
    for (by, way) in ways {
        let account = Account::default();
        for _ in 0..50 {
            runtime.block_on(async {
                let handle = spawn_local(account.future());
                yield_now().await;
                way(runtime.handle(), handle.abort_handle());
                assert!(handle.await.unwrap_err().is_cancelled(), "by {by}");
            });
        }
        account.check_all_dropped();
    }
}

/// The join handle may go anywhere, and an output that is `Send` with it; the future stays.
#[test]
fn awaited_from_another_worker() {
    let runtime = runtime(4);
    runtime.block_on(async {
        for _ in 0..100 {
            let account = Account::default();
            let here = thread::current().id();
            let future = account.future();
            let handle = spawn_local(async move {
                let future = future;
                future.here("first");
                for _ in 0..10 {
                    // A timer, which whoever takes this worker's turn may fire.
                    sleep(Duration::from_micros(10)).await;
                    future.here("later");
                }
                thread::current().id()
            });
            let awaiting = spawn(async move { handle.await.unwrap() });
            // Stuck for a moment, so that siblings take this worker's turn.
            thread::sleep(Duration::from_micros(100));
            assert_eq!(awaiting.await.unwrap(), here);
            account.check_all_dropped();
        }
    });
}

/// In a set, too, and when the set is dropped by a task that has moved.
#[test]
fn in_a_join_set() {
    let runtime = runtime(3);
    disturbed(|account| {
        runtime.block_on(async {
            for _ in 0..20 {
                let mut set = JoinSet::new();
                for _ in 0..8 {
                    let abort = set.spawn_local(account.future());
                    account.aborts.lock().unwrap().push(abort);
                }
                yield_now().await;
                // Elsewhere, its tasks are aborted.
                spawn(async move { drop(set) }).await.unwrap();
                while account.futures.dropped() < account.futures.made() {
                    yield_now().await;
                }
            }
        });
    });
}

/// Those that are pinned to a worker end with that worker, though the runtime ends in one of its own tasks.
#[test]
fn when_the_runtime_is_dropped_in_a_task() {
    for workers in [1, 2, 3] {
        disturbed(|account| {
            let runtime = runtime(workers);
            let handle = runtime.handle().clone();
            let (tell, told) = mpsc::channel();
            for _ in 0..8 {
                let theirs = account.clone();
                let tell = tell.clone();
                drop(handle.spawn(async move {
                    drop(theirs.spawn_here(2));
                    tell.send(()).unwrap();
                    pending::<()>().await;
                }));
            }
            for _ in 0..8 {
                told.recv().unwrap();
            }
            let (end, ended) = mpsc::channel();
            drop(handle.spawn(async move {
                drop(runtime);
                end.send(()).unwrap();
            }));
            ended.recv().unwrap();
        });
    }
}
