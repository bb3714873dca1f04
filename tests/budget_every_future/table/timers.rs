//! Futures of `timer`.

use super::{Row, row};
use futures_util::StreamExt;
use std::future::{pending, poll_fn, ready};
use std::time::{Duration, Instant};
use waterwheel::time::{
    CallbackTimer, IdleTimeout, MissedTickBehavior, Schedule, advance, clock_steps,
    set_system_time, sleep_boottime, sleep_until_system, system_now,
};
use waterwheel::{interval, interval_at, sleep, sleep_until, timeout, timeout_at};

const ZERO: Duration = Duration::ZERO;
const NANO: Duration = Duration::from_nanos(1);
const LONG: Duration = Duration::from_secs(3600);

fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!(Ready, "Future for timer::Sleep", "of no time", {
            sleep(ZERO).await;
        }),
        row!(Ready, "Future for timer::Sleep", "until now", {
            sleep_until(Instant::now()).await;
        }),
        row!(Ready, "Future for timer::Sleep", "with slack", {
            sleep(ZERO).with_slack(LONG).await;
        }),
        row!(
            Ready,
            "Future for timer::Sleep",
            "reset into the past",
            {
                let mut sleep = sleep(ZERO);
            },
            {
                sleep.reset(Instant::now());
                (&mut sleep).await;
            }
        ),
        row!(
            Ready,
            "Future for timer::Sleep",
            "filed, and reset into the past",
            {
                let mut sleep = sleep(LONG);
                poll_fn(|cx| {
                    assert!(std::pin::Pin::new(&mut sleep).poll(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                sleep.reset(Instant::now());
                sleep.await;
            }
        ),
        row!(
            Ready,
            "Future for timer::Tick",
            "of a nanosecond",
            {
                let mut ticks = interval(NANO);
            },
            {
                ticks.tick().await;
            }
        ),
        row!(
            Once,
            "Future for timer::Tick",
            "with a body that is longer than the period",
            {
                let mut ticks = interval(Duration::from_millis(1));
            },
            {
                ticks.tick().await;
                spin(Duration::from_millis(2));
            }
        ),
        row!(
            Ready,
            "Future for timer::Tick",
            "in a burst",
            {
                let start = Instant::now()
                    .checked_sub(LONG)
                    .unwrap_or_else(Instant::now);
                let mut ticks = interval_at(start, NANO);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            },
            {
                ticks.tick().await;
            }
        ),
        row!(
            Ready,
            "Future for timer::Tick",
            "begun anew",
            {
                let mut ticks = interval(NANO);
            },
            {
                ticks.reset();
                spin(NANO);
                ticks.tick().await;
            }
        ),
        row!(
            Ready,
            "Stream for timer::Interval",
            "of a nanosecond",
            {
                let mut ticks = interval(NANO);
            },
            {
                ticks.next().await;
            }
        ),
        row!(
            Ready,
            "timer::Interval::poll_tick",
            "of a nanosecond",
            {
                let mut ticks = interval(NANO);
            },
            {
                poll_fn(|cx| ticks.poll_tick(cx)).await;
            }
        ),
        row!(Ready, "Future for timer::Timeout", "of no time", {
            assert!(timeout(ZERO, pending::<()>()).await.is_err());
        }),
        row!(Ready, "Future for timer::Timeout", "at once in time", {
            assert!(timeout(LONG, ready(())).await.is_ok());
        }),
        row!(
            Ready,
            "Future for timer::Timeout",
            "around what is ready at once",
            {
                assert!(timeout(LONG, sleep(ZERO)).await.is_ok());
            }
        ),
        row!(Ready, "Future for timer::Timeout", "until now", {
            assert!(timeout_at(Instant::now(), pending::<()>()).await.is_err());
        }),
        row!(
            Ready,
            "Future for timer::Timeout",
            "until later, and at once in time",
            {
                assert!(timeout_at(Instant::now() + LONG, ready(())).await.is_ok());
            }
        ),
        row!(Ready, "Future for timer::IdleTimeout", "of no time", {
            IdleTimeout::new(ZERO).await;
        }),
        row!(
            Ready,
            "Future for timer::IdleTimeout",
            "touched, and past again",
            {
                let mut idle = IdleTimeout::new(NANO);
            },
            {
                idle.touch();
                spin(NANO);
                (&mut idle).await;
            }
        ),
        row!(
            Ready,
            "Future for timer::Watch",
            "at once in time",
            {
                let mut idle = IdleTimeout::new(LONG);
            },
            {
                assert!(idle.watch(ready(())).await.is_ok());
            }
        ),
        row!(
            Ready,
            "Future for timer::Watch",
            "of no time",
            {
                let mut idle = IdleTimeout::new(ZERO);
            },
            {
                assert!(idle.watch(pending::<()>()).await.is_err());
            }
        ),
        row!(Ready, "Future for timer::SystemSleep", "until now", {
            sleep_until_system(system_now()).await;
        }),
        row!(
            Ready,
            "Future for timer::SystemSleep",
            "reset to now",
            {
                let mut sleep = sleep_until_system(system_now() + LONG);
            },
            {
                sleep.reset(system_now());
                (&mut sleep).await;
            }
        ),
        row!(Ready, "Future for timer::BoottimeSleep", "of no time", {
            sleep_boottime(ZERO).await;
        }),
        row!(
            Paused,
            "Stream for timer::ClockSteps",
            "set in each round",
            {
                let mut steps = clock_steps();
            },
            {
                set_system_time(system_now() + Duration::from_secs(1));
                steps.next().await.expect("no end");
            }
        ),
        row!(Ready, "Future for timer::CallbackTimer", "once, at once", {
            let (timer, _handle) = CallbackTimer::new(Schedule::After(ZERO), || Some(ready(())));
            timer.await;
        }),
        row!(
            Ready,
            "Future for timer::CallbackTimer",
            "whose target is gone",
            {
                let (timer, _handle) =
                    CallbackTimer::new(Schedule::After(ZERO), || None::<std::future::Ready<()>>);
                timer.await;
            }
        ),
        row!(
            Ready,
            "Future for timer::CallbackTimer",
            "cancelled before",
            {
                let (timer, handle) = CallbackTimer::new(Schedule::After(LONG), || Some(ready(())));
                assert!(handle.cancel());
                timer.await;
            }
        ),
        row!(
            Ready,
            "Future for timer::CallbackTimer",
            "by the system clock",
            {
                let now = Schedule::AtSystem(system_now());
                let (timer, _handle) = CallbackTimer::new(now, || Some(ready(())));
                timer.await;
            }
        ),
        row!(
            Ready,
            "Future for timer::CallbackTimer",
            "reset into the past",
            {
                let (timer, handle) = CallbackTimer::new(Schedule::After(LONG), || Some(ready(())));
                assert!(handle.reset(ZERO, false));
                timer.await;
            }
        ),
        Row::of(
            super::Kind::Waits,
            "Future for timer::CallbackTimer",
            "with a run that is longer than the period",
            |rounds| async move {
                let period = Schedule::Every(Duration::from_micros(1));
                let (timer, _handle) = CallbackTimer::new(period, || {
                    rounds.one();
                    spin(Duration::from_micros(2));
                    Some(ready(()))
                });
                timer.await;
            },
        ),
        row!(Paused, "Future for executor::Advance", "by nothing", {
            advance(ZERO).await;
        }),
    ]
}
