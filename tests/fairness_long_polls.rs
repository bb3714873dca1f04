//! Where polls take long, a worker makes fewer of them between two turns of its driver: so many as fit into 5 ms, as far as the last ones
//! tell. Counted in turns and polls, so that a busy machine, on which polls take longer still, makes for more turns and never for fewer.

use std::time::{Duration, Instant};
use waterwheel::{Runtime, spawn, yield_now};

const POLL: Duration = Duration::from_millis(2);
const POLLS: u64 = 200;
/// The polls between two turns before anything is known of how long they take.
const INTERVAL: u64 = 61;
/// As many fit into 5 ms, doubled: the worker tries whether there is room for more.
const FITTING: u64 = 4;

#[test]
fn the_driver_is_turned_after_as_many_polls_as_fit() {
    let runtime = Runtime::builder().worker_threads(1).build().unwrap();
    let before = runtime.metrics().workers[0];
    runtime.block_on(async {
        let task = spawn(async {
            for _ in 0..POLLS {
                let until = Instant::now() + POLL;
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                yield_now().await;
            }
        });
        task.await.unwrap();
    });
    let after = runtime.metrics().workers[0];
    let (polls, turns) = (after.polls - before.polls, after.turns - before.turns);
    assert!(polls >= POLLS, "{polls} polls");
    let least = (POLLS - INTERVAL) / FITTING;
    assert!(
        turns >= least,
        "{turns} turns and not {least} in {polls} polls"
    );
}
