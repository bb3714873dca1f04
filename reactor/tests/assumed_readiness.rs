//! Readiness that the reactor only assumes, since the kernel has not been asked, is no readiness to `readable` and
//! `writable`. Reads and writes still try first.

mod common;

use common::{Count, PATIENCE, poll};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;
use waterwheel::reactor::{AsyncFd, Interest, Operation, OwnedWait, Reactor, Reading};

/// Two ends of a connection, of which the first is awaited.
fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("pair");
    (AsyncFd::new(ours).expect("nonblocking"), theirs)
}

/// Writes until the kernel takes no more.
fn fill(mut fd: impl Write) {
    loop {
        match fd.write(&[0; 4096]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Takes turns until the kernel has nothing more to tell.
fn hear_all(reactor: &Reactor) {
    while reactor.turn_now().expect("turn") > 0 {}
}

/// A future made anew each time, as a user's loop makes it, pends each time, before the kernel's first report and after it.
macro_rules! assert_pends {
    ($reactor:expr, $future:expr) => {
        for round in 0..10 {
            let mut future = $future;
            let polled = poll(&mut future, Waker::noop());
            assert!(polled.is_pending(), "round {round}: {polled:?}");
            hear_all($reactor);
            let polled = poll(&mut future, Waker::noop());
            assert!(polled.is_pending(), "told, round {round}: {polled:?}");
        }
    };
}

#[test]
fn a_silent_stream_that_a_writer_registered_is_not_readable() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    let woken = Count::new();
    let mut writable = ours.writable();
    assert!(poll(&mut writable, &woken.waker()).is_pending());
    assert_pends!(&reactor, ours.readable());
    assert!(poll(&mut writable, Waker::noop()).is_ready(), "reported");

    let woken = Count::new();
    let mut readable = ours.readable();
    assert!(poll(&mut readable, &woken.waker()).is_pending());
    theirs.write_all(b"!").expect("room");
    woken.turn_until(&reactor, 1);
    assert!(poll(&mut readable, Waker::noop()).is_ready());
    // By a word of the kernel's, until somebody finds it empty.
    assert!(poll(&mut ours.readable(), Waker::noop()).is_ready());
    let read = |mut fd: &UnixStream| fd.read(&mut [0; 8]);
    assert_eq!(ours.try_io(Interest::Read, read).expect("a byte"), 1);
    let empty = ours.try_io(Interest::Read, read).expect_err("empty");
    assert_eq!(empty.kind(), ErrorKind::WouldBlock);
    assert_pends!(&reactor, ours.readable());
}

/// The same by an `OwnedWait`, by which a server waits for its listeners.
#[test]
fn to_a_stay_a_silent_stream_that_a_writer_registered_is_not_readable() {
    const CALL: Operation<Reading> = Operation::new("a test");
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    assert!(poll(&mut ours.writable(), Waker::noop()).is_pending());
    let woken = Count::new();
    let mut stay = OwnedWait::<Reading>::new();
    let mut poll_ready = || stay.poll_ready(&ours, CALL, &woken.waker());
    assert!(poll_ready().is_pending(), "nobody has asked the kernel");
    hear_all(&reactor);
    assert!(poll_ready().is_pending(), "it told of room alone");
    theirs.write_all(b"!").expect("room");
    woken.turn_until(&reactor, 1);
    assert!(poll_ready().is_ready());
    stay.leave(&ours);
}

#[test]
fn a_full_stream_that_a_reader_registered_is_not_writable() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    fill(ours.get_ref());
    assert!(poll(&mut ours.readable(), Waker::noop()).is_pending());
    assert_pends!(&reactor, ours.writable());

    let woken = Count::new();
    let mut writable = ours.writable();
    assert!(poll(&mut writable, &woken.waker()).is_pending());
    theirs.set_nonblocking(true).expect("fcntl");
    while theirs.read(&mut [0; 65536]).is_ok() {}
    woken.turn_until(&reactor, 1);
    assert!(poll(&mut writable, Waker::noop()).is_ready());
}

/// It becomes readable when the process ends, and is never writable.
#[test]
fn a_pidfd_of_a_process_that_runs_is_not_readable() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("cat");
    // SAFETY: the call takes no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    assert!(fd >= 0, "pidfd_open: {}", io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor.
    let process = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let process = AsyncFd::new(process).expect("nonblocking");
    assert!(poll(&mut process.writable(), Waker::noop()).is_pending());
    assert_pends!(&reactor, process.readable());

    let woken = Count::new();
    let mut readable = process.readable();
    assert!(poll(&mut readable, &woken.waker()).is_pending());
    drop(child.stdin.take());
    woken.turn_until(&reactor, 1);
    assert!(poll(&mut readable, Waker::noop()).is_ready());
    child.wait().expect("it has ended");
}

/// What was there before the registration is reported, to the direction too that did not ask.
#[test]
fn what_was_there_before_is_reported() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    theirs.write_all(b"!").expect("room");
    assert!(poll(&mut ours.writable(), Waker::noop()).is_pending());
    let woken = Count::new();
    let mut readable = ours.readable();
    assert!(poll(&mut readable, &woken.waker()).is_pending());
    woken.turn_until(&reactor, 1);
    assert!(poll(&mut readable, Waker::noop()).is_ready());
}

/// The first read after a registration is tried, report or none, and finds what there is.
#[test]
fn a_first_read_asks_the_kernel_itself() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    assert!(poll(&mut ours.writable(), Waker::noop()).is_pending());
    theirs.write_all(b"!").expect("room");
    let read = |mut fd: &UnixStream| fd.read(&mut [0; 8]);
    let mut reading = ours.async_io(Interest::Read, read);
    assert!(matches!(
        poll(&mut reading, Waker::noop()),
        Poll::Ready(Ok(1))
    ));
    assert_eq!(
        ours.try_io(Interest::Read, read).expect_err("empty").kind(),
        ErrorKind::WouldBlock
    );
}

/// A wait that parks where readiness was only assumed takes its waker back when it is dropped, like any other.
#[test]
fn who_waits_for_a_report_and_leaves_leaves_nothing() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, _theirs) = pair();
    assert!(poll(&mut ours.writable(), Waker::noop()).is_pending());
    let woken = Count::new();
    for _ in 0..1000 {
        assert!(poll(&mut ours.readable(), &woken.waker()).is_pending());
    }
    assert_eq!(Arc::strong_count(&woken), 1, "a waker is left");
}

/// When the reactor is closed, nothing is known any more, and the next one is asked.
#[test]
fn a_report_of_a_reactor_that_has_ended_does_not_count_in_the_next() {
    let (ours, mut theirs) = pair();
    let first = Reactor::new().expect("reactor");
    let entered = first.enter();
    let woken = Count::new();
    let mut readable = ours.readable();
    assert!(poll(&mut ours.writable(), Waker::noop()).is_pending());
    assert!(poll(&mut readable, &woken.waker()).is_pending());
    hear_all(&first);
    drop(entered);
    first.close();
    assert_eq!(woken.get(), 1, "the end of the reactor is told");

    let second = Reactor::new().expect("reactor");
    let _entered = second.enter();
    assert!(poll(&mut readable, &woken.waker()).is_pending());
    assert_pends!(&second, ours.readable());
    theirs.write_all(b"!").expect("room");
    woken.turn_until(&second, 2);
    assert!(poll(&mut readable, Waker::noop()).is_ready());
}

/// A new registration by one thread while others wait for reports: each is woken.
#[test]
fn reports_reach_waiters_on_other_threads() {
    for _ in 0..300 {
        let reactor = Reactor::new().expect("reactor");
        let (ours, mut theirs) = pair();
        theirs.write_all(b"!").expect("room");
        let give_up = Instant::now() + PATIENCE;
        std::thread::scope(|scope| {
            for direction in [Interest::Read, Interest::Write] {
                let (reactor, ours) = (&reactor, &ours);
                scope.spawn(move || {
                    let _entered = reactor.enter();
                    let woken = Count::new();
                    let (mut readable, mut writable) = (ours.readable(), ours.writable());
                    while match direction {
                        Interest::Read => poll(&mut readable, &woken.waker()).is_pending(),
                        Interest::Write => poll(&mut writable, &woken.waker()).is_pending(),
                    } {
                        let before = woken.get();
                        while woken.get() == before {
                            assert!(Instant::now() < give_up, "{direction:?} waits in vain");
                            reactor.turn_now().expect("turn");
                        }
                    }
                });
            }
        });
        drop(theirs);
    }
}
