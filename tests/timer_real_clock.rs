//! The machine's own system clock is set, by two seconds forwards and back: alone in its file, as the whole machine sees it.
//!
//! Where that is not permitted (`CAP_SYS_TIME`), it says so and tests nothing.

use futures_util::StreamExt;
use std::io;
use std::time::{Duration, Instant, SystemTime};
use waterwheel::time::{self, ClockStep};
use waterwheel::{block_on, sleep, spawn};

const S: fn(u64) -> Duration = Duration::from_secs;

/// By how much the clock may be off, which is set in the time between two system calls.
const PRECISION: Duration = Duration::from_millis(500);

fn read(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a timespec that the call may write to.
    let result = unsafe { libc::clock_gettime(clock, &raw mut now) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

fn set_system_clock(to: Duration) -> io::Result<()> {
    let to = libc::timespec {
        tv_sec: to.as_secs().try_into().expect("a time of this century"),
        tv_nsec: to.subsec_nanos().into(),
    };
    // SAFETY: `to` lives through the call.
    match unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const to) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The machine's system clock. Dropped, however that comes about, it puts it back to what it would show by itself.
struct Borrowed {
    /// What the system clock is ahead of the monotonic one, by itself.
    ahead: Duration,
}

impl Borrowed {
    /// `None`: it is not to be had.
    fn take() -> Option<Self> {
        let ahead = read(libc::CLOCK_REALTIME).checked_sub(read(libc::CLOCK_MONOTONIC))?;
        let borrowed = Borrowed { ahead };
        match set_system_clock(borrowed.own_time()) {
            Ok(()) => Some(borrowed),
            Err(error) => {
                std::mem::forget(borrowed);
                println!("skipped: the machine's clock cannot be set here: {error}");
                None
            }
        }
    }

    /// What it would show now by itself.
    fn own_time(&self) -> Duration {
        self.ahead + read(libc::CLOCK_MONOTONIC)
    }

    fn set_ahead(&self, by: Duration) {
        set_system_clock(self.own_time() + by).expect("it could be set before");
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Err(error) = set_system_clock(self.own_time()) {
            eprintln!("the machine's clock could not be put back: {error}");
        }
    }
}

/// Something that waits, and how long it did.
fn timed(wait: impl Future + Send + 'static) -> waterwheel::JoinHandle<Duration> {
    spawn(async move {
        let start = Instant::now();
        wait.await;
        start.elapsed()
    })
}

fn is_about(by: Duration, expected: Duration) -> bool {
    by.abs_diff(expected) < PRECISION
}

#[test]
fn the_machines_clock_is_set_forwards_and_back() {
    let Some(clock) = Borrowed::take() else {
        return;
    };
    block_on(async {
        let mut steps = time::clock_steps();
        let system = SystemTime::now();
        let by_the_step = timed(time::sleep_until_system(system + S(1) + PRECISION));
        let plain = timed(sleep(S(1)));
        let by_boottime = timed(time::sleep_boottime(S(1)));
        // All have looked at the clock, and are told when it is set.
        sleep(Duration::from_millis(10)).await;
        clock.set_ahead(S(2));
        match steps.next().await {
            Some(ClockStep::Forward(by)) => assert!(is_about(by, S(2)), "{by:?}"),
            other => panic!("{other:?}"),
        }
        let waited = by_the_step.await.unwrap();
        // On a slow machine the hour may have come by itself; then it says nothing.
        assert!(waited < S(1) || waited >= S(1) + PRECISION, "{waited:?}");
        // One that the clock, put back, makes wait longer.
        let system = SystemTime::now();
        let longer = timed(time::sleep_until_system(system + S(1) / 2));
        sleep(Duration::from_millis(10)).await;
        clock.set_ahead(Duration::ZERO);
        match steps.next().await {
            Some(ClockStep::Backward(by)) => assert!(is_about(by, S(2)), "{by:?}"),
            other => panic!("{other:?}"),
        }
        let waited = longer.await.unwrap();
        assert!(
            SystemTime::now() >= system + S(1) / 2,
            "early by the system clock"
        );
        assert!(waited >= S(2), "{waited:?}");
        for untouched in [plain, by_boottime] {
            let waited = untouched.await.unwrap();
            assert!(waited >= S(1), "a step moved it: {waited:?}");
        }
    });
}
