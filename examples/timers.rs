//! Everything that Waterwheel does with time, a line each.
//!
//!     cargo run --release --example timers
//!
//! The first part takes real time, a second or so. The second is paused time: hours and a year of it, in milliseconds.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};
use waterwheel::time::{
    self, Callback, ClockStep, IdleTimeout, MissedTickBehavior, Timers, advance, now, run_after,
    run_at, run_every, set_system_time, sleep_boottime, sleep_until_system, system_now,
};
use waterwheel::{Runtime, block_on, interval, sleep, sleep_until, timeout, yield_now};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn main() -> io::Result<()> {
    println!("real time");
    block_on(real());
    println!("paused time");
    let began = std::time::Instant::now();
    Runtime::builder().paused_time().build()?.block_on(paused());
    println!("  all of that took {:.1?}", began.elapsed());
    Ok(())
}

async fn real() {
    let start = now();
    sleep(20 * MS).await;
    println!("  sleep(20 ms) took {:.2?}", now() - start);

    sleep_until(start + 40 * MS).await;
    println!(
        "  sleep_until(start + 40 ms) ended at {:.2?}",
        now() - start
    );

    let limited = timeout(10 * MS, sleep(HOUR)).await;
    println!(
        "  timeout(10 ms, sleep(1 h)): {}",
        limited.expect_err("an hour is longer")
    );

    let start = now();
    let mut ticks = interval(10 * MS);
    ticks.tick().await;
    for _ in 0..20 {
        ticks.tick().await;
    }
    println!(
        "  a tick at once and 20 more of 10 ms took {:.2?}: their lateness does not add up",
        now() - start
    );

    let start = now();
    let slack: Vec<_> = (0..1_000)
        .map(|n| waterwheel::spawn(sleep(100 * MS + n * MS / 10).with_slack(10 * MS)))
        .collect();
    for task in slack {
        task.await.expect("no panic");
    }
    println!(
        "  1,000 sleeps with 10 ms of slack, spread over 100 ms, took {:.2?} in all",
        now() - start
    );

    let in_a_moment = SystemTime::now() + 20 * MS;
    sleep_until_system(in_a_moment).await;
    let late = SystemTime::now()
        .duration_since(in_a_moment)
        .expect("not early");
    println!("  sleep_until_system(now + 20 ms) was late by {late:.2?}");

    let start = now();
    sleep_boottime(20 * MS).await;
    println!("  sleep_boottime(20 ms) took {:.2?}", now() - start);
}

async fn paused() {
    let start = now();
    let at = move || format!("{:>6} s", (now() - start).as_secs_f64());

    run_at(start + SECOND, move || {
        println!("  {}: run_at(start + 1 s)", at())
    });
    run_after(2 * SECOND, move || println!("  {}: run_after(2 s)", at()));
    Callback::after(3 * SECOND).run_async(async move || {
        sleep(SECOND / 2).await;
        println!(
            "  {}: Callback::after(3 s).run_async(…), with half a second of its own",
            at()
        );
    });
    let every = run_every(2 * SECOND, move || println!("  {}: run_every(2 s)", at()));
    let cancelled = run_after(4 * SECOND, || unreachable!("it is cancelled"));
    let refreshed = run_after(5 * SECOND, move || {
        println!("  {}: run_after(5 s), refreshed at 4 s", at())
    });
    let reset = run_after(5 * SECOND, move || {
        println!(
            "  {}: run_after(5 s), at 4 s reset to 7 s from its start",
            at()
        )
    });
    let (alive, dead) = (Arc::new("alive"), Arc::new("dead"));
    for target in [&alive, &dead] {
        let weak = Arc::downgrade(target);
        Callback::after(6 * SECOND)
            .while_alive(&weak)
            .run(move |target| {
                println!(
                    "  {}: Callback::after(6 s).while_alive(…), whose target is {target}",
                    at()
                );
            });
    }
    drop(dead);

    sleep(4 * SECOND).await;
    println!(
        "  {}: cancel: {}, and again: {}",
        at(),
        cancelled.cancel(),
        cancelled.cancel()
    );
    refreshed.refresh();
    reset.reset(7 * SECOND, false);
    let timers = Timers::current().expect("we are in a runtime");
    yield_now().await;
    println!(
        "  {}: {} timers are pending, the next one in {:?}",
        at(),
        timers.len(),
        timers.next_deadline().map(|next| next - now())
    );
    sleep(6 * SECOND).await;
    assert!(every.cancel());

    println!(
        "  {}: an interval of 1 s that was stalled for 3.5 s ticks next after …",
        at()
    );
    for policy in [
        MissedTickBehavior::Skip,
        MissedTickBehavior::Burst,
        MissedTickBehavior::Delay,
    ] {
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(policy);
        ticks.tick().await;
        advance(3 * SECOND + SECOND / 2).await;
        let stalled = now();
        let mut next = Vec::new();
        for _ in 0..4 {
            ticks.tick().await;
            next.push((now() - stalled).as_secs_f64());
        }
        println!("            {policy:?}: {next:?} s");
    }

    let mut idle = IdleTimeout::new(3 * SECOND);
    for _ in 0..10 {
        advance(SECOND).await;
        idle.touch();
    }
    let touched = now();
    idle.await;
    println!(
        "  {}: an IdleTimeout of 3 s, touched ten times, resolved {:?} after the last",
        at(),
        now() - touched
    );

    let steps = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&steps);
    waterwheel::spawn(async move {
        let mut stream = std::pin::pin!(time::clock_steps());
        loop {
            let step: Option<ClockStep> =
                std::future::poll_fn(|cx| futures_core::Stream::poll_next(stream.as_mut(), cx))
                    .await;
            println!("  {}: the system clock was set: {step:?}", at());
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    let noon = system_now() + 2 * HOUR;
    Callback::at_system(noon)
        .run(move || println!("  {}: Callback::at_system(in two hours)", at()));
    sleep(HOUR).await;
    set_system_time(system_now() - HOUR);
    sleep(HOUR).await;
    set_system_time(noon);
    sleep(SECOND).await;
    assert_eq!(steps.load(Ordering::Relaxed), 2);

    let before = now();
    let nap = waterwheel::spawn(sleep_boottime(8 * HOUR));
    yield_now().await;
    time::suspend(7 * HOUR);
    nap.await.expect("no panic");
    println!(
        "  {}: sleep_boottime(8 h), 7 of which the machine was suspended, took {:?}",
        at(),
        now() - before
    );

    let year = 365 * 24 * HOUR;
    sleep(year).await;
    println!("  {}: sleep(1 year)", at());
}
