//! Sets of tasks, some of which are aborted, and jobs that block.

use crate::random::Random;
use crate::tally::{Tally, count};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use waterwheel::{JoinSet, sleep, spawn_blocking, timeout};

const SETS: u64 = 2;
const SIZE: usize = 256;
const STUCK: Duration = Duration::from_secs(60);

pub(crate) async fn run(tally: Arc<Tally>) {
    let mut tasks: Vec<_> = (0..SETS)
        .map(|number| waterwheel::spawn(sets(Arc::clone(&tally), number)))
        .collect();
    tasks.push(waterwheel::spawn(blocking(Arc::clone(&tally))));
    for task in tasks {
        task.await.expect("no panic");
    }
}

async fn sets(tally: Arc<Tally>, number: u64) {
    let mut random = Random::new(tally.seed, "sets", number);
    let joined = tally.watched("tasks joined in sets");
    while !tally.is_over() {
        let mut set = JoinSet::new();
        let mut aborted = 0;
        for number in 0..SIZE {
            if random.once_in(2) {
                let hanging = set.spawn(pending());
                hanging.abort();
                aborted += 1;
            } else {
                let delay = random.millis(0, 5);
                set.spawn(async move {
                    sleep(delay).await;
                    number
                });
            }
        }
        if random.once_in(4) {
            drop(set);
        } else if timeout(STUCK, async {
            let (mut sum, mut ended) = (0, 0);
            while let Some(result) = set.join_next().await {
                match result {
                    Ok(number) => sum += number,
                    Err(error) => ended += usize::from(error.is_cancelled()),
                }
                count(&joined);
            }
            tally.check(ended == aborted, "not those were cancelled that should be");
            tally.check(sum < SIZE * SIZE, "a sum of numbers that were not sent");
        })
        .await
        .is_err()
        {
            tally.fault("a set is stuck");
        }
        sleep(random.millis(50, 200)).await;
    }
}

/// Eight jobs at a time, for a pool of four threads.
async fn blocking(tally: Arc<Tally>) {
    let mut random = Random::new(tally.seed, "blocking", 0);
    let done = tally.watched("blocking jobs");
    while !tally.is_over() {
        let jobs: Vec<_> = (0..8)
            .map(|_| {
                let (number, delay) = (random.next(), random.millis(0, 4));
                let job = spawn_blocking(move || {
                    std::thread::sleep(delay);
                    number.rotate_left(7)
                });
                (job, number)
            })
            .collect();
        for (job, number) in jobs {
            match timeout(STUCK, job).await {
                Ok(Ok(answer)) => {
                    tally.check(answer == number.rotate_left(7), "a job's wrong answer");
                }
                Ok(Err(error)) => tally.fault(format_args!("a job: {error}")),
                Err(_) => tally.fault("a job is stuck"),
            }
            count(&done);
        }
        sleep(random.millis(1, 20)).await;
    }
}
