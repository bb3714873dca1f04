//! Inside a blocking job is outside of the runtime: a runtime of one's own may be made there, and the other one is not found.

mod workers;

use std::panic::catch_unwind;
use std::time::Duration;
use waterwheel::{Handle, JoinError, sleep, spawn, spawn_blocking, task};
use workers::block_on;

#[test]
fn block_on_makes_a_runtime_of_its_own() {
    block_on(async {
        let jobs: Vec<_> = (0..10)
            .map(|number| {
                spawn_blocking(move || {
                    block_on(async move {
                        sleep(Duration::from_millis(1)).await;
                        let task = spawn(async move { number });
                        let job = spawn_blocking(move || block_on(async move { number }));
                        task.await.unwrap() + job.await.unwrap()
                    })
                })
            })
            .collect();
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), 2 * number);
        }
    });
}

#[test]
fn spawn_is_outside() {
    fn message(error: &JoinError) -> String {
        assert!(error.is_panic());
        error.to_string()
    }

    block_on(async {
        let inside = spawn_blocking(|| drop(spawn(async {}))).await;
        let told = message(&inside.unwrap_err());
        assert!(
            told.contains("`spawn` was called outside a Waterwheel runtime"),
            "{told}"
        );
        let inside = spawn_blocking(|| drop(spawn_blocking(|| ()))).await;
        let told = message(&inside.unwrap_err());
        assert!(
            told.contains("`spawn_blocking` was called outside a Waterwheel runtime"),
            "{told}"
        );
        // Also after a runtime of its own.
        let inside = spawn_blocking(|| {
            block_on(async {});
            drop(spawn(async {}));
        });
        assert!(inside.await.unwrap_err().is_panic());
    });
}

/// A job is still itself after a runtime of its own, or after it was a guest in another, however that ended; and inside, the main future is no task.
#[test]
fn a_job_knows_its_id_after_block_on() {
    block_on(async {
        let outer = Handle::current();
        let job = spawn_blocking(move || {
            let mine = task::id();
            let inner = block_on(async {
                assert_eq!(task::try_id(), None);
                let inside = spawn(async { task::id() }).await.unwrap();
                assert_eq!(task::try_id(), None);
                inside
            });
            assert_ne!(inner, mine);
            assert_eq!(task::id(), mine);
            outer.block_on(async { assert_eq!(task::try_id(), None) });
            assert_eq!(task::id(), mine);
            let panicked = catch_unwind(|| block_on(async { panic!("the main future") }));
            assert!(panicked.is_err());
            assert_eq!(task::id(), mine);
            mine
        });
        let id = job.id();
        assert_eq!(job.await.unwrap(), id);
    });
}
