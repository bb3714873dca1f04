//! No runtime: a loop that sets a timerfd and waits for it in epoll. What no runtime can undercut that waits in this way.

use super::lateness::{DELAY, Measure, SLEEPS};
use crate::contest::Contestant;
use crate::resident::{Requests, resident};
use crate::workloads::FLOOR;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Result;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(super) fn contestant() -> io::Result<Contestant> {
    let bare = Bare::new()?;
    resident(FLOOR, move |requests| bare.main(requests))
}

struct Bare {
    epoll: OwnedFd,
    timer: OwnedFd,
}

impl Bare {
    fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // Edge-triggered, so that the timer need not be read.
        let events = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(0), events)?;
        Ok(Self { epoll, timer })
    }

    fn main(&self, requests: Requests) {
        let answer = requests.answer(async |iterations| {
            let mut lateness = Measure::begin();
            for _ in 0..iterations {
                for _ in 0..SLEEPS {
                    let began = now();
                    self.sleep_until(began + DELAY)
                        .expect("the kernel has timers");
                    lateness.add(now() - began);
                }
            }
            lateness.end()
        });
        // It never pends.
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(pin!(answer).poll(&mut cx), Poll::Ready(()));
    }

    fn sleep_until(&self, deadline: Duration) -> Result<()> {
        let setting = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(deadline).expect("the clock does not overflow"),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &setting)?;
        let mut events = Vec::with_capacity(1);
        while epoll::wait(&self.epoll, spare_capacity(&mut events), None)? == 0 {}
        Ok(())
    }
}

/// The monotonic clock, from its origin.
fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    now.try_into().expect("the clock is not negative")
}
