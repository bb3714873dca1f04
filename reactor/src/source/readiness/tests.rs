//! Tests of `readiness`.

use super::*;
use Interest::{Read, Write};

fn registered() -> Readiness {
    let readiness = Readiness::new();
    readiness.register(Read);
    readiness.clear(readiness.observe(), Write, Drained::WouldBlock);
    readiness
}

#[test]
fn an_unregistered_descriptor_is_asked_directly() {
    let seen = Readiness::new().observe();
    assert_eq!(seen, Observed::UNREGISTERED);
    assert!(seen.is_ready(Read) && seen.is_ready(Write) && !seen.is_registered());
}

#[test]
fn registering_clears_only_the_direction_that_blocked() {
    let readiness = Readiness::new();
    readiness.register(Read);
    let seen = readiness.observe();
    assert!(seen.is_registered() && !seen.is_ready(Read) && seen.is_ready(Write));
}

/// Pitfall: readiness that is assumed and not told makes `readable()` resolve at once on a silent peer.
#[test]
fn nothing_is_reported_before_the_kernel_has_said_something() {
    let readiness = Readiness::new();
    let reported = || [Read, Write].map(|way| readiness.observe().is_reported(way));
    assert_eq!(reported(), [false, false], "no source");
    readiness.register(Read);
    assert_eq!(reported(), [false, false], "registered");
    readiness.publish(Ready::WRITE);
    assert_eq!(reported(), [false, true]);
    readiness.publish(Ready::READ);
    assert_eq!(reported(), [true, true]);
    readiness.clear(readiness.observe(), Read, Drained::Short);
    assert_eq!(reported(), [false, true]);
    readiness.orphan();
    assert_eq!(reported(), [false, false], "the kernel is silent again");
}

#[test]
fn every_event_is_a_report_in_the_directions_that_it_concerns() {
    for events in [
        EPOLLIN,
        EPOLLOUT,
        EPOLLPRI,
        EPOLLRDHUP,
        EPOLLHUP,
        EPOLLERR,
        EPOLLIN | EPOLLOUT,
    ] {
        let ready = Ready::from_epoll(events);
        let readiness = registered();
        readiness.publish(ready);
        for way in [Read, Write] {
            let seen = readiness.observe();
            assert_eq!(seen.is_reported(way), ready.concerns(way), "{events:#x}");
            assert_eq!(seen.is_ready(way), ready.concerns(way), "{events:#x}");
        }
    }
}

#[test]
fn a_call_that_drains_takes_the_assumption_away_too() {
    for why in [Drained::WouldBlock, Drained::Short] {
        let readiness = Readiness::new();
        readiness.register(Read);
        assert!(readiness.observe().is_ready(Write), "assumed");
        readiness.clear(readiness.observe(), Write, why);
        assert!(!readiness.observe().is_ready(Write), "{why:?}");
    }
}

#[test]
fn an_assumption_is_forgotten_and_a_report_is_not() {
    let readiness = Readiness::new();
    readiness.register(Read);
    let before = readiness.observe();
    readiness.publish(Ready::WRITE);
    readiness.forget_assumption(before, Write);
    assert!(readiness.observe().is_reported(Write), "it is stale");
    readiness.forget_assumption(readiness.observe(), Write);
    assert!(readiness.observe().is_reported(Write));

    let readiness = Readiness::new();
    readiness.register(Read);
    readiness.forget_assumption(readiness.observe(), Write);
    assert!(!readiness.observe().is_ready(Write));
    assert!(readiness.observe().is_registered());
}

/// Else who reads would wait for a report that nobody makes.
#[test]
fn an_orphan_keeps_its_assumptions() {
    let readiness = Readiness::new();
    readiness.register(Read);
    let before = readiness.observe();
    readiness.orphan();
    readiness.forget_assumption(before, Write);
    assert!(readiness.observe().is_ready(Write));
}

#[test]
fn an_orphan_is_asked_directly_again() {
    let readiness = registered();
    let before = readiness.observe();
    readiness.orphan();
    let seen = readiness.observe();
    assert!(seen.is_ready(Read) && seen.is_ready(Write) && !seen.is_registered());
    readiness.clear(before, Read, Drained::WouldBlock);
    assert_eq!(readiness.observe(), seen, "a clear from before is stale");
}

/// Pitfall: a tick cut to 8 bits lets a stale clear eat an edge (tokio#6133, #8331).
#[test]
fn a_stale_clear_eats_no_edge_however_many_events_came() {
    for events in [1, 2, 256, 65_536, 1 << 20] {
        let readiness = registered();
        let stale = readiness.observe();
        for _ in 0..events {
            readiness.publish(Ready::READ);
        }
        readiness.clear(stale, Read, Drained::WouldBlock);
        assert!(readiness.observe().is_ready(Read), "{events} events");
    }
}

#[test]
fn the_tick_wraps_into_nothing_else() {
    let readiness = registered();
    readiness
        .word
        .store(REGISTERED | (u64::from(u32::MAX) << 32), Ordering::Relaxed);
    readiness.publish(Ready::READ);
    assert_eq!(
        readiness.word.load(Ordering::Relaxed),
        REGISTERED | READABLE
    );
}

/// Pitfall: data lost at RDHUP (netty#4325).
#[test]
fn a_fin_that_came_with_data_outlives_a_short_read() {
    let readiness = registered();
    readiness.publish(Ready::from_epoll(EPOLLIN | EPOLLRDHUP));
    readiness.clear(readiness.observe(), Read, Drained::Short);
    assert!(readiness.observe().is_ready(Read));
    assert!(!readiness.observe().is_ready(Write));
}

#[test]
fn urgent_data_outlives_a_short_read() {
    let readiness = registered();
    readiness.publish(Ready::from_epoll(EPOLLIN | EPOLLPRI));
    readiness.clear(readiness.observe(), Read, Drained::Short);
    assert!(readiness.observe().is_ready(Read));
    assert!(!readiness.observe().is_ready(Write));
    readiness.clear(readiness.observe(), Read, Drained::WouldBlock);
    assert!(!readiness.observe().is_ready(Read));
}

/// The kernel tells of urgent data no more once somebody has received it, and reads stop at its place all the same.
#[test]
fn from_the_first_urgent_data_on_a_short_read_clears_nothing() {
    let readiness = registered();
    readiness.publish(Ready::from_epoll(EPOLLPRI));
    readiness.clear(readiness.observe(), Read, Drained::WouldBlock);
    assert!(!readiness.observe().is_ready(Read));
    readiness.orphan();
    readiness.register(Read);
    readiness.publish(Ready::from_epoll(EPOLLIN | EPOLLOUT));
    readiness.clear(readiness.observe(), Read, Drained::Short);
    assert!(readiness.observe().is_ready(Read));
    readiness.clear(readiness.observe(), Write, Drained::Short);
    assert!(!readiness.observe().is_ready(Write), "writes have no mark");
    readiness.clear(readiness.observe(), Read, Drained::WouldBlock);
    assert!(!readiness.observe().is_ready(Read));
}

/// Pitfall: RDHUP taken for HUP, a write spin (mio#939).
#[test]
fn a_half_close_leaves_writing_alone() {
    assert!(!Ready::from_epoll(EPOLLRDHUP).concerns(Write));
    assert!(Ready::from_epoll(EPOLLRDHUP).concerns(Read));
    assert!(Ready::from_epoll(EPOLLHUP).concerns(Write));
    assert!(Ready::from_epoll(EPOLLHUP).concerns(Read));
}

/// Pitfall: EPOLLERR spins (seastar#1785) or wakes nobody (tokio#2218, #4349).
#[test]
fn an_error_readies_both_directions_until_the_kernel_says_would_block() {
    let readiness = registered();
    readiness.publish(Ready::from_epoll(EPOLLERR));
    assert!(readiness.observe().is_ready(Read) && readiness.observe().is_ready(Write));
    readiness.clear(readiness.observe(), Read, Drained::Short);
    assert!(
        readiness.observe().is_ready(Read),
        "the error is still to be fetched"
    );
    readiness.clear(readiness.observe(), Read, Drained::WouldBlock);
    assert!(!readiness.observe().is_ready(Read));
    readiness.clear(readiness.observe(), Write, Drained::WouldBlock);
    assert!(!readiness.observe().is_ready(Write));
}

/// A direction may be shut down between a `WouldBlock` and the registration that it leads to.
#[test]
fn what_was_shut_down_before_it_was_registered_is_tried_again() {
    for (ended, other) in [(Read, Write), (Write, Read)] {
        let readiness = Readiness::new();
        readiness.publish(Ready::closed(ended));
        readiness.register(ended);
        assert!(readiness.observe().is_ready(ended));
        assert!(readiness.observe().is_closed(ended));
        assert!(!readiness.observe().is_closed(other));
        readiness.clear(readiness.observe(), ended, Drained::WouldBlock);
        assert!(!readiness.observe().is_ready(ended));
    }
}

#[test]
fn would_block_clears_a_closed_bit_that_it_contradicts() {
    let readiness = registered();
    readiness.publish(Ready::from_epoll(EPOLLHUP));
    readiness.clear(readiness.observe(), Read, Drained::WouldBlock);
    assert!(!readiness.observe().is_ready(Read));
    assert!(readiness.observe().is_ready(Write));
}
