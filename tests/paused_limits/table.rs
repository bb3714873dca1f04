//! Every public function that takes a time, and what it does where time is paused.

use super::Timed;
use std::fs::File;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use waterwheel::net::{
    Outbox, ServeOptions, TcpListener, TcpSocket, TcpStream, UnixStream, copy_bidirectional, serve,
};
use waterwheel::reactor::AsyncFd;
use waterwheel::time::{self, CallbackTimer, IdleTimeout, Schedule, now};
use waterwheel::{interval, interval_at, sleep, sleep_until, timeout, timeout_at, yield_now};

/// What each function is told.
pub(super) const LIMIT: Duration = Duration::from_secs(60 * 60);

/// What those with slack may be late by.
const SLACK: Duration = Duration::from_secs(60);

pub(super) struct Row {
    /// As [`that_take_a_time`](super::functions::that_take_a_time) has it; after a comma, in which of its ways it is called.
    pub(super) name: &'static str,
    pub(super) takes: Takes,
}

#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// `timed` gives how much virtual time it takes: `time`, or up to `late` more.
    Virtual {
        time: Duration,
        late: Duration,
        timed: fn() -> Timed,
    },
    /// It waits for nothing by the runtime's clock, and this is why.
    NoVirtualTime(&'static str),
}

/// How much virtual time passes until a future is ready, which must not begin to count before it is polled.
async fn measured(wait: impl Future) -> Duration {
    let start = now();
    wait.await;
    now() - start
}

macro_rules! takes_the_limit {
    ($name:literal, $future:expr) => {
        takes_with_slack!($name, Duration::ZERO, measured(async { $future.await }))
    };
}

macro_rules! takes_with_slack {
    ($name:literal, $late:expr, $timed:expr) => {
        Row {
            name: $name,
            takes: Takes::Virtual {
                time: LIMIT,
                late: $late,
                timed: || Box::pin($timed),
            },
        }
    };
}

fn no_virtual_time(name: &'static str, why: &'static str) -> Row {
    Row {
        name,
        takes: Takes::NoVirtualTime(why),
    }
}

const DRIVER: &str = "how long the kernel is waited in, which is real; a paused runtime's driver is given no deadline";
const KERNEL: &str = "an option of the socket: the kernel counts, by its own clock";
const OWN_CLOCK: &str = "moves the clock that it is called on, and waits for nothing";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(sleeps());
    rows.extend(callbacks());
    rows.extend(clocks());
    rows.extend(network());
    rows.extend(hyper());
    rows
}

fn sleeps() -> Vec<Row> {
    vec![
        takes_the_limit!("sleep", sleep(LIMIT)),
        takes_the_limit!("sleep_until", sleep_until(now() + LIMIT)),
        takes_the_limit!("Sleep::reset", async {
            let mut sleep = sleep(2 * LIMIT);
            sleep.reset(now() + LIMIT);
            sleep.await;
        }),
        takes_with_slack!(
            "Sleep::with_slack",
            SLACK,
            measured(async { sleep(LIMIT).with_slack(SLACK).await })
        ),
        takes_the_limit!("timeout", timeout(LIMIT, pending::<()>())),
        takes_the_limit!("timeout_at", timeout_at(now() + LIMIT, pending::<()>())),
        takes_with_slack!("interval", Duration::ZERO, async {
            let mut interval = interval(LIMIT);
            interval.tick().await;
            measured(interval.tick()).await
        }),
        takes_the_limit!("interval_at", async {
            interval_at(now() + LIMIT, LIMIT).tick().await;
        }),
        takes_with_slack!("Interval::with_slack", SLACK, async {
            let mut interval = interval_at(now() + LIMIT, LIMIT).with_slack(SLACK);
            measured(interval.tick()).await
        }),
        takes_the_limit!("IdleTimeout::new", IdleTimeout::new(LIMIT)),
        takes_the_limit!("IdleTimeout::set_limit", async {
            let mut idle = IdleTimeout::new(2 * LIMIT);
            idle.set_limit(LIMIT);
            idle.touch();
            idle.await;
        }),
        takes_the_limit!(
            "sleep_until_system",
            time::sleep_until_system(time::system_now() + LIMIT)
        ),
        takes_the_limit!("SystemSleep::reset", async {
            let mut sleep = time::sleep_until_system(time::system_now() + 2 * LIMIT);
            sleep.reset(time::system_now() + LIMIT);
            sleep.await;
        }),
        takes_the_limit!("sleep_boottime", time::sleep_boottime(LIMIT)),
        no_virtual_time(
            "MissedTickBehavior::next",
            "computes an instant from those that it is given",
        ),
    ]
}

/// Awaits the first call of a function that is given away.
async fn called<T>(arrange: impl FnOnce(Box<dyn FnMut() + Send>) -> T) {
    let state: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
    let theirs = Arc::clone(&state);
    let arranged = arrange(Box::new(move || {
        let mut state = theirs.lock().unwrap();
        state.0 = true;
        if let Some(waker) = state.1.take() {
            drop(state);
            waker.wake();
        }
    }));
    poll_fn(|cx| {
        let mut state = state.lock().unwrap();
        state.1 = Some(cx.waker().clone());
        if state.0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    drop(arranged);
}

fn callbacks() -> Vec<Row> {
    use time::{Callback, run_after, run_at, run_every};
    vec![
        takes_the_limit!("run_at", called(|f| run_at(now() + LIMIT, f))),
        takes_the_limit!("run_after", called(|f| run_after(LIMIT, f))),
        takes_the_limit!("run_every", called(|f| ends(run_every(LIMIT, f)))),
        takes_the_limit!(
            "Callback::at_system",
            called(|f| Callback::at_system(time::system_now() + LIMIT).run(f))
        ),
        takes_the_limit!(
            "Callback::at",
            called(|mut f| Callback::at(now() + LIMIT).run_async(move || async move { f() }))
        ),
        takes_the_limit!(
            "Callback::after",
            called(|mut f| Callback::after(LIMIT).run_async(move || async move { f() }))
        ),
        takes_the_limit!(
            "Callback::every",
            called(|mut f| ends(Callback::every(LIMIT).run_async(move || {
                f();
                async {}
            })))
        ),
        takes_the_limit!(
            "Callback::every_from",
            called(|f| ends(Callback::every_from(now() + LIMIT, LIMIT).run(f)))
        ),
        takes_the_limit!("Callback::at, while its target lives", {
            let target = Arc::new(());
            called(move |mut f| {
                let weak = Arc::downgrade(&target);
                (
                    Callback::at(now() + LIMIT)
                        .while_alive(&weak)
                        .run(move |_| f()),
                    target,
                )
            })
        }),
        takes_the_limit!("Callback::after, while its target lives", {
            let target = Arc::new(());
            called(move |mut f| {
                let weak = Arc::downgrade(&target);
                (
                    Callback::after(LIMIT).while_alive(&weak).run(move |_| f()),
                    target,
                )
            })
        }),
        takes_the_limit!("Callback::every, while its target lives", {
            let target = Arc::new(());
            called(move |mut f| {
                let weak = Arc::downgrade(&target);
                (
                    Callback::every(LIMIT).while_alive(&weak).run(move |_| f()),
                    target,
                )
            })
        }),
        takes_the_limit!("Callback::at, async while its target lives", {
            let target = Arc::new(());
            called(move |mut f| {
                let weak = Arc::downgrade(&target);
                let run = move |_| async move { f() };
                (
                    Callback::at(now() + LIMIT)
                        .while_alive(&weak)
                        .run_async(run),
                    target,
                )
            })
        }),
        takes_the_limit!("Callback::after, async while its target lives", {
            let target = Arc::new(());
            called(move |mut f| {
                let weak = Arc::downgrade(&target);
                let run = move |_| async move { f() };
                (
                    Callback::after(LIMIT).while_alive(&weak).run_async(run),
                    target,
                )
            })
        }),
        takes_the_limit!("Callback::every, async while its target lives", {
            let target = Arc::new(());
            called(move |mut f| {
                let weak = Arc::downgrade(&target);
                let run = move |_| {
                    f();
                    async {}
                };
                (
                    Callback::every(LIMIT).while_alive(&weak).run_async(run),
                    target,
                )
            })
        }),
        takes_the_limit!("CallbackTimer::new", async {
            let (timer, handle) = CallbackTimer::new(Schedule::After(LIMIT), || Some(async {}));
            timer.await;
            drop(handle);
        }),
        takes_the_limit!("TimerHandle::reset", async {
            let (timer, handle) = CallbackTimer::new(Schedule::After(2 * LIMIT), || Some(async {}));
            assert!(handle.reset(LIMIT, true));
            timer.await;
        }),
    ]
}

/// Cancels a timer that would go on.
struct Cancelled(time::TimerHandle);

fn ends(handle: time::TimerHandle) -> Cancelled {
    Cancelled(handle)
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn clocks() -> Vec<Row> {
    vec![
        takes_the_limit!("advance", time::advance(LIMIT)),
        no_virtual_time("set_system_time", OWN_CLOCK),
        no_virtual_time("suspend", OWN_CLOCK),
        no_virtual_time("poll_spend_at", "compares the instants that it is given"),
        no_virtual_time("VirtualClock::advance", OWN_CLOCK),
        no_virtual_time("VirtualClock::advance_to_next", OWN_CLOCK),
        no_virtual_time("VirtualClock::set_system_time", OWN_CLOCK),
        no_virtual_time("VirtualClock::suspend", OWN_CLOCK),
        no_virtual_time("Reactor::turn", DRIVER),
        no_virtual_time("Reactor::turn_then", DRIVER),
        no_virtual_time("Reactor::end_wait_at", DRIVER),
        no_virtual_time(
            "Builder::thread_keep_alive",
            "the threads of the pool retire in real time",
        ),
        no_virtual_time(
            "Runtime::shutdown",
            "waits for polls and jobs that run, while which no virtual clock moves; see `a_shutdown_counts_in_real_time`",
        ),
    ]
}

fn network() -> Vec<Row> {
    vec![
        no_virtual_time("Seconds::set", KERNEL),
        no_virtual_time("Timeout::set", KERNEL),
        no_virtual_time("set_keepalive_time", KERNEL),
        no_virtual_time("set_keepalive_interval", KERNEL),
        no_virtual_time("set_linger", KERNEL),
        no_virtual_time("set_user_timeout", KERNEL),
        takes_with_slack!(
            "TcpStream::connect_timeout",
            Duration::ZERO,
            connect_to_a_silent_address()
        ),
        takes_with_slack!("Server::shutdown", Duration::ZERO, async {
            let (server, _client) = server_with_an_endless_handler().await;
            let start = now();
            let report = server.shutdown(LIMIT).await;
            assert_eq!((report.cancelled, report.left), (1, 0));
            now() - start
        }),
        takes_with_slack!("Server::until", Duration::ZERO, async {
            let (server, _client) = server_with_an_endless_handler().await;
            let start = now();
            let report = server.until(async {}, LIMIT).await;
            assert_eq!((report.cancelled, report.left), (1, 0));
            now() - start
        }),
        Row {
            name: "ServeOptions::refuse_after",
            takes: Takes::Virtual {
                time: PATIENCE,
                // A pause before another try.
                late: Duration::from_millis(100),
                timed: || Box::pin(refused_without_descriptors()),
            },
        },
        takes_with_slack!("Outbox::close", Duration::ZERO, async {
            let (one, _silent) = UnixStream::pair().unwrap();
            let outbox = Outbox::new(one);
            let large = outbox.send(vec![7; 8 << 20]);
            let start = now();
            let report = outbox.close(LIMIT).await;
            assert_eq!(report.left_messages, 1);
            assert_eq!(large.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            now() - start
        }),
        takes_with_slack!("CopyBidirectional::idle_timeout", Duration::ZERO, async {
            let (peer, here) = UnixStream::pair().unwrap();
            let (there, other) = UnixStream::pair().unwrap();
            let mut relay = pin!(copy_bidirectional(&here, &there).idle_timeout(LIMIT));
            // A byte begins the time anew, by the same clock.
            peer.write_all(b"w").await.unwrap();
            assert!(timeout(LIMIT / 2, &mut relay).await.is_err());
            other.read_exact(&mut [0]).await.unwrap();
            peer.write_all(b"w").await.unwrap();
            let start = now();
            let error = relay.await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            now() - start
        }),
    ]
}

async fn connect_to_a_silent_address() -> Duration {
    // As short a queue as there is: one connection waits, and who comes next gets no answer.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _waiting = TcpStream::connect(address).await.unwrap();
    let duplicate = listener.as_fd().try_clone_to_owned().unwrap();
    let duplicate = AsyncFd::new(duplicate).unwrap();
    duplicate.readable().await.unwrap();
    let start = now();
    let error = TcpStream::connect_timeout(address, LIMIT)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    now() - start
}

/// A handler that keeps its connection open for ever.
async fn endless(stream: TcpStream, _: SocketAddr) -> io::Result<()> {
    pending::<()>().await;
    drop(stream);
    Ok(())
}

async fn server_with_an_endless_handler() -> (waterwheel::net::Server, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, ServeOptions::new(), endless);
    let client = TcpStream::connect(address).await.unwrap();
    while server.connections() == 0 {
        yield_now().await;
    }
    (server, client)
}

/// In which a server tries some twenty times, and not more: at each, all threads of the runtime must agree that the clock may move.
const PATIENCE: Duration = Duration::from_secs(2);

async fn refused_without_descriptors() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = ServeOptions::new().refuse_after(PATIENCE);
    let server = serve(listener, options, endless);
    let _served = TcpStream::connect(address).await.unwrap();
    while server.connections() == 0 {
        yield_now().await;
    }
    // The clock moves when all are at rest: `accept4` has a descriptor while it finds nothing, which would be one more in a moment.
    sleep(Duration::from_millis(1)).await;
    let socket = TcpSocket::new_v4().unwrap();
    let took = {
        let _none_left = NoDescriptors::take();
        let client = socket.connect(address).await.unwrap();
        let start = now();
        // Closed, or reset.
        assert!(!matches!(client.read(&mut [0]).await, Ok(1)));
        now() - start
    };
    let report = server.shutdown(Duration::ZERO).await;
    assert_eq!((report.accepted, report.refused), (1, 1));
    took
}

/// All descriptors that the process may have.
struct NoDescriptors {
    before: libc::rlimit,
    _taken: Vec<File>,
}

impl NoDescriptors {
    fn take() -> Self {
        let mut before = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the kernel writes to `before`.
        let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut before) };
        assert_eq!(got, 0, "{}", io::Error::last_os_error());
        let mut taken = vec![File::open("/dev/null").unwrap()];
        set_limit(libc::rlimit {
            rlim_cur: taken[0].as_raw_fd() as libc::rlim_t + 16,
            rlim_max: before.rlim_max,
        });
        while let Ok(one) = File::open("/dev/null") {
            taken.push(one);
        }
        Self {
            before,
            _taken: taken,
        }
    }
}

impl Drop for NoDescriptors {
    fn drop(&mut self) {
        set_limit(self.before);
    }
}

fn set_limit(limit: libc::rlimit) {
    // SAFETY: `limit` lives through the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

#[cfg(feature = "hyper")]
fn hyper() -> Vec<Row> {
    use ::hyper::rt::Timer;
    use waterwheel::net;
    vec![
        takes_the_limit!("Timer::sleep", net::hyper::Timer::new().sleep(LIMIT)),
        takes_the_limit!("Timer::sleep_until", async {
            let timer = net::hyper::Timer::new();
            timer.sleep_until(timer.now() + LIMIT).await;
        }),
        takes_the_limit!("Timer::reset", async {
            let timer = net::hyper::Timer::new();
            let mut sleep = timer.sleep(2 * LIMIT);
            timer.reset(&mut sleep, timer.now() + LIMIT);
            sleep.await;
        }),
    ]
}

#[cfg(not(feature = "hyper"))]
fn hyper() -> Vec<Row> {
    let why = "not built: the feature `hyper` is off, and `.ci/run` has it on";
    vec![
        no_virtual_time("Timer::sleep", why),
        no_virtual_time("Timer::sleep_until", why),
        no_virtual_time("Timer::reset", why),
    ]
}
