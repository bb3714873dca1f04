//! Timers: what it costs to make, drop, move and fire them, on one thread of each runtime.
//!
//! Each workload is a file here and a line in [`all`]; a runtime is a file in `local` and a line in [`Workload::entry`].
//!
//! The futures are polled by hand, within the main future of the runtime's own `block_on` and with its waker, so that
//! nothing but the timer is measured.

mod bare;
mod cancel;
mod fire_tasks;
mod fire_timers;
mod fleet;
mod lateness;
mod new_drop;
mod new_drop_earlier;
mod reset;
mod reset_poll;
mod timeout;

use super::{Bound, Entry, Unit};
use crate::contest::{Contestant, Pace, Sample};
use crate::local::{Local, Monoio, Smol, Tokio, Waterwheel};
use crate::random::Random;
use crate::resident::{Requests, resident};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

const GROUP: &str = "timer";

/// How many timers are many.
pub(super) const MILLION: u32 = 1_000_000;

/// Of what takes nanoseconds, so many operations are an iteration.
const BATCH: u32 = 1_000;

const SECOND: Duration = Duration::from_secs(1);

/// Later than any run ends.
const HOUR: Duration = Duration::from_secs(3600);

/// A program that is measured, written once for every runtime. It asserts that all of its work was done.
pub(super) trait Workload: 'static {
    const NAME: &'static str;
    /// What it does, in a line.
    const WHAT: &'static str;
    const UNIT: Unit = Unit::Time;
    const PACE: Pace = Pace::Filled;
    const BOUNDS: &'static [Bound];

    /// The main future: prepares, and answers the requests.
    fn main<R: Local>(requests: Requests) -> impl Future<Output = ()>;

    /// One that is no runtime and takes part as well.
    fn floor() -> Option<io::Result<Contestant>> {
        None
    }
}

/// Every workload of the group, in the order in which they run.
pub(super) fn all() -> Vec<Entry> {
    vec![
        entry::<new_drop::NewDrop<0>>(),
        entry::<new_drop::NewDrop<MILLION>>(),
        entry::<new_drop_earlier::NewDropEarlier>(),
        entry::<cancel::Cancel>(),
        entry::<reset::Reset>(),
        entry::<reset_poll::ResetPoll>(),
        entry::<timeout::Timeout>(),
        entry::<lateness::Lateness>(),
        entry::<fire_timers::FireTimers>(),
        entry::<fire_tasks::FireTasks>(),
    ]
}

pub(super) fn entry<W: Workload>() -> Entry {
    Entry {
        group: GROUP,
        name: W::NAME,
        what: W::WHAT,
        unit: W::UNIT,
        pace: W::PACE,
        quick: true,
        bounds: W::BOUNDS.to_vec(),
        contestants: || {
            let runtimes = [
                contestant::<Waterwheel, W>(),
                contestant::<Tokio, W>(),
                contestant::<Smol, W>(),
                contestant::<Monoio, W>(),
            ];
            runtimes.into_iter().chain(W::floor()).collect()
        },
    }
}

fn contestant<R: Local, W: Workload>() -> io::Result<Contestant> {
    resident(R::NAME, |requests| R::block_on(W::main::<R>(requests)))
}

/// Answers requests with the time of an operation that is done by hand, over and over, within one poll of the main future.
/// It is told the number of the operation, from 0 in each sample.
async fn by_hand(requests: Requests, mut operation: impl FnMut(&mut Context<'_>, u32)) {
    let answer = requests.answer(async |iterations| {
        let operations = iterations * BATCH;
        let took = poll_fn(|cx| {
            let began = Instant::now();
            for number in 0..operations {
                operation(cx, number);
            }
            Poll::Ready(began.elapsed())
        });
        Sample::of_time(took.await, u64::from(operations))
    });
    answer.await;
}

/// So many sleeps that pend, the first for an hour from now, in an order that is no order. They must be dropped in the
/// runtime that they are made in.
pub(super) async fn crowd<R: Local>(count: u32) -> Vec<Pin<Box<R::Sleep>>> {
    let began = Instant::now();
    let order = Random::new(1).permutation(count).into_iter();
    poll_fn(|cx| {
        let pending = order.clone().map(|place| {
            let deadline = began + HOUR + Duration::from_micros(u64::from(place));
            let mut sleep = Box::pin(R::sleep_until(deadline));
            assert!(sleep.as_mut().poll(cx).is_pending(), "an hour is not over");
            sleep
        });
        Poll::Ready(pending.collect())
    })
    .await
}
