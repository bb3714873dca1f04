//! A kernel for models: an epoll instance is a list of events under a lock, and to sleep is to wait for it to be
//! non-empty.
//!
//! As with edge-triggered epoll, an event is given to one wait and then gone. An eventfd belongs to the epoll instance
//! that was made before it. Standard output cannot be added, as a regular file cannot.

#[path = "fork.rs"]
pub(crate) mod fork;

pub(crate) mod clock {
    pub(crate) fn real_now() -> std::time::Instant {
        std::time::Instant::now()
    }
}

pub(crate) mod epoll {
    use loom::sync::{Condvar, Mutex};
    use std::cell::RefCell;
    use std::fmt;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
    use std::sync::Arc;
    use std::time::Duration;

    pub(crate) const CAPACITY: usize = 4;

    pub(crate) type Event = libc::epoll_event;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Wait {
        Zero,
        Forever,
    }

    impl Wait {
        pub(crate) const ZERO: Self = Self::Zero;
        pub(crate) const FOREVER: Self = Self::Forever;

        pub(crate) fn at_most(_: Duration) -> Self {
            unreachable!("no model has anything to tidy")
        }
    }

    #[derive(Default)]
    pub(super) struct List {
        /// What is in the instance, with its token; the first is the eventfd.
        members: Vec<(RawFd, u64)>,
        ready: Vec<Event>,
    }

    /// Not derived: an event has no `Debug` in every version of `libc`.
    impl fmt::Debug for List {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("List").finish_non_exhaustive()
        }
    }

    #[derive(Debug)]
    pub(super) struct Kernel {
        list: Mutex<List>,
        changed: Condvar,
    }

    std::thread_local! {
        pub(super) static LAST: RefCell<Option<Arc<Kernel>>> = const { RefCell::new(None) };
    }

    impl Kernel {
        fn tell(&self, which: impl FnOnce(&mut List)) {
            which(&mut self.list.lock().unwrap());
            self.changed.notify_all();
        }

        pub(super) fn bump(&self) {
            self.tell(|list| {
                let (_, token) = list.members[0];
                list.add_event(token, libc::EPOLLIN);
            });
        }
    }

    impl List {
        fn add_event(&mut self, token: u64, events: libc::c_int) {
            self.ready.push(Event {
                events: events.cast_unsigned(),
                u64: token,
            });
        }
    }

    #[derive(Debug)]
    pub(crate) struct Epoll(Arc<Kernel>);

    impl Epoll {
        pub(crate) fn new() -> io::Result<Self> {
            let kernel = Arc::new(Kernel {
                list: Mutex::new(List::default()),
                changed: Condvar::new(),
            });
            LAST.set(Some(Arc::clone(&kernel)));
            Ok(Self(kernel))
        }

        pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
            if fd.as_raw_fd() == libc::STDOUT_FILENO {
                // In the time that the kernel takes to refuse, others may run.
                loom::thread::yield_now();
                return Err(io::Error::from_raw_os_error(libc::EPERM));
            }
            self.add_readable(fd, token)
        }

        pub(crate) fn add_readable(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
            self.0
                .list
                .lock()
                .unwrap()
                .members
                .push((fd.as_raw_fd(), token));
            Ok(())
        }

        pub(crate) fn rearm(&self, _: RawFd, _: u64) -> io::Result<()> {
            unreachable!("no model asks for it")
        }

        pub(crate) fn delete(&self, fd: RawFd) -> io::Result<()> {
            let members = &mut self.0.list.lock().unwrap().members;
            let before = members.len();
            members.retain(|(member, _)| *member != fd);
            assert_eq!(members.len() + 1, before, "ENOENT");
            Ok(())
        }

        pub(crate) fn wait<'a>(
            &self,
            buffer: &'a mut [MaybeUninit<Event>; CAPACITY],
            wait: Wait,
        ) -> io::Result<&'a [Event]> {
            let mut list = self.0.list.lock().unwrap();
            while wait == Wait::Forever && list.ready.is_empty() {
                list = self.0.changed.wait(list).unwrap();
            }
            let count = list.ready.len();
            for (place, event) in buffer.iter_mut().zip(list.ready.drain(..)) {
                place.write(event);
            }
            // SAFETY: that many have been written.
            Ok(unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast(), count) })
        }

        /// Something happens to a descriptor.
        pub(crate) fn happens(&self, fd: BorrowedFd<'_>, events: libc::c_int) {
            self.0.tell(|list| {
                let mut members = list.members.iter();
                let member = members.find(|(member, _)| *member == fd.as_raw_fd());
                if let Some((_, token)) = member.copied() {
                    list.add_event(token, events);
                }
            });
        }

        /// How many descriptors it has, besides the reactor's own two.
        pub(crate) fn members(&self) -> usize {
            self.0.list.lock().unwrap().members.len() - 2
        }
    }
}

pub(crate) mod eventfd {
    use super::epoll::{Kernel, LAST};
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::sync::Arc;

    #[derive(Debug)]
    pub(crate) struct EventFd(Arc<Kernel>, io::Stderr);

    impl EventFd {
        pub(crate) fn new() -> io::Result<Self> {
            let kernel = LAST.take().expect("an epoll instance is made first");
            Ok(Self(kernel, io::stderr()))
        }

        pub(crate) fn notify(&self) -> io::Result<()> {
            self.0.bump();
            Ok(())
        }
    }

    impl AsFd for EventFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.1.as_fd()
        }
    }
}

pub(crate) mod timerfd {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::time::Instant;

    /// It never expires: no model has a clock.
    #[derive(Debug)]
    pub(crate) struct TimerFd(io::Stderr);

    impl TimerFd {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(io::stderr()))
        }

        pub(crate) fn set(&self, _: Instant) -> io::Result<()> {
            Ok(())
        }
    }

    /// Nobody sets a clock in a model.
    #[derive(Debug)]
    pub(crate) struct ClockSetFd(io::Stderr);

    impl ClockSetFd {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(io::stderr()))
        }
    }

    impl AsFd for ClockSetFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl AsFd for TimerFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}
