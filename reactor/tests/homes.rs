//! A descriptor and the reactor that it is registered with: there may be several, and they may end.

mod common;

use common::{Count, poll};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::task::Poll;
use std::thread;
use waterwheel::reactor::{AsyncFd, Reactor};

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("pair");
    (AsyncFd::new(ours).expect("nonblocking"), theirs)
}

#[test]
fn two_reactors_keep_apart() {
    let (one, two) = (Reactor::new().unwrap(), Reactor::new().unwrap());
    let ((at_one, mut to_one), (at_two, mut to_two)) = (pair(), pair());
    let (woken_one, woken_two) = (Count::new(), Count::new());
    let (mut wait_one, mut wait_two) = (at_one.readable(), at_two.readable());
    {
        let _outer = one.enter();
        assert!(poll(&mut wait_one, &woken_one.waker()).is_pending());
        {
            let _inner = two.enter();
            assert!(poll(&mut wait_two, &woken_two.waker()).is_pending());
        }
        let current = Reactor::current().expect("the outer one again");
        assert!(std::sync::Arc::ptr_eq(&current, &one));
    }
    assert!(Reactor::current().is_none());
    assert_eq!((one.registered(), two.registered()), (1, 1));
    to_one.write_all(b"x").expect("write");
    to_two.write_all(b"x").expect("write");
    assert_eq!(one.turn(None).expect("turn"), 1);
    assert_eq!((woken_one.get(), woken_two.get()), (1, 0));
    assert_eq!(two.turn(None).expect("turn"), 1);
    assert_eq!((woken_one.get(), woken_two.get()), (1, 1));
}

#[test]
fn close_wakes_everybody_and_takes_nobody_in() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let fds: Vec<_> = (0..100).map(|_| pair()).collect();
    let woken = Count::new();
    let mut waiting: Vec<_> = fds.iter().map(|(fd, _)| fd.readable()).collect();
    for wait in &mut waiting {
        assert!(poll(wait, &woken.waker()).is_pending());
    }
    reactor.close();
    assert_eq!((woken.get(), reactor.registered()), (100, 0));
    for wait in &mut waiting {
        let Poll::Ready(Err(error)) = poll(wait, &woken.waker()) else {
            panic!("a closed reactor takes no more");
        };
        assert!(error.to_string().contains("shutting down"), "{error}");
    }
    // But another one does.
    let next = Reactor::new().expect("reactor");
    let _entered = next.enter();
    for wait in &mut waiting {
        assert!(poll(wait, &woken.waker()).is_pending());
    }
    assert_eq!(next.registered(), 100);
    for (_, peer) in &fds {
        let mut peer: &UnixStream = peer;
        peer.write_all(b"x").expect("write");
    }
    woken.turn_until(&next, 200);
}

/// One thread waits for a descriptor in the reactor of another, which closes; and registers with its own.
#[test]
fn who_waits_in_a_reactor_that_closes_moves_on() {
    for _ in 0..500 {
        let (first, second) = (Reactor::new().unwrap(), Reactor::new().unwrap());
        let (ours, mut theirs) = pair();
        let woken = Count::new();
        {
            let _entered = first.enter();
            assert!(poll(&mut ours.readable(), &woken.waker()).is_pending());
        }
        let together = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                together.wait();
                first.close();
            });
            let _entered = second.enter();
            let mut waiting = ours.readable();
            together.wait();
            // Woken by the close, or too late to have been in it.
            while poll(&mut waiting, &woken.waker()).is_pending() {
                if second.registered() == 1 {
                    break;
                }
                common::wait_until("the close wakes it", || woken.get() > 0);
            }
            theirs.write_all(b"x").expect("write");
            while poll(&mut waiting, &woken.waker()).is_pending() {
                second.turn(None).expect("turn");
            }
        });
        assert_eq!((first.registered(), second.registered()), (0, 1));
    }
}
