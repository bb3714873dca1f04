//! Tasks for the worker of a worker, from where that worker is not at work: from the hooks of threads, also of its own, and at the end.

use std::collections::HashSet;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::{Handle, JoinHandle, Runtime};

/// Longer than a slow machine takes for any step here.
const PATIENCE: Duration = Duration::from_secs(60);
const WORKERS: [usize; 3] = [1, 2, 4];

/// Something that one thread gives and many wait for.
struct Given<T> {
    value: Mutex<Option<T>>,
    changed: Condvar,
}

impl<T: Clone> Given<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            value: Mutex::new(None),
            changed: Condvar::new(),
        })
    }

    fn give(&self, value: T) {
        *self.value.lock().unwrap() = Some(value);
        self.changed.notify_all();
    }

    /// Takes it back. What a hook was given holds the runtime, which holds the hook.
    fn take_back(&self) {
        *self.value.lock().unwrap() = None;
    }

    fn wait(&self) -> T {
        let value = self.value.lock().unwrap();
        let mut value = self
            .changed
            .wait_while(value, |value| value.is_none())
            .unwrap();
        value.as_mut().expect("it is given").clone()
    }
}

/// Runs a test that might hang on a thread of its own, so that it fails instead.
#[track_caller]
fn ends(test: impl FnOnce() + Send + 'static) {
    let (done, waits) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        done.send(()).expect("the test waits");
    });
    match waits.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().expect("it does not panic"),
    }
}

/// Each thread, before it works, has a task run in each worker: its own is not taken yet, nor are those of others, which do the same.
#[test]
fn from_the_start_hook_of_every_thread() {
    for workers in WORKERS {
        ends(move || {
            let handle = Given::<Handle>::new();
            let (tell, told) = mpsc::channel();
            let given = Arc::clone(&handle);
            let runtime = Runtime::builder()
                .worker_threads(workers)
                .on_thread_start(move || {
                    let handle = given.wait();
                    for worker in 0..workers {
                        let tell = tell.clone();
                        drop(handle.spawn_on_worker(worker, async move {
                            tell.send((worker, thread::current().id())).unwrap();
                        }));
                    }
                })
                .build()
                .expect("a runtime");
            handle.give(runtime.handle().clone());
            let mut threads = vec![HashSet::new(); workers];
            // There is a thread for each worker but the first, and a spare one.
            for _ in 0..workers * workers {
                let (worker, thread) = told.recv_timeout(PATIENCE).expect("all are run");
                threads[worker].insert(thread);
            }
            for threads in &threads[1..] {
                assert_eq!(threads.len(), 1, "one worker, one thread");
            }
            drop(runtime);
            handle.take_back();
        });
    }
}

/// Tells that it was dropped.
struct Dropped(mpsc::Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// Until a worker is there its tasks wait, and the end of the runtime ends them: in the report they are stuck while the hook is, and their
/// futures are dropped when it returns.
#[test]
fn a_worker_that_never_comes_to_its_worker() {
    for workers in [2, 4] {
        ends(move || {
            let go_on = Given::<()>::new();
            let waits = Arc::clone(&go_on);
            let runtime = Runtime::builder()
                .worker_threads(workers)
                .on_thread_start(move || waits.wait())
                .build()
                .expect("a runtime");
            let (drops, dropped) = mpsc::channel();
            let tasks: Vec<_> = (1..workers)
                .map(|worker| {
                    let dropped = Dropped(drops.clone());
                    runtime.handle().spawn_on_worker(worker, async move {
                        let _dropped = dropped;
                        pending::<()>().await;
                    })
                })
                .collect();
            let report = runtime.shutdown(Instant::now() + Duration::from_millis(50));
            assert_eq!(report.tasks.len(), workers - 1);
            assert_eq!(report.stuck.len(), workers - 1);
            assert!(dropped.try_recv().is_err(), "its thread drops it");
            go_on.give(());
            for task in tasks {
                dropped.recv_timeout(PATIENCE).expect("it is dropped");
                let error = waterwheel::block_on(task).unwrap_err();
                assert!(error.is_cancelled());
            }
            // And the tasks that nobody took keep nothing of the runtime, its hook for one.
            let start = Instant::now();
            while Arc::strong_count(&go_on) > 1 {
                assert!(start.elapsed() < PATIENCE, "the runtime is kept");
                thread::sleep(Duration::from_millis(1));
            }
        });
    }
}

/// A runtime that is dropped by one of its own threads, which has a task waiting in its worker.
#[test]
fn dropped_in_the_start_hook() {
    for workers in WORKERS {
        ends(move || {
            let runtime = Given::<Arc<Mutex<Option<Runtime>>>>::new();
            let (drops, dropped) = mpsc::channel();
            let given = Arc::clone(&runtime);
            let built = Runtime::builder()
                .worker_threads(workers)
                .on_thread_start(move || {
                    let runtime = given.wait().lock().unwrap().take();
                    let Some(runtime) = runtime else { return };
                    for worker in 0..workers {
                        let dropped = Dropped(drops.clone());
                        drop(runtime.handle().spawn_on_worker(worker, async move {
                            let _dropped = dropped;
                            pending::<()>().await;
                        }));
                    }
                    drop(runtime);
                })
                .build()
                .expect("a runtime");
            runtime.give(Arc::new(Mutex::new(Some(built))));
            for _ in 0..workers {
                dropped.recv_timeout(PATIENCE).expect("it is dropped");
            }
        });
    }
}

fn is_cancelled<T>(task: JoinHandle<T>) -> bool {
    waterwheel::block_on(task).is_err_and(|error| error.is_cancelled())
}

/// What stop hooks and destructors spawn at the end is cancelled at once.
#[test]
fn at_the_end() {
    /// Spawns in each worker when it is dropped.
    struct Spawns(Handle, mpsc::Sender<JoinHandle<()>>);

    impl Drop for Spawns {
        fn drop(&mut self) {
            for worker in 0..self.0.workers() {
                let task = self.0.spawn_on_worker(worker, async {});
                let _ = self.1.send(task);
            }
        }
    }

    for workers in WORKERS {
        ends(move || {
            let handle = Given::<Handle>::new();
            let (spawns, spawned) = mpsc::channel();
            let stopped = Arc::new(AtomicUsize::new(0));
            let hook = (Arc::clone(&handle), spawns.clone(), Arc::clone(&stopped));
            let runtime = Runtime::builder()
                .worker_threads(workers)
                .on_thread_stop(move || {
                    drop(Spawns(hook.0.wait(), hook.1.clone()));
                    hook.2.fetch_add(1, Ordering::SeqCst);
                })
                .build()
                .expect("a runtime");
            handle.give(runtime.handle().clone());
            for worker in 0..workers {
                let spawns = Spawns(runtime.handle().clone(), spawns.clone());
                drop(runtime.handle().spawn_on_worker(worker, async move {
                    let _spawns = spawns;
                    pending::<()>().await;
                }));
            }
            drop(runtime);
            assert_eq!(stopped.load(Ordering::SeqCst), workers);
            let tasks: Vec<_> = spawned.try_iter().collect();
            assert_eq!(tasks.len(), 2 * workers * workers);
            assert!(tasks.into_iter().all(is_cancelled));
            handle.take_back();
        });
    }
}
