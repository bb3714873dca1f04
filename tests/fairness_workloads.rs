//! Speed is not won by starving: beside the workloads that the benches measure, the driver is turned within its interval, and whom it
//! wakes runs as soon as those have run who were ready before.
//!
//! How long that takes is counted in polls and not in time, so that a busy machine changes nothing: on one worker it is at most the interval,
//! 61 polls, until the driver is turned, and one poll of each task of the workload after that. On several workers, where tasks run beside
//! each other, each test says that whoever waits is served at all.

mod workers;

use futures_util::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};
use waterwheel::reactor::{AsyncFd, Interest};
use waterwheel::{Runtime, sleep, sleep_until, spawn, yield_now};
use workers::block_on;

/// Polls between two turns of the driver, at most, if nothing else is asked for.
const INTERVAL: u64 = 61;

/// How often somebody waits for something beside each workload.
const PROBES: u32 = 30;

/// Tasks that are never done and always ready, and who tell of each of their polls.
type Workload = fn(&Arc<Polls>);

/// Each with how many of its tasks are ready at a time, at most.
const WORKLOADS: [(&str, u64, Workload); 6] = [
    ("a task yields", 1, |polls| yields(polls, 1)),
    ("1,000 tasks yield", 1_000, |polls| yields(polls, 1_000)),
    ("ping-pong", 1, |polls| ring(polls, 2)),
    ("a ring of 300 tasks", 1, |polls| ring(polls, 300)),
    ("each task spawns the next", 1, chain),
    ("a task spawns others and joins them", 1, spawns_and_joins),
];

fn yields(polls: &Arc<Polls>, tasks: u32) {
    for _ in 0..tasks {
        let polls = Arc::clone(polls);
        spawn(async move {
            loop {
                polls.one_more();
                yield_now().await;
            }
        });
    }
}

/// Each task wakes the next, by nothing but its waker.
fn ring(polls: &Arc<Polls>, tasks: usize) {
    let wakers: Arc<Mutex<Vec<Option<Waker>>>> = Arc::new(Mutex::new(vec![None; tasks]));
    for place in 0..tasks {
        let (polls, wakers) = (Arc::clone(polls), Arc::clone(&wakers));
        spawn(poll_fn(move |cx| {
            polls.one_more();
            let next = {
                let mut wakers = wakers.lock().unwrap();
                wakers[place] = Some(cx.waker().clone());
                let is_complete = wakers.iter().all(Option::is_some);
                wakers[(place + 1) % tasks].clone().filter(|_| is_complete)
            };
            if let Some(next) = next {
                next.wake();
            }
            Poll::<()>::Pending
        }));
    }
}

fn chain(polls: &Arc<Polls>) {
    let polls = Arc::clone(polls);
    spawn(async move {
        polls.one_more();
        chain(&polls);
    });
}

fn spawns_and_joins(polls: &Arc<Polls>) {
    let polls = Arc::clone(polls);
    spawn(async move {
        loop {
            polls.one_more();
            let theirs = Arc::clone(&polls);
            spawn(async move { theirs.one_more() }).await.unwrap();
        }
    });
}

/// Counts the polls of a workload, from within which it also happens what a probe waits for.
#[derive(Default)]
struct Polls {
    count: AtomicU64,
    /// Whether it has happened; it is asked in each poll until it has.
    happens: Mutex<Option<Happens>>,
    /// At which poll it did.
    happened: AtomicU64,
}

type Happens = Box<dyn FnMut() -> bool + Send>;

impl Polls {
    fn one_more(&self) {
        let count = self.count.fetch_add(1, SeqCst) + 1;
        let mut happens = self.happens.lock().unwrap();
        if happens.as_mut().is_some_and(|happens| happens()) {
            *happens = None;
            self.happened.store(count, SeqCst);
        }
    }

    fn expect(&self, happens: impl FnMut() -> bool + Send + 'static) {
        *self.happens.lock().unwrap() = Some(Box::new(happens));
    }

    /// How many there were since it happened: none, if it was served before any of them has seen it.
    fn since(&self) -> u64 {
        match self.happens.lock().unwrap().take() {
            Some(_) => 0,
            None => self.count.load(SeqCst) - self.happened.load(SeqCst),
        }
    }
}

/// Starts a workload, and waits until every task of it has come to its work.
async fn begin(workload: Workload, polls: &Arc<Polls>) {
    workload(polls);
    while polls.count.load(SeqCst) < 3_000 {
        yield_now().await;
    }
}

/// Has `probe` wait beside each workload, as the main future and as a task, and tell after how many polls it was served.
fn beside_each_workload<F>(probe: fn(Arc<Polls>) -> F)
where
    F: Future<Output = Vec<u64>> + Send + 'static,
{
    for (name, ready, workload) in WORKLOADS {
        let judge = |who: &str, served: Vec<u64>| {
            assert_eq!(served.len(), PROBES as usize);
            let most = served.iter().max();
            if workers::count() == 1 {
                let within = INTERVAL + ready;
                assert!(
                    most <= Some(&within),
                    "{name}, {who}: {served:?} and not within {within}"
                );
            }
        };
        let polls = Arc::new(Polls::default());
        let served = block_on(async {
            begin(workload, &polls).await;
            probe(Arc::clone(&polls)).await
        });
        judge("the main future", served);
        let polls = Arc::new(Polls::default());
        let served = block_on(async {
            begin(workload, &polls).await;
            spawn(probe(Arc::clone(&polls))).await.unwrap()
        });
        judge("a task", served);
    }
}

#[test]
fn a_timer_fires_within_the_interval() {
    beside_each_workload(|polls| async move {
        let mut served = vec![];
        for _ in 0..PROBES {
            let deadline = Instant::now() + Duration::from_micros(500);
            polls.expect(move || Instant::now() >= deadline);
            sleep_until(deadline).await;
            served.push(polls.since());
        }
        served
    });
}

#[test]
fn a_descriptor_is_served_within_the_interval() {
    beside_each_workload(|polls| async move {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (ours, theirs) = (AsyncFd::new(ours).unwrap(), Arc::new(theirs));
        let mut served = vec![];
        for sent in 0..PROBES {
            // At another point of the interval each time.
            let (writer, mut polls_before) = (Arc::clone(&theirs), 100 + 7 * sent);
            polls.expect(move || {
                polls_before -= 1;
                polls_before == 0 && (&*writer).write(&[sent as u8]).unwrap() == 1
            });
            let mut byte = [0];
            let read = |mut stream: &UnixStream| stream.read(&mut byte);
            assert_eq!(ours.async_io(Interest::Read, read).await.unwrap(), 1);
            assert_eq!(u32::from(byte[0]), sent);
            served.push(polls.since());
        }
        served
    });
}

/// The same by the runtime's own count.
#[test]
fn the_driver_is_turned_within_its_interval() {
    for (name, _, workload) in WORKLOADS {
        let runtime = Runtime::builder().worker_threads(1).build().unwrap();
        let polls = Arc::new(Polls::default());
        let main_polls = runtime.block_on(async {
            workload(&polls);
            let mut main_polls = 1;
            while polls.count.load(SeqCst) < 50_000 {
                sleep(Duration::from_millis(1)).await;
                main_polls += 1;
            }
            main_polls
        });
        let worker = runtime.metrics().workers[0];
        assert!(worker.polls >= 50_000, "{name}: {worker:?}");
        // The tasks go on without the main future: one interval may have ended with it, and another may be just over.
        let most = (worker.turns + 2) * INTERVAL + main_polls;
        assert!(worker.polls <= most, "{name}: {worker:?}");
    }
}
