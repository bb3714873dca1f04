//! How long a turn lasts: until its deadline, an event or an unpark, and not longer.

mod common;

use common::{Count, PATIENCE, poll};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::reactor::{AsyncFd, Reactor};

/// Pitfall: sub-millisecond delays truncate to 0 and spin (smol#109). Of a sole deadline a turn returns once: it does
/// not return early, and nothing is left to return for later.
#[test]
fn a_turn_lasts_until_its_deadline() {
    let reactor = Reactor::new().expect("reactor");
    for delay in [20, 500, 3_000, 10_000].map(Duration::from_micros) {
        let deadline = Instant::now() + delay;
        let mut turns = 0;
        while Instant::now() < deadline {
            reactor.turn(Some(deadline)).expect("turn");
            turns += 1;
        }
        // On a slow machine the deadline passes before the first.
        assert!(turns <= 1, "{turns} turns for {delay:?}");
    }
}

#[test]
fn a_deadline_that_has_passed_does_not_sleep() {
    let reactor = Reactor::new().expect("reactor");
    let start = Instant::now();
    for _ in 0..1000 {
        assert_eq!(reactor.turn(Some(start)).expect("turn"), 0);
    }
    let _entered = reactor.enter();
    let (ours, mut theirs) = UnixStream::pair().expect("pair");
    let ours = AsyncFd::new(ours).expect("nonblocking");
    let woken = Count::new();
    let mut waiting = ours.readable();
    assert!(poll(&mut waiting, &woken.waker()).is_pending());
    theirs.write_all(b"x").expect("write");
    assert_eq!(reactor.turn(Some(start)).expect("turn"), 1, "it dispatches");
    assert_eq!(woken.get(), 1);
}

#[test]
fn an_unpark_before_a_turn_is_kept() {
    let reactor = Reactor::new().expect("reactor");
    reactor.unpark();
    reactor.unpark();
    let start = Instant::now();
    reactor.turn(Some(start + PATIENCE)).expect("turn");
    assert!(start.elapsed() < PATIENCE);
    // Once: the next one sleeps.
    let deadline = Instant::now() + Duration::from_millis(5);
    reactor.turn(Some(deadline)).expect("turn");
    assert!(Instant::now() >= deadline);
}

/// A zero turn does not use up the notification of an unpark.
#[test]
fn turn_now_leaves_an_unpark_for_the_owner() {
    let reactor = Reactor::new().expect("reactor");
    reactor.unpark();
    reactor.turn_now().expect("turn_now");
    let start = Instant::now();
    reactor.turn(Some(start + PATIENCE)).expect("turn");
    assert!(start.elapsed() < PATIENCE);
}

/// Pitfall: a nearer timer does not interrupt a thread already in `epoll_wait` (tokio#3190).
#[test]
fn a_nearer_deadline_of_another_thread_ends_the_wait() {
    let reactor = Reactor::new().expect("reactor");
    let (nearer, deadlines) = mpsc::channel();
    thread::scope(|scope| {
        let reactor = &reactor;
        let owner = scope.spawn(move || {
            let far = Instant::now() + PATIENCE;
            let mut next = far;
            loop {
                next = deadlines.try_iter().fold(next, Instant::min);
                if Instant::now() >= next {
                    return next < far;
                }
                reactor.turn(Some(next)).expect("turn");
            }
        });
        for millis in [4000, 300, 20] {
            nearer
                .send(Instant::now() + Duration::from_millis(millis))
                .expect("the owner listens");
            reactor.unpark();
        }
        assert!(owner.join().expect("owner"), "it slept through");
    });
}

/// Eight threads publish work and unpark, the owner sleeps whenever it finds none: none is left lying.
#[test]
fn no_unpark_of_eight_threads_is_lost() {
    const EACH: usize = 10_000;
    let reactor = Reactor::new().expect("reactor");
    let (publish, work) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..8 {
            let (publish, reactor) = (publish.clone(), &reactor);
            scope.spawn(move || {
                for _ in 0..EACH {
                    publish.send(()).expect("the owner listens");
                    reactor.unpark();
                }
            });
        }
        let mut done = 0;
        while done < 8 * EACH {
            match work.try_iter().count() {
                0 => assert_eq!(reactor.turn(None).expect("turn"), 0),
                some => done += some,
            }
        }
    });
}
