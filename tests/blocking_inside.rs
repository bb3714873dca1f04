//! Inside a blocking job is outside of the runtime: a runtime of one's own may be made there, and the other one is not found.

mod seats;

use seats::block_on;
use std::time::Duration;
use waterwheel::{JoinError, sleep, spawn, spawn_blocking};

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
