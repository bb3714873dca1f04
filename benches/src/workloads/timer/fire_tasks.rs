//! A million tasks sleep, are woken by their timers, and end: all that a user of timers pays for.

use super::fleet::{Measure, SLEEPS, measure};
use super::{Bound, Requests, Workload};
use crate::contest::{Pace, Sample};
use crate::local::Local;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

pub(super) struct FireTasks;

/// Of so many tasks, one reads the clock to see that it was not woken early.
const CHECKED: u32 = 64;

impl Workload for FireTasks {
    const NAME: &'static str = "fire_tasks";
    const WHAT: &'static str =
        "1,000,000 tasks sleep until some moment within 1 s and end; processor time of one";
    const PACE: Pace = Pace::Single;
    const BOUNDS: &'static [Bound] = &[Bound::Best(0.35)];

    async fn main<R: Local>(requests: Requests) {
        let mut lead = None;
        let answer = requests.answer(async |_| {
            let sample = measure(&mut lead, async |deadlines| {
                let tasks = Rc::new(Tasks::default());
                for (number, deadline) in (0..).zip(deadlines.iter()) {
                    R::spawn(sleeper::<R>(number, deadline, Rc::clone(&tasks)));
                }
                poll_fn(|cx| tasks.poll_reached(&tasks.asleep, cx)).await;
                let measure = deadlines.start();
                poll_fn(|cx| tasks.poll_reached(&tasks.ended, cx)).await;
                // A task that was not asleep in time would have cost nothing.
                let all_slept = tasks.never_slept.get() == 0;
                measure.map(Measure::end).filter(|_| all_slept)
            });
            let sample: Sample = sample.await;
            sample
        });
        answer.await;
    }
}

/// How far the tasks have come.
#[derive(Default)]
struct Tasks {
    asleep: Cell<u32>,
    never_slept: Cell<u32>,
    ended: Cell<u32>,
    /// Waits until all have come there.
    main: RefCell<Option<Waker>>,
}

impl Tasks {
    fn count(&self, counter: &Cell<u32>) {
        counter.set(counter.get() + 1);
        if counter.get() == SLEEPS
            && let Some(main) = self.main.take()
        {
            main.wake();
        }
    }

    fn poll_reached(&self, counter: &Cell<u32>, cx: &Context<'_>) -> Poll<()> {
        if counter.get() == SLEEPS {
            return Poll::Ready(());
        }
        self.main.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

async fn sleeper<R: Local>(number: u32, deadline: Instant, tasks: Rc<Tasks>) {
    let mut sleep = pin!(R::sleep_until(deadline));
    let first = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx))).await;
    tasks.count(&tasks.asleep);
    if first.is_pending() {
        sleep.await;
    } else {
        tasks.never_slept.set(tasks.never_slept.get() + 1);
    }
    if number.is_multiple_of(CHECKED) {
        assert!(Instant::now() >= deadline, "a task was woken early");
    }
    tasks.count(&tasks.ended);
}
