//! What accepts: a task for each listener, which takes connections until there are no more, and outlives every error.
//!
//! # When descriptors run out
//!
//! `accept4(2)` then fails and leaves the connection in the backlog, of which an edge-triggered reactor has told already: no
//! event will come. So the acceptor comes back by itself, when one of its own connections has ended, or after a pause
//! that grows from 5 ms to 100 ms.
//!
//! It holds a descriptor in reserve. When they have been out for longer than it was told to be patient, it gives that
//! up for a moment, in which it accepts a connection, and closes it: a peer that is refused knows.

use super::connection;
use super::listening::Listening;
use super::options::ServeOptions;
use super::register::{Acceptance, Close, Place, Register, Waiter};
use crate::stream::ListenerSocket;
use crate::util::contain::contain_panic;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use waterwheel_poll_context::budget::{self, GaveWay};
use waterwheel_timer::sleep;

/// How long the first pause is after an error, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// How many connections that have gone already are passed over without a pause.
const GONE_IN_A_ROW: u32 = 64;

/// What all connections of a server share.
pub(super) struct Shared<L: ListenerSocket, H> {
    pub(super) options: ServeOptions<L::Address>,
    pub(super) handler: H,
    pub(super) register: Arc<Register>,
}

impl<L: ListenerSocket, H> Shared<L, H> {
    /// Calls the user's hook. A panic of it, which the process's panic hook has told of, ends neither the acceptor nor the connection.
    pub(super) fn tell(&self, peer: Option<&L::Address>, error: &io::Error) {
        if let Some(hook) = &self.options.on_error {
            contain_panic(|| hook(peer, error));
        }
    }
}

/// What an acceptor comes upon.
enum Event<L: ListenerSocket> {
    Connection(L::Stream, L::Address, Place),
    Error(io::Error),
    Stop,
}

/// What is to be done about an error of `accept4(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// That connection has gone: on to the next.
    Gone,
    /// Out of descriptors.
    NoDescriptor,
    /// Anything else, which time may heal.
    Other,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        // From accept(2): errors of the network that are pending on the new socket are given by accept.
        const GONE: [i32; 8] = [
            ECONNABORTED,
            EPROTO,
            ENETDOWN,
            ENOPROTOOPT,
            EHOSTDOWN,
            ENONET,
            EHOSTUNREACH,
            ENETUNREACH,
        ];
        match error.raw_os_error() {
            Some(code) if GONE.contains(&code) => Self::Gone,
            Some(EMFILE | ENFILE) => Self::NoDescriptor,
            _ if error.kind() == io::ErrorKind::ConnectionAborted => Self::Gone,
            _ => Self::Other,
        }
    }
}

// Linux's numbers, as `libc` is not at hand here and `std` has no names for them.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENONET: i32 = 64;
const EPROTO: i32 = 71;
const ENOPROTOOPT: i32 = 92;
const ENETDOWN: i32 = 100;
const ENETUNREACH: i32 = 101;
const ECONNABORTED: i32 = 103;
const EHOSTDOWN: i32 = 112;
const EHOSTUNREACH: i32 = 113;

/// Accepts until the server stops.
pub(super) async fn accept_from<L, H, F>(
    listening: ClosesWhenDropped<L>,
    shared: Arc<Shared<L, H>>,
    accepting: Acceptance,
) where
    L: ListenerSocket,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    // Dropped after the listener, whose address is free when nobody accepts.
    let _accepting = accepting;
    let closes = listening;
    let listening = &*closes.0;
    let mut waiter = Waiter::new(Arc::clone(&shared.register));
    let mut trouble: Option<Since> = None;
    let mut gone = 0;
    loop {
        let mut gave_way = GaveWay::NO;
        let event = poll_fn(|cx| poll_next(listening, &mut waiter, &mut gave_way, cx)).await;
        match event {
            Event::Stop => return,
            Event::Connection(stream, peer, place) => {
                trouble = None;
                gone = 0;
                connection::start(&shared, stream, peer, place);
            }
            Event::Error(error) => {
                let kind = Trouble::of(&error);
                if kind == Trouble::Gone && gone < GONE_IN_A_ROW {
                    gone += 1;
                    continue;
                }
                gone = 0;
                let since = trouble.get_or_insert_with(|| {
                    shared.tell(None, &error);
                    Since::now()
                });
                if kind == Trouble::NoDescriptor && since.lasts() >= shared.options.refuse_after {
                    listening.refuse(&shared.register);
                }
                let pause = since.next_pause();
                if pause_for(pause, &mut waiter).await.is_break() {
                    return;
                }
            }
        }
    }
}

/// Waits for a connection, and room for it.
fn poll_next<L: ListenerSocket>(
    listening: &Listening<L>,
    waiter: &mut Waiter,
    gave_way: &mut GaveWay,
    cx: &mut Context<'_>,
) -> Poll<Event<L>> {
    loop {
        // A stop that comes after this wakes the task.
        if waiter.poll_stop(cx).is_ready() {
            return Poll::Ready(Event::Stop);
        }
        ready!(waiter.poll_room(cx));
        ready!(budget::poll_left(cx, gave_way));
        let accepted = ready!(listening.poll_accept(&waiter.register, cx));
        budget::spend();
        match accepted {
            Ok(Some((stream, peer, place))) => {
                return Poll::Ready(Event::Connection(stream, peer, place));
            }
            // It has been closed, or another listener has taken the room.
            Ok(None) => {}
            Err(error) => return Poll::Ready(Event::Error(error)),
        }
    }
}

/// Closes the listener when the acceptor ends, however that comes about.
pub(super) struct ClosesWhenDropped<L: ListenerSocket>(pub(super) Arc<Listening<L>>);

impl<L: ListenerSocket> Drop for ClosesWhenDropped<L> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Since when nothing could be accepted, and how long to wait before the next try.
struct Since {
    began: Instant,
    pause: Duration,
}

impl Since {
    fn now() -> Self {
        Self {
            began: waterwheel_timer::now(),
            pause: PAUSES.0,
        }
    }

    /// For how long already, by the runtime's clock.
    fn lasts(&self) -> Duration {
        waterwheel_timer::now().saturating_duration_since(self.began)
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSES.1);
        pause
    }
}

/// Waits for a while, or until a connection has ended, whose descriptor is free then. Breaks when the server stops.
async fn pause_for(pause: Duration, waiter: &mut Waiter) -> ControlFlow<()> {
    let mut sleep = sleep(pause);
    let before = waiter.register.ended();
    poll_fn(|cx| {
        if waiter.poll_stop(cx).is_ready() {
            return Poll::Ready(ControlFlow::Break(()));
        }
        if waiter.poll_ended(cx, before).is_pending() {
            ready!(Pin::new(&mut sleep).poll(cx));
        }
        Poll::Ready(ControlFlow::Continue(()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_kernels() {
        let ours = [
            (ENFILE, libc::ENFILE),
            (EMFILE, libc::EMFILE),
            (ENONET, libc::ENONET),
            (EPROTO, libc::EPROTO),
            (ENOPROTOOPT, libc::ENOPROTOOPT),
            (ENETDOWN, libc::ENETDOWN),
            (ENETUNREACH, libc::ENETUNREACH),
            (ECONNABORTED, libc::ECONNABORTED),
            (EHOSTDOWN, libc::EHOSTDOWN),
            (EHOSTUNREACH, libc::EHOSTUNREACH),
        ];
        for (ours, kernels) in ours {
            assert_eq!(ours, kernels);
        }
    }

    #[test]
    fn what_is_to_be_done_about_errors() {
        for (code, trouble) in [
            (libc::ECONNABORTED, Trouble::Gone),
            (libc::EPROTO, Trouble::Gone),
            (libc::EMFILE, Trouble::NoDescriptor),
            (libc::ENFILE, Trouble::NoDescriptor),
            (libc::ENOMEM, Trouble::Other),
            (libc::ENOBUFS, Trouble::Other),
            (libc::EINVAL, Trouble::Other),
        ] {
            assert_eq!(Trouble::of(&io::Error::from_raw_os_error(code)), trouble);
        }
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut since = Since::now();
        let pauses: Vec<u128> = (0..7).map(|_| since.next_pause().as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 100, 100]);
    }
}
