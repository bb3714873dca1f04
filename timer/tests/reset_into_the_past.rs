//! What has been filed and is moved into the past is ready at its next poll: it does not wait for the turn that would fire it.
//!
//! Each test polls twice in one poll of a task, with a reset in between, so no turn can come between the two. It runs by the
//! real clock, and by one that stands still.

use std::{
    future::{Future, pending, poll_fn, ready},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use waterwheel::poll_context::budget;
use waterwheel::{
    Runtime, interval, sleep, sleep_until,
    time::{CallbackTimer, IdleTimeout, Schedule, advance, now, sleep_until_system, system_now},
    timeout,
};

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);

/// Runs `test` in one poll of a main future, by the real clock and by a paused one.
fn in_one_poll(test: impl Fn(&mut Context<'_>)) {
    let once = || {
        poll_fn(|cx| {
            test(cx);
            Poll::Ready(())
        })
    };
    waterwheel::block_on(once());
    let runtime = Runtime::builder().paused_time().build().unwrap();
    runtime.block_on(async {
        // So that there is a past.
        advance(HOUR).await;
        once().await;
    });
}

fn poll<F: Future + Unpin>(future: &mut F, cx: &mut Context<'_>) -> Poll<F::Output> {
    Pin::new(future).poll(cx)
}

/// The past.
fn before() -> Instant {
    now() - MOMENT
}

#[test]
fn a_sleep() {
    in_one_poll(|cx| {
        for reset in [before(), now()] {
            let mut sleep = sleep(HOUR);
            assert!(poll(&mut sleep, cx).is_pending());
            sleep.reset(reset);
            assert!(sleep.is_elapsed());
            assert!(poll(&mut sleep, cx).is_ready());
            assert!(poll(&mut sleep, cx).is_ready(), "it stays so");
        }
    });
}

/// Polled in between, with a deadline that lies ahead, it looks at the clock again when it is reset again.
#[test]
fn a_sleep_that_is_reset_twice() {
    in_one_poll(|cx| {
        let mut sleep = sleep(2 * HOUR);
        assert!(poll(&mut sleep, cx).is_pending());
        sleep.reset(now() + HOUR);
        assert!(poll(&mut sleep, cx).is_pending());
        assert!(poll(&mut sleep, cx).is_pending());
        sleep.reset(before());
        assert!(poll(&mut sleep, cx).is_ready());
        sleep.reset(now() + HOUR);
        assert!(poll(&mut sleep, cx).is_pending(), "and waits again");
    });
}

/// To later than what it was filed under, and past all the same: the turn is overdue.
#[test]
fn a_sleep_that_is_moved_later() {
    waterwheel::block_on(poll_fn(|cx| {
        let filed = Instant::now() + MOMENT;
        let mut sleep = sleep_until(filed);
        // On a machine that is slow enough, it has passed.
        if poll(&mut sleep, cx).is_pending() {
            std::thread::sleep(3 * MOMENT);
            sleep.reset(filed + MOMENT);
            assert!(poll(&mut sleep, cx).is_ready());
        }
        Poll::Ready(())
    }));
}

#[test]
fn a_sleep_that_another_task_polls() {
    in_one_poll(|cx| {
        let mut sleep = sleep(HOUR);
        assert!(poll(&mut sleep, cx).is_pending());
        sleep.reset(before());
        let mut other = Context::from_waker(Waker::noop());
        assert!(poll(&mut sleep, &mut other).is_ready());
    });
}

#[test]
fn a_sleep_with_slack() {
    in_one_poll(|cx| {
        let mut sleep = sleep(HOUR).with_slack(Duration::from_secs(60));
        assert!(poll(&mut sleep, cx).is_pending());
        sleep.reset(before());
        assert!(poll(&mut sleep, cx).is_ready());
    });
}

/// When the budget is spent, it gives way first, and is ready then.
#[test]
fn a_sleep_that_gives_way() {
    in_one_poll(|cx| {
        let mut sleep = sleep(HOUR);
        assert!(poll(&mut sleep, cx).is_pending());
        while !budget::is_spent() {
            budget::spend();
        }
        sleep.reset(before());
        assert!(Pin::new(&mut sleep).poll(cx).is_pending());
        assert!(Pin::new(&mut sleep).poll(cx).is_ready());
    });
}

#[test]
fn an_interval_whose_period_has_passed() {
    in_one_poll(|cx| {
        let mut ticks = interval(HOUR);
        assert!(ticks.poll_tick(cx).is_ready(), "the first");
        assert!(ticks.poll_tick(cx).is_pending());
        ticks.reset();
        assert!(ticks.poll_tick(cx).is_pending(), "an hour from now");
    });
    waterwheel::block_on(poll_fn(|cx| {
        let mut ticks = interval(MOMENT);
        assert!(ticks.poll_tick(cx).is_ready(), "the first");
        if ticks.poll_tick(cx).is_pending() {
            ticks.reset();
            std::thread::sleep(3 * MOMENT);
            assert!(ticks.poll_tick(cx).is_ready());
        }
        Poll::Ready(())
    }));
}

#[test]
fn a_sleep_in_a_timeout() {
    in_one_poll(|cx| {
        let mut limited = timeout(HOUR, sleep(HOUR));
        assert!(poll(&mut limited, cx).is_pending());
        limited.get_mut().reset(before());
        assert_eq!(poll(&mut limited, cx), Poll::Ready(Ok(())));
    });
}

#[test]
fn an_idle_timeout() {
    in_one_poll(|cx| {
        let mut idle = IdleTimeout::new(HOUR);
        assert!(poll(&mut idle, cx).is_pending());
        idle.touch();
        assert!(poll(&mut idle, cx).is_pending());
        idle.set_limit(Duration::ZERO);
        idle.touch();
        assert!(poll(&mut idle, cx).is_ready());

        let mut idle = IdleTimeout::new(HOUR);
        assert!(poll(&mut idle, cx).is_pending());
        idle.set_limit(Duration::ZERO);
        idle.touch();
        let mut watch = pin!(idle.watch(pending::<()>()));
        assert!(matches!(watch.as_mut().poll(cx), Poll::Ready(Err(_))));
    });
}

#[test]
fn an_idle_timeout_that_is_touched_after_its_deadline() {
    // The clock goes on within the poll, and no turn has come meanwhile: only the real one does.
    waterwheel::block_on(poll_fn(|cx| {
        let mut idle = IdleTimeout::new(MOMENT);
        assert!(poll(&mut idle, cx).is_pending());
        while now() <= idle.deadline() {
            std::hint::spin_loop();
        }
        idle.set_limit(Duration::ZERO);
        idle.touch();
        assert!(poll(&mut idle, cx).is_ready());
        Poll::Ready(())
    }));
}

#[test]
fn a_sleep_by_the_system_clock() {
    in_one_poll(|cx| {
        let mut sleep = sleep_until_system(system_now() + HOUR);
        assert!(poll(&mut sleep, cx).is_pending());
        sleep.reset(system_now() - MOMENT);
        assert!(poll(&mut sleep, cx).is_ready());
    });
}

#[test]
fn a_callback_timer() {
    in_one_poll(|cx| {
        let runs = std::cell::Cell::new(0);
        let (timer, handle) = CallbackTimer::new(Schedule::After(HOUR), || {
            runs.set(runs.get() + 1);
            Some(ready(()))
        });
        let mut timer = pin!(timer);
        assert!(timer.as_mut().poll(cx).is_pending());
        assert!(handle.reset(Duration::ZERO, true));
        assert!(timer.as_mut().poll(cx).is_ready());
        assert_eq!(runs.get(), 1);
    });
}
