//! [`Race`]: the addresses of one peer, tried side by side, so that one which keeps silent costs a moment and not the whole limit.
//!
//! It goes by RFC 8305 ("Happy Eyeballs", sections 4 and 5). The attempts begin in [`order`]; each has a head start on the next,
//! and the next begins at once when one fails. The first that succeeds wins. The others are dropped, which closes their sockets.
//!
//! Time is that of the runtime ([`waterwheel_timer::now`]): paused, it pauses the head starts too. A thread that turns a reactor
//! by hand, without timers, tries one address after another.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use waterwheel_timer::{Sleep, Timers, sleep};

/// How long an attempt is alone before the next begins: RFC 8305 recommends 250 ms, and no less than 10 ms ever.
pub(crate) const HEAD_START: Duration = Duration::from_millis(250);
pub(crate) const LEAST_HEAD_START: Duration = Duration::from_millis(10);

/// The race, as a future. It gives the first success; if all fail, the [most telling](Failure::tells_more_than) error.
///
/// `F` begins an attempt. What it returns is an attempt under way, which ends when it is dropped.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Race<A, F> {
    /// In the order in which they are tried.
    addresses: Vec<SocketAddr>,
    begun: usize,
    running: Vec<Attempt<A>>,
    failure: Option<Failure>,
    head_start: Duration,
    /// The head start of the attempt that was begun last. `None` if no attempt follows it.
    pause: Option<Sleep>,
    begin: F,
}

struct Attempt<A> {
    place: usize,
    future: Pin<Box<A>>,
}

/// The error of one attempt.
struct Failure {
    place: usize,
    error: io::Error,
}

impl<A, F> Race<A, F> {
    /// A race between `addresses`, one at least, each with a `head_start` on the next.
    pub(crate) fn new(addresses: &[SocketAddr], head_start: Duration, begin: F) -> Self {
        debug_assert!(!addresses.is_empty(), "nobody to try");
        Self {
            addresses: order(addresses),
            begun: 0,
            running: Vec::new(),
            failure: None,
            head_start,
            pause: None,
            begin,
        }
    }

    /// What to say of a race that has not ended: which addresses have not answered, and what the others said.
    pub(crate) fn describe(&self) -> String {
        let silent = match self.running.as_slice() {
            [] => format!("{} was not tried", self.addresses[0]),
            [first] => format!("{} did not answer", self.addresses[first.place]),
            [first, others @ ..] => {
                let (first, others) = (self.addresses[first.place], others.len());
                format!("{first} and {others} more did not answer")
            }
        };
        match &self.failure {
            None => silent,
            Some(Failure { place, error }) => {
                format!("{silent}; {}: {error}", self.addresses[*place])
            }
        }
    }
}

impl<T, A, F> Race<A, F>
where
    A: Future<Output = io::Result<T>>,
    F: FnMut(SocketAddr) -> A,
{
    fn begin_next(&mut self) {
        let place = self.begun;
        let future = Box::pin((self.begin)(self.addresses[place]));
        self.running.push(Attempt { place, future });
        self.begun += 1;
        let is_followed = self.begun < self.addresses.len();
        self.pause = (is_followed && Timers::current().is_some()).then(|| sleep(self.head_start));
    }

    /// Polls the attempts under way. It gives what has won; else how many have failed.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Result<T, usize> {
        let mut failed = 0;
        let mut at = 0;
        while let Some(attempt) = self.running.get_mut(at) {
            match attempt.future.as_mut().poll(cx) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(winner)) => return Ok(winner),
                Poll::Ready(Err(error)) => {
                    let Attempt { place, .. } = self.running.remove(at);
                    let failure = Failure { place, error };
                    if (self.failure.as_ref()).is_none_or(|told| failure.tells_more_than(told)) {
                        self.failure = Some(failure);
                    }
                    failed += 1;
                }
            }
        }
        Err(failed)
    }

    /// Whether the head start is over of the attempt that was begun last.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.pause {
            Some(pause) => Pin::new(pause).poll(cx).is_ready(),
            None => false,
        }
    }
}

/// Nothing in it is pinned: attempts are boxed, and the function is called through `&mut`.
impl<A, F> Unpin for Race<A, F> {}

impl<T, A, F> Future for Race<A, F>
where
    A: Future<Output = io::Result<T>>,
    F: FnMut(SocketAddr) -> A,
{
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let failed = match this.poll_running(cx) {
                Ok(winner) => {
                    this.running.clear();
                    return Poll::Ready(Ok(winner));
                }
                Err(failed) => failed,
            };
            if this.begun == this.addresses.len() {
                return match this.failure.take_if(|_| this.running.is_empty()) {
                    Some(Failure { error, .. }) => Poll::Ready(Err(error)),
                    None => Poll::Pending,
                };
            }
            if failed > 0 || this.running.is_empty() || this.poll_pause(cx) {
                this.begin_next();
            } else {
                return Poll::Pending;
            }
        }
    }
}

impl Failure {
    /// An error that says that there is no way from here to the address tells less than what came from there. Otherwise the address
    /// counts that was to be tried first.
    fn tells_more_than(&self, other: &Self) -> bool {
        let rank = |failure: &Self| (is_no_way(&failure.error), failure.place);
        rank(self) < rank(other)
    }
}

/// "Address family not supported by protocol": a kernel without IPv6, mostly.
const EAFNOSUPPORT: i32 = 97;

fn is_no_way(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AddrNotAvailable, HostUnreachable, InvalidInput, NetworkDown, NetworkUnreachable,
        PermissionDenied,
    };
    matches!(
        error.kind(),
        AddrNotAvailable
            | HostUnreachable
            | InvalidInput
            | NetworkDown
            | NetworkUnreachable
            | PermissionDenied
    ) || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// The order in which addresses are tried: as they are, but with the two families by turns, from the first one's. So a family that
/// has no way to the peer costs one head start and not one an address.
fn order(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let is_of_first = |address: &&SocketAddr| address.is_ipv4() == first.is_ipv4();
    let mut these = addresses.iter().filter(is_of_first);
    let mut those = addresses.iter().filter(|address| !is_of_first(address));
    let mut ordered = Vec::with_capacity(addresses.len());
    while ordered.len() < addresses.len() {
        ordered.extend(these.next());
        ordered.extend(those.next());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::future::{pending, ready};
    use std::io::ErrorKind::{
        self, ConnectionRefused, NetworkUnreachable, PermissionDenied, TimedOut,
    };
    use std::rc::Rc;
    use waterwheel_executor::Runtime;

    fn v4(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn v6(port: u16) -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port))
    }

    #[test]
    fn families_take_turns_from_the_first_ones() {
        for (resolved, tried) in [
            (vec![], vec![]),
            (vec![v4(1), v4(2), v4(3)], vec![v4(1), v4(2), v4(3)]),
            (
                vec![v6(1), v6(2), v6(3), v4(4), v4(5)],
                vec![v6(1), v4(4), v6(2), v4(5), v6(3)],
            ),
            (
                vec![v4(1), v6(2), v6(3), v6(4), v4(5)],
                vec![v4(1), v6(2), v4(5), v6(3), v6(4)],
            ),
        ] {
            assert_eq!(order(&resolved), tried);
        }
    }

    /// What came of a race, unless all kept silent; and the ports that were tried, each with the milliseconds since its start.
    type Course = (Option<Result<u16, ErrorKind>>, Vec<(u16, u64)>);

    /// What attempts at an address come to, which is told by its port: port 1 keeps silent, port 0 succeeds, others fail.
    struct Peers {
        begun: Rc<RefCell<Vec<(u16, Duration)>>>,
        errors: &'static [ErrorKind],
    }

    impl Peers {
        fn new(errors: &'static [ErrorKind]) -> Self {
            let begun = Rc::default();
            Self { begun, errors }
        }

        /// Runs a race in paused time, and gives its result, and when each attempt was begun.
        fn race(&self, ports: &[u16]) -> Course {
            let runtime = Runtime::builder().worker_threads(1).paused_time().build();
            let result = runtime.expect("a runtime").block_on(async {
                let start = waterwheel_timer::now();
                let addresses: Vec<_> = ports.iter().copied().map(v4).collect();
                let race = Race::new(&addresses, HEAD_START, |address: SocketAddr| {
                    let now = waterwheel_timer::now() - start;
                    self.begun.borrow_mut().push((address.port(), now));
                    self.answer(address.port())
                });
                waterwheel_timer::timeout(Duration::from_secs(60), race).await
            });
            let begun = self.begun.take();
            let begun = begun
                .into_iter()
                .map(|(port, at)| (port, at.as_millis() as u64))
                .collect();
            let result = result.ok().map(|won| won.map_err(|error| error.kind()));
            (result, begun)
        }

        fn answer(&self, port: u16) -> Pin<Box<dyn Future<Output = io::Result<u16>>>> {
            match port {
                0 => Box::pin(ready(Ok(port))),
                1 => Box::pin(pending()),
                2.. if port < 100 => {
                    let error = self.errors[usize::from(port) - 2].into();
                    Box::pin(ready(Err(error)))
                }
                // It fails after as many milliseconds.
                _ => {
                    let wait = sleep(Duration::from_millis(port.into()));
                    Box::pin(async {
                        wait.await;
                        Err(ConnectionRefused.into())
                    })
                }
            }
        }
    }

    #[test]
    fn each_has_a_head_start_on_the_next() {
        let (result, begun) = Peers::new(&[]).race(&[1, 1, 1, 0, 0]);
        assert_eq!(result, Some(Ok(0)));
        assert_eq!(begun, [(1, 0), (1, 250), (1, 500), (0, 750)]);
    }

    #[test]
    fn the_next_begins_at_once_when_one_fails() {
        let (result, begun) = Peers::new(&[ConnectionRefused]).race(&[2, 2, 1, 2, 2, 0]);
        assert_eq!(result, Some(Ok(0)));
        // The fourth has its turn after the silent one's head start, and those behind it fail at once.
        assert_eq!(
            begun,
            [(2, 0), (2, 0), (1, 0), (2, 250), (2, 250), (0, 250)]
        );
        let (_, begun) = Peers::new(&[]).race(&[1, 100, 0]);
        assert_eq!(begun, [(1, 0), (100, 250), (0, 350)]);
        let (_, begun) = Peers::new(&[]).race(&[300, 1, 0]);
        assert_eq!(begun, [(300, 0), (1, 250), (0, 300)], "an earlier one, too");
    }

    #[test]
    fn one_that_keeps_silent_is_waited_for_when_all_others_have_failed() {
        let (result, begun) = Peers::new(&[ConnectionRefused]).race(&[2, 1, 2]);
        assert_eq!(result, None);
        assert_eq!(begun, [(2, 0), (1, 0), (2, 250)]);
        let (result, _) = Peers::new(&[TimedOut]).race(&[400, 2]);
        assert_eq!(result, Some(Err(ConnectionRefused)), "the first one's");
    }

    #[test]
    fn the_most_telling_error_is_given() {
        let peers = Peers::new(&[NetworkUnreachable, PermissionDenied, ConnectionRefused]);
        for (ports, told) in [
            (&[2, 4][..], ConnectionRefused),
            (&[4, 2], ConnectionRefused),
            (&[2, 3], NetworkUnreachable),
            (&[3, 2], PermissionDenied),
            (&[3, 2, 4, 2], ConnectionRefused),
        ] {
            assert_eq!(peers.race(ports).0, Some(Err(told)), "{ports:?}");
        }
        let no_family = io::Error::from_raw_os_error(EAFNOSUPPORT);
        assert!(is_no_way(&no_family), "{no_family}");
    }

    #[test]
    fn the_losers_are_dropped_when_one_has_won() {
        let alive = Rc::new(());
        let mut race = Race::new(&[v4(1), v4(0)], HEAD_START, |address: SocketAddr| {
            let alive = Rc::clone(&alive);
            async move {
                let _alive = alive;
                match address.port() {
                    0 => Ok(()),
                    _ => pending().await,
                }
            }
        });
        let runtime = Runtime::builder().worker_threads(1).paused_time().build();
        let won = runtime.expect("a runtime").block_on(&mut race);
        assert!(won.is_ok());
        assert_eq!(Rc::strong_count(&alive), 1, "a loser is left");
        drop(race);
    }

    /// A reactor that is turned by hand, and nobody who could wake it in time.
    #[test]
    fn without_timers_one_is_tried_after_another() {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut race = Race::new(
            &[v4(2), v4(1), v4(0)],
            HEAD_START,
            |address: SocketAddr| async move {
                match address.port() {
                    0 => Ok(()),
                    1 => pending().await,
                    _ => Err(io::Error::from(ConnectionRefused)),
                }
            },
        );
        assert!(Pin::new(&mut race).poll(&mut cx).is_pending());
        assert_eq!(race.begun, 2);
        assert_eq!(
            race.describe(),
            "127.0.0.1:1 did not answer; 127.0.0.1:2: connection refused"
        );
    }
}
