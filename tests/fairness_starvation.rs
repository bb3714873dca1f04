//! Pitfall: self-waking tasks starve the driver (tokio#8212). A task that wakes itself for ever keeps nobody from running:
//! each test here ends only if what it waits for gets its turn beside such tasks.

mod workers;

use futures_util::future::poll_fn;
use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::reactor::{AsyncFd, Interest};
use waterwheel::{JoinHandle, sleep, spawn, spawn_local, yield_now};
use workers::block_on;

/// Is always ready, and never ends.
async fn greedy() {
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    })
    .await
}

/// Runs `future` beside greedy tasks, as the main future and as a task.
fn beside_greedy_tasks<F: Future<Output = ()> + 'static>(make: impl Fn() -> F) {
    for tasks in [1, 200] {
        block_on(async {
            for _ in 0..tasks {
                drop(spawn(greedy()));
            }
            make().await;
        });
        block_on(async {
            for _ in 0..tasks {
                drop(spawn(greedy()));
            }
            spawn_local(make()).await.unwrap();
        });
    }
}

#[test]
fn a_timer_is_due_in_time() {
    beside_greedy_tasks(|| async {
        let start = Instant::now();
        sleep(Duration::from_millis(5)).await;
        assert!(start.elapsed() >= Duration::from_millis(5));
    });
}

#[test]
fn a_socket_echoes() {
    beside_greedy_tasks(|| async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let ours = AsyncFd::new(ours).unwrap();
        let echoing = thread::spawn(move || {
            let mut byte = [0];
            while theirs.read(&mut byte).unwrap() == 1 {
                theirs.write_all(&byte).unwrap();
            }
        });
        for sent in 0..20 {
            let write = |mut stream: &UnixStream| stream.write(&[sent]);
            assert_eq!(ours.async_io(Interest::Write, write).await.unwrap(), 1);
            let mut byte = [0];
            let read = |mut stream: &UnixStream| stream.read(&mut byte);
            assert_eq!(ours.async_io(Interest::Read, read).await.unwrap(), 1);
            assert_eq!(byte[0], sent);
        }
        drop(ours);
        echoing.join().unwrap();
    });
}

/// Made ready by another thread, so by way of the injection queue.
#[test]
fn a_task_that_another_thread_wakes() {
    beside_greedy_tasks(|| async {
        let woken = Arc::new(AtomicBool::new(false));
        let mut waking = None;
        poll_fn(|cx| {
            if woken.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            let (waker, theirs) = (cx.waker().clone(), Arc::clone(&woken));
            waking.get_or_insert_with(|| {
                thread::spawn(move || {
                    theirs.store(true, Ordering::Release);
                    waker.wake();
                })
            });
            Poll::Pending
        })
        .await;
        waking.expect("it has pended").join().unwrap();
    });
}

#[test]
fn another_task_and_the_main_future() {
    beside_greedy_tasks(|| async {
        let other: JoinHandle<u32> = spawn(async {
            let mut count = 0;
            for _ in 0..100 {
                yield_now().await;
                count += 1;
            }
            count
        });
        assert_eq!(other.await.unwrap(), 100);
    });
}

/// The greedy one is the main future.
#[test]
fn a_task_beside_a_greedy_main_future() {
    block_on(async {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let theirs = AsyncFd::new(theirs).unwrap();
        let handle = spawn(async move {
            sleep(Duration::from_millis(1)).await;
            let mut byte = [0];
            let read = |mut stream: &UnixStream| stream.read(&mut byte);
            assert_eq!(theirs.async_io(Interest::Read, read).await.unwrap(), 1);
            byte[0]
        });
        let mut polls = 0;
        while !handle.is_finished() {
            polls += 1;
            if polls == 1000 {
                ours.write_all(b"x").unwrap();
            }
            yield_now().await;
        }
        assert_eq!(handle.await.unwrap(), b'x');
    });
}

/// A task whose descriptor is always ready yields by its budget: it never comes to an await that pends by itself.
#[test]
fn a_socket_that_is_always_ready_yields() {
    block_on(async {
        let zero = AsyncFd::from_nonblocking(std::fs::File::open("/dev/zero").unwrap());
        let handle = spawn(async move {
            let mut buffer = [1; 16];
            loop {
                let read = |mut file: &std::fs::File| file.read(&mut buffer);
                assert_eq!(zero.async_io(Interest::Read, read).await.unwrap(), 16);
            }
        });
        sleep(Duration::from_millis(1)).await;
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
    });
}
