//! When a load has gone, so has the memory that it took: of every list that grows with the tasks, waits and connections there are.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use waterwheel::net::{Outbox, UdpSocket, UnixStream};
use waterwheel::{JoinSet, Runtime, sleep, spawn, spawn_local, task, time, yield_now};

/// The system's allocator, which counts what is alive, on all threads.
struct Counting;

static ALIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WORKERS: [usize; 3] = [1, 2, 4];
const MANY: usize = 100_000;

/// What may be left: short lists keep some room, and, in a release build, each worker 256 KiB of its tasks while it sleeps.
const LEFT: isize = 512 << 10;
const LEFT_A_WORKER: isize = 256 << 10;

/// The tests take turns, as all count the same.
static TURN: Mutex<()> = Mutex::new(());

/// Has a load come and go twice, and then has the runtime come to rest: no more is alive than before, but for a little.
#[track_caller]
fn leaves_nothing(load: impl AsyncFn()) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for workers in WORKERS {
        let runtime = Runtime::builder().worker_threads(workers).build().unwrap();
        runtime.block_on(async {
            // What is there once and for all.
            spawn(sleep(Duration::from_millis(1))).await.unwrap();
            let before = ALIVE.load(Ordering::Relaxed);
            for _ in 0..2 {
                load().await;
            }
            let most = LEFT + LEFT_A_WORKER * workers as isize;
            let left = || ALIVE.load(Ordering::Relaxed) - before;
            // Workers give it back before they sleep: wait until they have.
            let mut patience = 3_000;
            while left() > most && patience > 0 {
                sleep(Duration::from_millis(1)).await;
                patience -= 1;
            }
            assert!(
                left() <= most,
                "{workers} workers: {} KiB are left, of {}",
                left() >> 10,
                most >> 10
            );
        });
    }
}

/// By turns, so that each of the pinned has a place of its own in the queue.
#[test]
fn tasks_of_both_kinds() {
    leaves_nothing(async || {
        for _ in 0..MANY {
            drop(spawn(async {}));
            drop(spawn_local(async {}));
        }
        spawn_local(async {}).await.unwrap();
    });
}

/// The worker has no time to sleep.
#[test]
fn tasks_of_both_kinds_beside_one_that_is_always_ready() {
    leaves_nothing(async || {
        for _ in 0..MANY {
            drop(spawn(async {}));
            drop(spawn_local(async {}));
        }
        let last = spawn_local(async {});
        while !last.is_finished() {
            yield_now().await;
        }
        for _ in 0..1_000 {
            yield_now().await;
        }
    });
}

#[test]
fn a_set_that_stays() {
    let set = Mutex::new(Some(JoinSet::new()));
    leaves_nothing(async || {
        let mut joined = set.lock().unwrap().take().unwrap();
        for _ in 0..MANY {
            joined.spawn(async {});
        }
        while joined.join_next().await.is_some() {}
        *set.lock().unwrap() = Some(joined);
    });
}

/// One task stays in the set all the time.
#[test]
fn a_set_that_is_never_empty() {
    leaves_nothing(async || {
        let mut set = JoinSet::new();
        let staying = set.spawn(std::future::pending());
        for _ in 0..MANY {
            set.spawn(async {});
        }
        for _ in 0..MANY {
            set.join_next().await.unwrap().unwrap();
        }
        // Small loads go on, by which it learns that it is roomy.
        for _ in 0..4 {
            set.spawn(async {});
            set.join_next().await.unwrap().unwrap();
        }
        let before = ALIVE.load(Ordering::Relaxed);
        staying.abort();
        drop(set);
        let in_set = before - ALIVE.load(Ordering::Relaxed);
        assert!(in_set < LEFT, "{} KiB of one task", in_set >> 10);
    });
}

#[test]
fn names() {
    leaves_nothing(async || {
        let named = (0..MANY / 2).map(|number| {
            let builder = task::Builder::new().name(number.to_string());
            builder.spawn(async {})
        });
        for task in named.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

#[test]
fn timers_and_waits_for_the_system_clock() {
    leaves_nothing(async || {
        let mut tasks = JoinSet::new();
        for _ in 0..MANY / 2 {
            tasks.spawn(sleep(Duration::MAX));
            tasks.spawn(async {
                time::sleep_until_system(SystemTime::now() + Duration::from_secs(3_600)).await;
            });
        }
        yield_now().await;
        tasks.shutdown().await;
    });
}

#[test]
fn who_waits_for_one_socket() {
    leaves_nothing(async || {
        let socket = std::sync::Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let mut tasks = JoinSet::new();
        for _ in 0..MANY / 2 {
            let socket = std::sync::Arc::clone(&socket);
            tasks.spawn(async move {
                let _ = socket.recv(&mut [0]).await;
            });
        }
        yield_now().await;
        tasks.shutdown().await;
        drop(socket);
    });
}

/// Messages of no bytes complete many at a time.
#[test]
fn an_outbox() {
    leaves_nothing(async || {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(ours);
        let large = outbox.send(vec![0; 8 << 20]);
        let mut sent: Vec<_> = (0..MANY).map(|_| outbox.send(Vec::new())).collect();
        sent.push(outbox.send(vec![0]));
        let mut buffer = vec![0; 1 << 20];
        let mut left = (8 << 20) + 1;
        while left > 0 {
            left -= theirs.read(&mut buffer).await.unwrap();
        }
        large.await.unwrap();
        for sent in sent {
            sent.await.unwrap();
        }
        let before = ALIVE.load(Ordering::Relaxed);
        drop((outbox, theirs));
        let kept = before - ALIVE.load(Ordering::Relaxed);
        assert!(kept < LEFT, "{} KiB of an outbox", kept >> 10);
    });
}
