//! `timerfd_create(2)`: a deadline on the monotonic clock, as a descriptor; and one that tells when the wall clock is set.

use super::{check, clock};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A timerfd on `CLOCK_MONOTONIC`, closed on exec. It is never read: edge-triggered epoll reports each expiry,
/// and setting it again clears the count.
#[derive(Debug)]
pub(crate) struct TimerFd {
    fd: OwnedFd,
    clock: Clock,
}

impl TimerFd {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            fd: create(libc::CLOCK_MONOTONIC)?,
            clock: Clock::new()?,
        })
    }

    /// Sets the timer to expire at `deadline`, in place of whatever it was set to. A deadline that has passed
    /// expires at once.
    pub(crate) fn set(&self, deadline: Instant) -> io::Result<()> {
        let value = self.clock.timespec(deadline);
        settime(&self.fd, libc::TFD_TIMER_ABSTIME, value)
    }
}

/// A timerfd on `CLOCK_REALTIME`, closed on exec, that never expires and becomes readable when that clock jumps: when it is
/// set, and when it goes on after a suspension. It is never read: edge-triggered epoll reports each jump.
#[derive(Debug)]
pub(crate) struct ClockSetFd {
    fd: OwnedFd,
}

impl ClockSetFd {
    pub(crate) fn new() -> io::Result<Self> {
        let fd = create(libc::CLOCK_REALTIME)?;
        let never = libc::timespec {
            tv_sec: libc::time_t::MAX,
            tv_nsec: 0,
        };
        let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
        match settime(&fd, flags, never) {
            // A jump just now: the timer is set all the same.
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => {}
            set => set?,
        }
        Ok(Self { fd })
    }
}

impl AsFd for ClockSetFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Miri has no timerfd. In it, one that never expires takes its place: what waits for a time there waits for ever, all else runs.
#[cfg(miri)]
fn create(_: libc::clockid_t) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(not(miri))]
fn create(clock: libc::clockid_t) -> io::Result<OwnedFd> {
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: the call takes no pointers.
    let fd = check(unsafe { libc::timerfd_create(clock, flags) })?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(miri)]
fn settime(_: &OwnedFd, _: libc::c_int, _: libc::timespec) -> io::Result<()> {
    Ok(())
}

/// Sets a timerfd to expire once.
#[cfg(not(miri))]
fn settime(fd: &OwnedFd, flags: libc::c_int, value: libc::timespec) -> io::Result<()> {
    let setting = libc::itimerspec {
        it_interval: libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        it_value: value,
    };
    // SAFETY: `setting` lives through the call, and a null pointer asks for no old value.
    check(unsafe {
        libc::timerfd_settime(
            fd.as_raw_fd(),
            flags,
            &raw const setting,
            std::ptr::null_mut(),
        )
    })?;
    Ok(())
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The bridge from [`Instant`], which hides its value, to the kernel's monotonic clock, which it is read from.
#[derive(Debug)]
struct Clock {
    instant: Instant,
    since_boot: Duration,
}

impl Clock {
    /// Reads both clocks as nearly together as it can. The kernel's is read second, so that what the two
    /// readings differ by makes a timer late (by some tens of nanoseconds), never early.
    fn new() -> io::Result<Self> {
        let mut best: Option<(Duration, Self)> = None;
        for _ in 0..4 {
            let instant = clock::real_now();
            let since_boot = clock::monotonic()?;
            let gap = clock::real_now().saturating_duration_since(instant);
            if best.as_ref().is_none_or(|(least, _)| gap < *least) {
                best = Some((
                    gap,
                    Self {
                        instant,
                        since_boot,
                    },
                ));
            }
        }
        let (_, clock) = best.expect("the loop above runs at least once");
        Ok(clock)
    }

    fn timespec(&self, deadline: Instant) -> libc::timespec {
        let since_boot = match deadline.checked_duration_since(self.instant) {
            Some(ahead) => self.since_boot.saturating_add(ahead),
            None => self
                .since_boot
                .saturating_sub(self.instant.duration_since(deadline)),
        };
        // The kernel takes zero for «disarm»: the first nanosecond after boot has passed as well.
        let since_boot = since_boot.max(Duration::from_nanos(1));
        libc::timespec {
            tv_sec: since_boot.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: since_boot.subsec_nanos().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock {
            instant: Instant::now(),
            since_boot: Duration::new(100, 5),
        }
    }

    #[test]
    fn a_deadline_keeps_its_nanoseconds() {
        let clock = clock();
        let spec = clock.timespec(clock.instant + Duration::new(3, 7));
        assert_eq!((spec.tv_sec, spec.tv_nsec), (103, 12));
        let spec = clock.timespec(clock.instant - Duration::new(1, 6));
        assert_eq!((spec.tv_sec, spec.tv_nsec), (98, 999_999_999));
    }

    /// Pitfall: a timerfd armed with 0 is disarmed (calloop#79, ivykis#11).
    #[test]
    fn the_value_that_disarms_is_never_set() {
        let clock = Clock {
            instant: Instant::now(),
            since_boot: Duration::ZERO,
        };
        let past = clock.instant.checked_sub(Duration::from_nanos(1));
        let spec = clock.timespec(past.unwrap_or(clock.instant));
        assert_eq!((spec.tv_sec, spec.tv_nsec), (0, 1));
    }

    /// Pitfall: `timerfd_settime` EINVAL is swallowed (netty#8134). The farthest instant that exists is valid.
    #[test]
    fn the_farthest_deadline_is_accepted_by_the_kernel() {
        let timer = TimerFd::new().expect("timerfd_create");
        let mut ahead = Duration::MAX;
        let far = loop {
            match Instant::now().checked_add(ahead) {
                Some(far) => break far,
                None => ahead /= 2,
            }
        };
        timer.set(far).expect("a far deadline");
        timer.set(Instant::now()).expect("a near deadline");
    }
}
