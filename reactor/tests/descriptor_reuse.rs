//! The numbers of descriptors are reused, events are received late, and neither may meet the wrong waiter.

mod common;

use common::{Count, poll, wait_until};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use waterwheel::reactor::{AsyncFd, Reactor};

/// Pitfalls: a stale event after descriptor reuse (libuv#826, #971); a token after deregistration
/// (RUSTSEC-2024-0019).
///
/// Some threads dispatch without pause; this one closes descriptors with their events still under way, and opens new
/// ones, which get the same numbers and the same keys. The only test of its file, so that nobody else takes those.
#[test]
fn an_event_of_a_closed_descriptor_wakes_nobody_else() {
    const ROUNDS: usize = 12_000;
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let stop = Arc::new(AtomicBool::new(false));
    let dispatchers = [(); 3].map(|()| {
        let (reactor, stop) = (Arc::clone(&reactor), Arc::clone(&stop));
        thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                reactor.turn_now().expect("turn_now");
            }
        })
    });

    let mut last = None;
    let mut reused = 0;
    for round in 0..ROUNDS {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let number = ours.as_raw_fd();
        reused += usize::from(last.replace(number) == Some(number));
        let ours = AsyncFd::new(ours).expect("nonblocking");
        let woken = Count::new();
        let mut readable = ours.readable();
        assert!(poll(&mut readable, &woken.waker()).is_pending());
        // Most rounds leave an event under way; every eighth waits for one to come to the wrong waiter.
        if round % 8 == 7 {
            thread::yield_now();
            assert_eq!(woken.get(), 0, "round {round}: nothing has been written");
        }
        theirs.write_all(b"x").expect("write");
        if round % 16 == 0 {
            wait_until("its own event wakes it", || woken.get() == 1);
            assert!(poll(&mut readable, &woken.waker()).is_ready());
        }
    }
    stop.store(true, Ordering::SeqCst);
    for dispatcher in dispatchers {
        dispatcher.join().expect("dispatcher");
    }
    assert_eq!(reused, ROUNDS - 1, "each round reuses the number");
    assert_eq!(reactor.registered(), 0);
}
