//! What the kernel sees of a reactor: its descriptors, their flags, what is registered, how often it is written to.
//!
//! Read from `/proc`. The tests count the descriptors of the whole process, so they run one after the other.

mod common;

use common::{Count, poll, wait_until};
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use waterwheel::reactor::{AsyncFd, Reactor};

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The open descriptors, and what they are. Without the one that lists them.
fn descriptors() -> Vec<(String, PathBuf)> {
    let list = fs::read_dir("/proc/self/fd").expect("/proc");
    list.filter_map(|entry| {
        let entry = entry.expect("/proc");
        let what = fs::read_link(entry.path()).ok()?;
        let number = entry.file_name().into_string().expect("a number");
        (!what.ends_with("fd")).then_some((number, what))
    })
    .collect()
}

/// A new reactor, with the number of its descriptor of each kind.
struct Seen {
    reactor: Arc<Reactor>,
    epoll: String,
    eventfd: String,
    timerfd: String,
}

impl Seen {
    fn new() -> Self {
        let before = descriptors();
        let reactor = Reactor::new().expect("reactor");
        let mut new = descriptors();
        new.retain(|descriptor| !before.contains(descriptor));
        assert_eq!(new.len(), 3, "{new:?}");
        let number_of = |kind: &str| {
            let mut found = new
                .iter()
                .filter(|(_, what)| what.to_str().is_some_and(|what| what.contains(kind)));
            found.next().expect(kind).0.clone()
        };
        Self {
            reactor,
            epoll: number_of("[eventpoll]"),
            eventfd: number_of("[eventfd]"),
            timerfd: number_of("[timerfd]"),
        }
    }

    /// How many descriptors are in the epoll instance, the reactor's own two aside.
    fn members(&self) -> usize {
        let lines = fields(&self.epoll, "tfd:");
        lines.len() - 2
    }

    /// What has been written to the eventfd: one for each write, as nobody reads it.
    fn writes(&self) -> u64 {
        let count = fields(&self.eventfd, "eventfd-count:");
        u64::from_str_radix(&count[0], 16).expect("a number")
    }
}

/// The first words of the lines of a descriptor's `fdinfo` that begin with `name`.
fn fields(number: &str, name: &str) -> Vec<String> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).expect("fdinfo");
    info.lines()
        .filter_map(|line| line.strip_prefix(name))
        .map(|rest| rest.split_whitespace().next().unwrap_or("").to_owned())
        .collect()
}

/// Pitfall: an eventfd or epoll descriptor without CLOEXEC reaches children (tokio#3809).
#[test]
fn no_descriptor_of_a_reactor_reaches_a_child() {
    const O_CLOEXEC: u32 = 0o2_000_000;
    let _alone = alone();
    let seen = Seen::new();
    for number in [&seen.epoll, &seen.eventfd, &seen.timerfd] {
        let flags = u32::from_str_radix(&fields(number, "flags:")[0], 8).expect("octal");
        assert_ne!(flags & O_CLOEXEC, 0, "descriptor {number}: {flags:o}");
    }
}

#[test]
fn a_thousand_reactors_leave_no_descriptor_behind() {
    let _alone = alone();
    let before = descriptors();
    for round in 0..1000 {
        let reactor = Reactor::new().expect("reactor");
        let _entered = reactor.enter();
        let (ours, _theirs) = UnixStream::pair().expect("pair");
        let ours = AsyncFd::new(ours).expect("nonblocking");
        assert!(poll(&mut ours.readable(), &Count::new().waker()).is_pending());
        // Closed with a descriptor in it, or left by the descriptor first.
        if round % 2 == 0 {
            reactor.close();
        }
    }
    assert_eq!(descriptors(), before);
}

/// Pitfall: a dup'd or inherited descriptor keeps its registration after close: spin (libuv#1148, #1099).
#[test]
fn a_duplicate_does_not_keep_the_registration() {
    let _alone = alone();
    let seen = Seen::new();
    let _entered = seen.reactor.enter();
    let (ours, mut theirs) = UnixStream::pair().expect("pair");
    let duplicate = ours.try_clone().expect("dup");
    let ours = AsyncFd::new(ours).expect("nonblocking");
    assert!(poll(&mut ours.readable(), &Count::new().waker()).is_pending());
    assert_eq!(seen.members(), 1);
    drop(ours);
    assert_eq!((seen.members(), seen.reactor.registered()), (0, 0));
    theirs.write_all(b"for the duplicate").expect("write");
    assert_eq!(seen.reactor.turn_now().expect("turn_now"), 0);
    drop(duplicate);
}

#[test]
fn a_closed_reactor_lets_go_of_descriptors_that_live_on() {
    let _alone = alone();
    let seen = Seen::new();
    let _entered = seen.reactor.enter();
    let (ours, _theirs) = UnixStream::pair().expect("pair");
    let ours = AsyncFd::new(ours).expect("nonblocking");
    assert!(poll(&mut ours.readable(), &Count::new().waker()).is_pending());
    seen.reactor.close();
    assert_eq!((seen.members(), seen.reactor.registered()), (0, 0));
    drop(ours);
}

/// One registration, made at the first `WouldBlock`, for all that is ever waited for.
#[test]
fn a_descriptor_is_registered_once_and_only_if_it_blocks() {
    let _alone = alone();
    let seen = Seen::new();
    let _entered = seen.reactor.enter();
    let (ours, _theirs) = UnixStream::pair().expect("pair");
    let ours = AsyncFd::new(ours).expect("nonblocking");
    let woken = Count::new();
    let write = |mut stream: &UnixStream| stream.write(b"x");
    let mut written = ours.async_io(waterwheel::reactor::Interest::Write, write);
    assert!(poll(&mut written, &woken.waker()).is_ready());
    assert_eq!(seen.members(), 0, "it has not blocked");
    for _ in 0..3 {
        assert!(poll(&mut ours.readable(), &woken.waker()).is_pending());
        assert_eq!(seen.members(), 1);
    }
}

#[test]
fn an_owner_that_does_not_sleep_is_unparked_without_a_system_call() {
    let _alone = alone();
    let seen = Seen::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..1000).for_each(|_| seen.reactor.unpark()));
        }
    });
    assert_eq!(seen.writes(), 0);
    // And yet it does not sleep next.
    seen.reactor.turn(None).expect("turn");
    assert_eq!(seen.writes(), 0);
}

/// The owner sleeps once, and eight threads wake it at the same time, a hundred times over.
#[test]
fn a_burst_of_unparks_is_one_system_call() {
    let _alone = alone();
    let seen = Seen::new();
    for round in 1..=100 {
        let together = Barrier::new(8);
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let reactor = &seen.reactor;
            scope.spawn(move || {
                let this_thread = fs::read_link("/proc/thread-self").expect("/proc");
                tell.send(this_thread).expect("told");
                reactor.turn(None).expect("turn");
            });
            let stat = PathBuf::from("/proc")
                .join(told.recv().expect("told"))
                .join("stat");
            wait_until("the owner sleeps", || {
                let stat = fs::read_to_string(&stat).expect("/proc");
                stat.rsplit(") ")
                    .next()
                    .is_some_and(|rest| rest.starts_with('S'))
            });
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    seen.reactor.unpark();
                });
            }
        });
        assert!(
            seen.writes() <= round,
            "{} writes in {round} rounds",
            seen.writes()
        );
        // What is left of the burst: the notification of those who came late, and a late edge.
        seen.reactor.unpark();
        seen.reactor.turn(None).expect("turn");
    }
    assert!(seen.writes() > 0);
}
