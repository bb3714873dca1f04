//! Any number of tasks wait for the same descriptor. Each is woken, and each may leave.

mod common;

use common::{Count, poll};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use waterwheel::reactor::{AsyncFd, Interest, Reactor};

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("pair");
    (AsyncFd::new(ours).expect("nonblocking"), theirs)
}

/// Writes until the kernel takes no more, so that writers wait.
fn fill(fd: &AsyncFd<UnixStream>) {
    while fd.get_ref().write(&[0; 1 << 16]).is_ok() {}
}

fn drain(mut stream: &UnixStream) {
    stream.set_nonblocking(true).expect("nonblocking");
    while stream.read(&mut [0; 1 << 16]).is_ok_and(|count| count != 0) {}
}

#[test]
fn all_waiters_of_a_direction_are_woken_and_no_other() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    fill(&ours);
    let (readers, writers) = (Count::new(), Count::new());
    let mut reading: Vec<_> = (0..100).map(|_| ours.readable()).collect();
    let mut writing: Vec<_> = (0..100)
        .map(|_| ours.async_io(Interest::Write, |mut stream| stream.write(b"x")))
        .collect();
    for (read, write) in reading.iter_mut().zip(&mut writing) {
        assert!(poll(read, &readers.waker()).is_pending());
        assert!(poll(write, &writers.waker()).is_pending());
    }
    assert_eq!(reactor.registered(), 1);

    theirs.write_all(b"x").expect("write");
    readers.turn_until(&reactor, 100);
    assert_eq!((readers.get(), writers.get()), (100, 0));
    for read in &mut reading {
        assert!(poll(read, &readers.waker()).is_ready());
    }

    drain(&theirs);
    writers.turn_until(&reactor, 100);
    assert_eq!((readers.get(), writers.get()), (100, 100));
    for write in &mut writing {
        assert!(poll(write, &writers.waker()).is_ready());
    }
}

/// Pitfall: a reused slab index removes another task's waker (compio#502).
#[test]
fn who_leaves_takes_nobody_along() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    // The one that leaves is the first, and so in the slot; or one of the others.
    for leaves in 0..4 {
        let (ours, mut theirs) = pair();
        let woken = Count::new();
        let mut waiting: Vec<_> = (0..4).map(|_| ours.readable()).collect();
        for wait in &mut waiting {
            assert!(poll(wait, &woken.waker()).is_pending());
        }
        drop(waiting.remove(leaves));
        // Another takes its place, and leaves too.
        let mut passer = ours.readable();
        let passed = Count::new();
        assert!(poll(&mut passer, &passed.waker()).is_pending());
        drop(passer);

        theirs.write_all(b"x").expect("write");
        woken.turn_until(&reactor, 3);
        assert_eq!((woken.get(), passed.get()), (3, 0));
        for wait in &mut waiting {
            assert!(poll(wait, &woken.waker()).is_ready());
        }
    }
}

/// Pitfall: a reused slab index removes another task's waker (compio#502). Here those who leave have been woken, and others
/// wait where they did.
#[test]
fn who_leaves_after_being_woken_takes_nobody_along() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    let (before, after) = (Count::new(), Count::new());
    let mut first: Vec<_> = (0..4).map(|_| ours.readable()).collect();
    for wait in &mut first {
        assert!(poll(wait, &before.waker()).is_pending());
    }
    theirs.write_all(b"x").expect("write");
    before.turn_until(&reactor, 4);
    let read = |mut stream: &UnixStream| stream.read(&mut [0]);
    assert_eq!(ours.try_io(Interest::Read, read).expect("read"), 1);
    assert!(ours.try_io(Interest::Read, read).is_err(), "once");
    let mut second: Vec<_> = (0..4).map(|_| ours.readable()).collect();
    for wait in &mut second {
        assert!(poll(wait, &after.waker()).is_pending());
    }
    drop(first);
    theirs.write_all(b"x").expect("write");
    // No longer than it takes: one that was taken along would never be woken.
    reactor.turn(None).expect("turn");
    assert_eq!((before.get(), after.get()), (4, 4));
}

/// Pitfall: cancelled waiters accumulate (async-io).
#[test]
fn a_hundred_thousand_cancelled_waiters_leave_nothing() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    let (cancelled, stays) = (Count::new(), Count::new());
    let mut waiting = ours.readable();
    assert!(poll(&mut waiting, &stays.waker()).is_pending());
    for _ in 0..100_000 {
        assert!(poll(&mut ours.readable(), &cancelled.waker()).is_pending());
    }
    assert_eq!(Arc::strong_count(&cancelled), 1, "no waker is left");
    theirs.write_all(b"x").expect("write");
    stays.turn_until(&reactor, 1);
    assert_eq!((stays.get(), cancelled.get()), (1, 0));
}

/// A future that moves to another task wakes that one.
#[test]
fn the_last_waker_that_polled_is_woken() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    let (before, after) = (Count::new(), Count::new());
    let mut waiting = ours.readable();
    assert!(poll(&mut waiting, &before.waker()).is_pending());
    assert!(poll(&mut waiting, &after.waker()).is_pending());
    assert_eq!(Arc::strong_count(&before), 1, "the first waker is gone");
    theirs.write_all(b"x").expect("write");
    after.turn_until(&reactor, 1);
    assert_eq!((before.get(), after.get()), (0, 1));
}

/// Two tasks fight for one byte: who is too late waits again, and is woken by the next.
#[test]
fn who_comes_too_late_waits_again() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    let woken = Count::new();
    let byte = |mut stream: &UnixStream| {
        let mut byte = [0];
        stream.read_exact(&mut byte).map(|()| byte[0])
    };
    let mut first = ours.async_io(Interest::Read, byte);
    let mut second = ours.async_io(Interest::Read, byte);
    assert!(poll(&mut first, &woken.waker()).is_pending());
    assert!(poll(&mut second, &woken.waker()).is_pending());
    theirs.write_all(b"a").expect("write");
    woken.turn_until(&reactor, 2);
    assert!(poll(&mut first, &woken.waker()).is_ready());
    assert!(poll(&mut second, &woken.waker()).is_pending());
    theirs.write_all(b"b").expect("write");
    woken.turn_until(&reactor, 3);
    assert!(poll(&mut second, &woken.waker()).is_ready());
}
