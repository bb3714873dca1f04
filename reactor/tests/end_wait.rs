//! [`Reactor::end_wait_at`] from another thread, while the owner waits: it ends the wait in time, and never makes it longer.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use waterwheel_reactor::Reactor;

/// The other thread asks for a later end just when the owner's own deadline has passed, and the owner has not woken yet.
#[test]
fn a_later_end_does_not_take_the_owners_own_away() -> std::io::Result<()> {
    const LATER: Duration = Duration::from_secs(5);
    let reactor = Reactor::new()?;
    let (ask_at, asked) = mpsc::channel::<Instant>();
    thread::scope(|scope| {
        let theirs = &reactor;
        scope.spawn(move || {
            for at in asked {
                while Instant::now() < at {
                    std::hint::spin_loop();
                }
                let ended = theirs.end_wait_at(Instant::now() + LATER);
                ended.expect("the timerfd can be set");
            }
        });
        for round in 0..500 {
            let deadline = Instant::now() + Duration::from_millis(1);
            let offset = Duration::from_nanos(round % 50 * 100);
            ask_at.send(deadline + offset).expect("somebody listens");
            while Instant::now() < deadline {
                reactor.turn(Some(deadline))?;
            }
            let late = deadline.elapsed();
            assert!(late < LATER / 2, "round {round}: {late:?} late");
        }
        drop(ask_at);
        Ok(())
    })
}
