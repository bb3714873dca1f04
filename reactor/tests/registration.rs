//! What cannot be registered, and what is registered already.

mod common;

use common::{Count, PATIENCE, Run, poll, wait_until};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Instant;
use waterwheel::reactor::{AsyncFd, Interest, Reactor};

fn regular_file() -> File {
    File::open("/proc/self/exe").expect("this program's own file")
}

/// Pitfall: a failed registration leaks its slot (tokio#6329), or is ignored: a deaf listener (bun#32706).
#[test]
fn what_epoll_cannot_watch_is_an_error_when_it_is_waited_for() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let file = AsyncFd::new(regular_file()).expect("nonblocking");
    // As long as it does not block, it works.
    let mut head = [0; 4];
    let mut read = file.async_io(Interest::Read, |mut file| file.read(&mut head));
    assert!(matches!(poll(&mut read, Waker::noop()), Poll::Ready(Ok(4))));
    let woken = Count::new();
    for _ in 0..100 {
        let Poll::Ready(Err(error)) = poll(&mut file.readable(), &woken.waker()) else {
            panic!("it cannot be waited for");
        };
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert_eq!(reactor.registered(), 0);
    }
    assert_eq!(Arc::strong_count(&woken), 1, "no waker is left");
}

/// Two threads wait for what cannot be waited for: whichever parks while the other's registration is under way
/// must be woken when that fails.
#[test]
fn who_waits_while_a_registration_fails_meets_the_error_too() {
    let reactor = Reactor::new().expect("reactor");
    let file = AsyncFd::new(regular_file()).expect("nonblocking");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _entered = reactor.enter();
            while !done.load(Ordering::SeqCst) {
                // An error, or pending while the other thread's is tried.
                let _ = poll(&mut file.writable(), Waker::noop());
            }
        });
        let _entered = reactor.enter();
        let mut parked = 0;
        let start = Instant::now();
        for _ in 0..200_000 {
            let woken = Arc::new(AtomicBool::new(false));
            let waker = Run::waker({
                let woken = Arc::clone(&woken);
                move || woken.store(true, Ordering::SeqCst)
            });
            let mut writable = file.writable();
            while poll(&mut writable, &waker).is_pending() {
                parked += 1;
                let give_up = Instant::now() + PATIENCE;
                while !woken.swap(false, Ordering::SeqCst) {
                    if Instant::now() > give_up {
                        done.store(true, Ordering::SeqCst);
                        panic!("parked {parked} times, and the last for ever");
                    }
                    std::hint::spin_loop();
                }
            }
            if parked >= 100 || start.elapsed().as_secs() >= 5 {
                break;
            }
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(reactor.registered(), 0);
}

/// The same descriptor by two owners: the second is told so, and the first goes on.
#[test]
fn the_same_descriptor_twice_is_an_error_for_the_second_alone() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (stream, mut theirs) = UnixStream::pair().expect("pair");
    let first: AsyncFd<BorrowedFd<'_>> = AsyncFd::new(stream.as_fd()).expect("nonblocking");
    let second = AsyncFd::from_nonblocking(stream.as_fd());
    let woken = Count::new();
    let mut waiting = first.readable();
    assert!(poll(&mut waiting, &woken.waker()).is_pending());
    for _ in 0..3 {
        let Poll::Ready(Err(error)) = poll(&mut second.readable(), Waker::noop()) else {
            panic!("it is registered already");
        };
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(reactor.registered(), 1);
    }
    drop(second);
    theirs.write_all(b"x").expect("write");
    woken.turn_until(&reactor, 1);
    assert!(poll(&mut waiting, &woken.waker()).is_ready());
}

/// What is taken out may come in again, here or elsewhere.
#[test]
fn into_inner_takes_it_out() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (stream, mut theirs) = UnixStream::pair().expect("pair");
    let fd = AsyncFd::new(stream).expect("nonblocking");
    assert!(poll(&mut fd.readable(), Waker::noop()).is_pending());
    let stream = fd.into_inner();
    assert_eq!(reactor.registered(), 0);
    let fd = AsyncFd::from_nonblocking(stream);
    let woken = Count::new();
    let mut waiting = fd.readable();
    assert!(poll(&mut waiting, &woken.waker()).is_pending());
    theirs.write_all(b"x").expect("write");
    woken.turn_until(&reactor, 1);
    assert!(poll(&mut waiting, &woken.waker()).is_ready());
}

#[test]
fn try_io_asks_only_if_it_is_thought_ready() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = UnixStream::pair().expect("pair");
    let ours = AsyncFd::new(ours).expect("nonblocking");
    let calls = std::cell::Cell::new(0);
    let try_read = || {
        ours.try_io(Interest::Read, |mut stream| {
            calls.set(calls.get() + 1);
            stream.read(&mut [0; 8])
        })
    };
    let would_block = |result: io::Result<usize>| {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    };
    would_block(try_read());
    would_block(try_read());
    assert_eq!(calls.get(), 2, "nothing is known of it: it is asked");
    let woken = Count::new();
    let mut waiting = ours.readable();
    assert!(poll(&mut waiting, &woken.waker()).is_pending());
    would_block(try_read());
    assert_eq!(calls.get(), 2, "it is known to have nothing");
    theirs.write_all(b"x").expect("write");
    woken.turn_until(&reactor, 1);
    assert_eq!(try_read().expect("read"), 1);
    would_block(try_read());
    assert_eq!(calls.get(), 4);
    would_block(try_read());
    assert_eq!(calls.get(), 4, "it has been cleared");
}

/// A reader and a writer, on two threads, block first at the same time: one registration, and both are woken.
#[test]
fn a_reader_and_a_writer_that_block_at_once_register_once() {
    let reactor = Reactor::new().expect("reactor");
    for _ in 0..500 {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let ours = AsyncFd::new(ours).expect("nonblocking");
        while ours.get_ref().write(&[0; 1 << 16]).is_ok() {}
        let together = std::sync::Barrier::new(2);
        let (reads, writes) = (Count::new(), Count::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                let _entered = reactor.enter();
                let mut reading =
                    ours.async_io(Interest::Read, |mut stream| stream.read(&mut [0; 8]));
                together.wait();
                assert!(poll(&mut reading, &reads.waker()).is_pending());
                together.wait();
                wait_until("the reader is woken", || reads.get() == 1);
            });
            let _entered = reactor.enter();
            let mut writing = ours.async_io(Interest::Write, |mut stream| stream.write(b"x"));
            together.wait();
            assert!(poll(&mut writing, &writes.waker()).is_pending());
            together.wait();
            assert_eq!(reactor.registered(), 1);
            theirs.write_all(b"x").expect("write");
            theirs.set_nonblocking(true).expect("nonblocking");
            while theirs.read(&mut [0; 1 << 16]).is_ok() {}
            writes.turn_until(&reactor, 1);
            reads.turn_until(&reactor, 1);
        });
    }
    assert_eq!(reactor.registered(), 0);
}
