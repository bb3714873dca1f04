//! Models of the reactor as a whole: who registers, closes, turns and unparks at the same time.
//!
//! `reactor/` and all that it stands on are the crate's own files; the kernel below them is `loom/sys.rs`.

#![cfg(loom)]

#[allow(dead_code, reason = "the models need a part of it")]
#[path = "loom/bell.rs"]
mod bell;
#[allow(
    dead_code,
    reason = "the models need a part of it, and none sets a clock"
)]
#[path = "../src/park/mod.rs"]
mod park;
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the models need a part of it, and it is public in the crate"
)]
#[path = "../src/reactor/mod.rs"]
mod reactor;
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the models need a part of it, and it is public in the crate"
)]
#[path = "../src/source/mod.rs"]
mod source;
/// There are none in a model.
mod spare_pipes {
    pub(crate) fn release() {}

    pub(crate) fn tidy() -> Option<std::time::Duration> {
        None
    }
}
#[path = "loom/sync.rs"]
mod sync;
#[path = "loom/sys.rs"]
mod sys;

use bell::{Bell, explore};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use reactor::{Reactor, Source};
use source::Interest::{Read, Write};
use std::io::{stdin, stdout};
use std::os::fd::AsFd;
use std::sync::Arc;
use sync::lock;

/// Where a source is registered, and what its word says of it, are the same.
fn assert_consistent(source: &Source) {
    let home = lock(&source.home).is_some();
    let word = source.readiness.observe().is_registered();
    assert_eq!(
        home, word,
        "it has a home: {home}; its word says so: {word}"
    );
}

/// A reader that saw the source unregistered is slow; by the time it registers, in another runtime, somebody else
/// has registered it in one that is being closed.
#[test]
fn who_registers_while_another_reactor_closes_stays_registered() {
    explore(None, || {
        let (closing, open) = (Reactor::new().unwrap(), Reactor::new().unwrap());
        let source = Arc::new(Source::new());
        closing.register(stdin().as_fd(), &source, Write).unwrap();
        let late = thread::spawn({
            let (open, source) = (Arc::clone(&open), Arc::clone(&source));
            move || open.register(stdin().as_fd(), &source, Read).unwrap()
        });
        closing.close();
        late.join().unwrap();
        assert_consistent(&source);
        assert_eq!(closing.registered(), 0);
        assert_eq!(closing.epoll().members(), 0);
        assert_eq!(open.registered(), open.epoll().members());
        open.close();
        assert_consistent(&source);
    });
}

#[test]
fn a_registration_and_a_close_of_the_same_reactor_leave_nothing_half_done() {
    explore(None, || {
        let reactor = Reactor::new().unwrap();
        let source = Arc::new(Source::new());
        let registrant = thread::spawn({
            let (reactor, source) = (Arc::clone(&reactor), Arc::clone(&source));
            move || reactor.register(stdin().as_fd(), &source, Read).is_ok()
        });
        reactor.close();
        registrant.join().unwrap();
        assert!(lock(&source.home).is_none(), "the reactor takes no more");
        assert_consistent(&source);
        assert_eq!(reactor.registered() + reactor.epoll().members(), 0);
    });
}

/// A duplicate of it would stay in epoll, and tell of what nobody asks for.
#[test]
fn a_descriptor_that_is_dropped_while_its_reactor_closes_leaves_epoll_first() {
    explore(None, || {
        let reactor = Reactor::new().unwrap();
        let source = Arc::new(Source::new());
        reactor.register(stdin().as_fd(), &source, Read).unwrap();
        let closing = thread::spawn({
            let reactor = Arc::clone(&reactor);
            move || reactor.close()
        });
        // As the registration does when it is dropped, and the descriptor is closed right after.
        let home = lock(&source.home).take();
        if let Some(home) = home {
            home.reactor.deregister(home.token);
        }
        assert_eq!(reactor.epoll().members(), 0);
        closing.join().unwrap();
        assert_eq!(reactor.registered(), 0);
    });
}

/// A reader and a writer block first at the same time.
#[test]
fn two_who_register_at_once_register_once() {
    explore(None, || {
        let reactor = Reactor::new().unwrap();
        let source = Arc::new(Source::new());
        let writer = thread::spawn({
            let (reactor, source) = (Arc::clone(&reactor), Arc::clone(&source));
            move || reactor.register(stdin().as_fd(), &source, Write).unwrap()
        });
        reactor.register(stdin().as_fd(), &source, Read).unwrap();
        assert_consistent(&source);
        writer.join().unwrap();
        assert_eq!((reactor.registered(), reactor.epoll().members()), (1, 1));
        reactor.close();
    });
}

/// Pitfall: a failed registration leaks its slot (tokio#6329), or is ignored (bun#32706). Neither is whoever came to
/// wait while it was tried forgotten.
#[test]
fn who_parks_while_a_registration_fails_is_woken() {
    explore(None, || {
        let reactor = Reactor::new().unwrap();
        let source = Arc::new(Source::new());
        let reader = thread::spawn({
            let (reactor, source) = (Arc::clone(&reactor), Arc::clone(&source));
            move || {
                assert!(reactor.register(stdout().as_fd(), &source, Read).is_err());
            }
        });
        let bell = Bell::new();
        let mut key = None;
        while source.readiness.observe().is_registered() {
            if source.park(Read, &mut key, &bell.waker()) {
                bell.wait();
            }
        }
        reader.join().unwrap();
        assert_consistent(&source);
        assert_eq!(reactor.registered(), 0);
    });
}

/// Pitfalls: a token after deregistration (RUSTSEC-2024-0019); a stale event after descriptor reuse (libuv#826, #971).
#[test]
fn an_event_of_a_source_that_is_leaving_finds_it_or_nobody() {
    explore(None, || {
        let reactor = Reactor::new().unwrap();
        let source = Arc::new(Source::new());
        reactor.register(stdin().as_fd(), &source, Read).unwrap();
        reactor.epoll().happens(stdin().as_fd(), libc::EPOLLIN);
        let turning = thread::spawn({
            let reactor = Arc::clone(&reactor);
            move || reactor.turn_now().unwrap()
        });
        let home = lock(&source.home).take().expect("registered");
        reactor.deregister(home.token);
        let next = Arc::new(Source::new());
        reactor.register(stdin().as_fd(), &next, Read).unwrap();
        turning.join().unwrap();
        assert!(!next.readiness.observe().is_ready(Read), "a stale event");
        assert_eq!((reactor.registered(), reactor.epoll().members()), (1, 1));
        reactor.close();
    });
}

/// A waiter is woken whoever of two threads receives its event, the owner or one that takes a turn for it.
#[test]
fn an_event_wakes_its_waiter_whoever_receives_it() {
    explore(4, || {
        let reactor = Reactor::new().unwrap();
        let source = Arc::new(Source::new());
        reactor.register(stdin().as_fd(), &source, Read).unwrap();
        let sibling = thread::spawn({
            let reactor = Arc::clone(&reactor);
            move || reactor.turn_now().unwrap()
        });
        let kernel = thread::spawn({
            let reactor = Arc::clone(&reactor);
            move || reactor.epoll().happens(stdin().as_fd(), libc::EPOLLIN)
        });
        // The owner: sleeps until its task is woken, which unparks it.
        let waker = std::task::Waker::from(Arc::clone(&reactor));
        let mut key = None;
        while !source.readiness.observe().is_ready(Read) {
            if source.park(Read, &mut key, &waker) {
                reactor.turn(None).unwrap();
            }
        }
        sibling.join().unwrap();
        kernel.join().unwrap();
        reactor.close();
    });
}

/// A turn taken for the owner may receive the event that was to end the owner's sleep.
#[test]
fn an_unpark_reaches_the_owner_whoever_receives_its_event() {
    explore(None, || {
        let reactor = Reactor::new().unwrap();
        let work = Arc::new(AtomicBool::new(false));
        let sibling = thread::spawn({
            let reactor = Arc::clone(&reactor);
            move || reactor.turn_now().unwrap()
        });
        let unparker = thread::spawn({
            let (reactor, work) = (Arc::clone(&reactor), Arc::clone(&work));
            move || {
                work.store(true, Ordering::Relaxed);
                reactor.unpark();
            }
        });
        while !work.load(Ordering::Relaxed) {
            reactor.turn(None).unwrap();
        }
        sibling.join().unwrap();
        unparker.join().unwrap();
    });
}

/// A registration makes the descriptors of a reactor whose owner is about to sleep without any, and a third thread has work for that.
#[test]
fn an_unpark_reaches_an_owner_whose_descriptors_are_being_made() {
    explore(3, || {
        let reactor = Reactor::lazy();
        let work = Arc::new(AtomicBool::new(false));
        let source = Arc::new(Source::new());
        let registrant = thread::spawn({
            let (reactor, source) = (Arc::clone(&reactor), Arc::clone(&source));
            move || reactor.register(stdin().as_fd(), &source, Read).unwrap()
        });
        let unparker = thread::spawn({
            let (reactor, work) = (Arc::clone(&reactor), Arc::clone(&work));
            move || {
                work.store(true, Ordering::Relaxed);
                reactor.unpark();
            }
        });
        while !work.load(Ordering::Relaxed) {
            reactor.turn(None).unwrap();
        }
        registrant.join().unwrap();
        unparker.join().unwrap();
        reactor.close();
    });
}

/// One who works twice: the second time the owner may have come out of its first wait, wherever that was.
#[test]
fn each_of_two_unparks_reaches_an_owner_whose_descriptors_are_being_made() {
    explore(2, || {
        let reactor = Reactor::lazy();
        let work = Arc::new(AtomicUsize::new(0));
        let source = Arc::new(Source::new());
        let registrant = thread::spawn({
            let (reactor, source) = (Arc::clone(&reactor), Arc::clone(&source));
            move || reactor.register(stdin().as_fd(), &source, Read).unwrap()
        });
        let unparker = thread::spawn({
            let (reactor, work) = (Arc::clone(&reactor), Arc::clone(&work));
            move || {
                for _ in 0..2 {
                    work.fetch_add(1, Ordering::Relaxed);
                    reactor.unpark();
                }
            }
        });
        for wanted in 1..=2 {
            while work.load(Ordering::Relaxed) < wanted {
                reactor.turn(None).unwrap();
            }
        }
        registrant.join().unwrap();
        unparker.join().unwrap();
        reactor.close();
    });
}

/// The owner sleeps without descriptors while another thread registers one with its reactor, and something happens there.
#[test]
fn an_owner_that_sleeps_without_descriptors_hears_of_the_first() {
    explore(None, || {
        let reactor = Reactor::lazy();
        let source = Arc::new(Source::new());
        let registrant = thread::spawn({
            let (reactor, source) = (Arc::clone(&reactor), Arc::clone(&source));
            move || {
                reactor.register(stdin().as_fd(), &source, Read).unwrap();
                reactor.epoll().happens(stdin().as_fd(), libc::EPOLLIN);
            }
        });
        while !source.readiness.observe().is_ready(Read) {
            reactor.turn(None).unwrap();
        }
        registrant.join().unwrap();
        reactor.close();
    });
}
