//! What comes back from a blocking job: its output or its panic, to whoever holds the handle, and where it has run.

mod workers;

use std::panic::panic_any;
use std::sync::mpsc;
use std::thread;
use waterwheel::{JoinHandle, spawn, spawn_blocking};
use workers::block_on;

/// Tells of its drop, and of the thread's name.
struct TellDrop(mpsc::Sender<String>);

impl Drop for TellDrop {
    fn drop(&mut self) {
        let _ = self.0.send(name());
    }
}

fn name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn its_output() {
    block_on(async {
        let given = vec![1, 2, 3];
        let handle = spawn_blocking(move || given.into_iter().sum::<i32>());
        assert_eq!(handle.await.unwrap(), 6);
    });
}

#[test]
fn from_a_thread_of_the_pool() {
    block_on(async {
        let here = thread::current().id();
        let (there, name) = spawn_blocking(|| (thread::current().id(), name()))
            .await
            .unwrap();
        assert_ne!(there, here);
        assert_eq!(name, "waterwheel-blocking");
    });
}

#[test]
fn its_panic() {
    block_on(async {
        let (dropped, drops) = mpsc::channel();
        let tell = TellDrop(dropped);
        let handle: JoinHandle<()> = spawn_blocking(move || {
            let _tell = tell;
            panic_any("in the closure")
        });
        let error = handle.await.unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: in the closure");
        assert_eq!(drops.iter().count(), 1, "what it held is dropped");
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1, "the pool lives on");
    });
}

#[test]
fn of_a_detached_job() {
    let (dropped, drops) = mpsc::channel();
    block_on(async {
        // They end after their handles are gone, which would have their outputs to drop.
        let (release, released) = mpsc::channel::<()>();
        let output = TellDrop(dropped.clone());
        drop(spawn_blocking(move || {
            assert!(released.recv().is_err());
            output
        }));
        drop(release);
        let (release, released) = mpsc::channel::<()>();
        let output = TellDrop(dropped);
        drop(spawn_blocking(move || {
            let _output = output;
            assert!(released.recv().is_err());
            panic!("nobody asks");
        }));
        drop(release);
        let waiting = spawn_blocking(move || drops.iter().collect::<Vec<_>>());
        assert_eq!(waiting.await.unwrap(), ["waterwheel-blocking"; 2]);
    });
}

/// Whoever holds the handle gets the output: another task, another thread's runtime, or this one's after the end.
#[test]
fn elsewhere() {
    block_on(async {
        let handle = spawn_blocking(|| 1);
        assert_eq!(spawn(handle).await.unwrap().unwrap(), 1);

        let (release, released) = mpsc::channel::<()>();
        let handle = spawn_blocking(move || released.recv());
        let other = thread::spawn(move || block_on(handle));
        drop(release);
        assert!(other.join().unwrap().unwrap().is_err());
    });
    let (release, released) = mpsc::channel::<()>();
    let mut left = None;
    block_on(async {
        let (start, started) = mpsc::channel();
        left = Some(spawn_blocking(move || {
            start.send(()).unwrap();
            assert!(released.recv().is_err());
            2
        }));
        started.recv().unwrap();
    });
    let handle = left.expect("the handle");
    assert!(!handle.is_finished());
    drop(release);
    assert_eq!(block_on(handle).unwrap(), 2, "it had started");
}

/// A destructor that panics, of what the closure holds or gives, harms nobody.
#[test]
fn with_destructors_that_panic() {
    struct PanicOnDrop;

    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic_any("a destructor");
        }
    }

    block_on(async {
        let held = PanicOnDrop;
        let error = spawn_blocking(move || drop(held)).await.unwrap_err();
        assert!(error.is_panic());
        drop(spawn_blocking(|| PanicOnDrop));
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
    });
}
