//! Any thread may take a turn of a reactor while its owner sleeps or runs: it may receive events that were to end the
//! owner's sleep, and must not keep them.

mod common;

use common::PATIENCE;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::reactor::Reactor;

/// Runs `owner` on a thread of its own, in rounds that it counts, while this thread takes the reactor's turns as
/// fast as it can. Fails if no round ends for longer than [`PATIENCE`].
fn beside_a_sibling(
    reactor: &Arc<Reactor>,
    rounds: usize,
    owner: impl Fn(&Reactor) + Send + 'static,
) {
    let done = Arc::new(AtomicUsize::new(0));
    let owner = thread::spawn({
        let (reactor, done) = (Arc::clone(reactor), Arc::clone(&done));
        move || {
            for _ in 0..rounds {
                owner(&reactor);
                done.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let (mut seen, mut since) = (0, Instant::now());
    while !owner.is_finished() {
        reactor.turn_now().expect("turn_now");
        let now = done.load(Ordering::SeqCst);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "stuck in round {seen}");
    }
    owner.join().expect("the owner");
}

#[test]
fn an_unpark_reaches_the_owner_while_a_sibling_turns() {
    let reactor = Reactor::new().expect("reactor");
    let asked = Arc::new(AtomicBool::new(false));
    let stop = Arc::new(AtomicBool::new(false));
    let unparker = thread::spawn({
        let (reactor, asked, stop) = (Arc::clone(&reactor), Arc::clone(&asked), Arc::clone(&stop));
        move || {
            while !stop.load(Ordering::SeqCst) {
                // One unpark for each round of the owner: if it is lost, nobody repeats it.
                if asked.swap(false, Ordering::SeqCst) {
                    reactor.unpark();
                }
                thread::yield_now();
            }
        }
    });
    beside_a_sibling(&reactor, 5_000, move |reactor| {
        asked.store(true, Ordering::SeqCst);
        // It may return early, but not for ever with nothing.
        while asked.load(Ordering::SeqCst) {
            reactor.turn(None).expect("turn");
        }
    });
    stop.store(true, Ordering::SeqCst);
    unparker.join().expect("the unparker");
}

#[test]
fn a_deadline_ends_the_owners_sleep_while_a_sibling_turns() {
    let reactor = Reactor::new().expect("reactor");
    beside_a_sibling(&reactor, 5_000, |reactor| {
        let deadline = Instant::now() + Duration::from_micros(50);
        while Instant::now() < deadline {
            reactor.turn(Some(deadline)).expect("turn");
        }
    });
}

/// Two deadlines at once, the owner's and one that another thread brings: whoever arms the timerfd last, the
/// nearer one ends the wait.
#[test]
fn a_later_deadline_does_not_put_off_a_nearer_one() {
    let reactor = Reactor::new().expect("reactor");
    let start = Instant::now();
    let near = start + Duration::from_millis(20);
    // Arms the timerfd far ahead, and then nearer, and then far ahead again.
    reactor.unpark();
    reactor.turn(Some(start + PATIENCE)).expect("turn");
    reactor.unpark();
    reactor.turn(Some(near)).expect("turn");
    reactor.unpark();
    reactor.turn(Some(start + 2 * PATIENCE)).expect("turn");
    while Instant::now() < near {
        reactor.turn(Some(near)).expect("turn");
    }
    assert!(start.elapsed() < PATIENCE);
}
