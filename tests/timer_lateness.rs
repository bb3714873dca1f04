//! How late a short sleep is, beside the least that the kernel allows: a bare timerfd in an epoll instance.

mod workers;

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};
use waterwheel::sleep;
use workers::block_on;

const DELAY: Duration = Duration::from_micros(50);
const SLEEPS: usize = 200;

/// An epoll instance with a timerfd in it, and nothing around them.
struct Bare {
    epoll: OwnedFd,
    timer: OwnedFd,
}

impl Bare {
    fn new() -> Self {
        // SAFETY: the calls take no pointers, and the descriptors are nobody else's.
        let (epoll, timer) = unsafe {
            (
                OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)),
                OwnedFd::from_raw_fd(libc::timerfd_create(libc::CLOCK_MONOTONIC, 0)),
            )
        };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | libc::EPOLLET).cast_unsigned(),
            u64: 0,
        };
        // SAFETY: `event` lives through the call.
        let added = unsafe {
            libc::epoll_ctl(
                epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                timer.as_raw_fd(),
                &raw mut event,
            )
        };
        assert_eq!(added, 0);
        Self { epoll, timer }
    }

    fn sleep(&self) {
        let value = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: 0,
                tv_nsec: DELAY.subsec_nanos().into(),
            },
        };
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: `value` and `event` live through the calls, and there is room for one event.
        let woken = unsafe {
            libc::timerfd_settime(
                self.timer.as_raw_fd(),
                0,
                &raw const value,
                std::ptr::null_mut(),
            );
            libc::epoll_wait(self.epoll.as_raw_fd(), &raw mut event, 1, -1)
        };
        assert_eq!(woken, 1);
    }
}

fn median(mut lateness: Vec<Duration>) -> Duration {
    lateness.sort_unstable();
    lateness[lateness.len() / 2]
}

/// The two in turn, so that both see the same machine. A noisy one may spoil a round, but not every round.
#[test]
fn a_short_sleep_is_about_as_late_as_a_bare_timerfd() {
    let bare = Bare::new();
    let mut rounds = Vec::new();
    for _ in 0..20 {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        block_on(async {
            for _ in 0..SLEEPS {
                let began = Instant::now();
                sleep(DELAY).await;
                ours.push(began.elapsed().checked_sub(DELAY).expect("never early"));

                let began = Instant::now();
                bare.sleep();
                theirs.push(began.elapsed().saturating_sub(DELAY));
            }
        });
        let (ours, theirs) = (median(ours), median(theirs));
        rounds.push((ours, theirs));
        println!("median lateness: {ours:?}, of a bare timerfd: {theirs:?}");
        if ours <= theirs.mul_f64(1.5) {
            return;
        }
    }
    panic!("more than 1.5 times as late as a bare timerfd, in every round: {rounds:?}");
}
