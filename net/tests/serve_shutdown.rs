//! A connection is ended by a shutdown, or was never accepted: on any number of workers, with any number of listeners, whatever else the server is
//! doing at that moment.

mod support;

use std::future::{Future, pending};
use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::block_on;
use waterwheel::net::{ServeOptions, Server, TcpListener, TcpStream, UnixListener, serve};
use waterwheel::{Handle, Runtime, sleep, spawn, timeout, yield_now};

const FOREVER: Duration = Duration::from_secs(600);

/// As long as a shutdown may take that has nothing to wait for, on a machine that is busy with something else.
const SOON: Duration = Duration::from_secs(60);

fn rounds() -> usize {
    match std::env::var_os("WATERWHEEL_LONG") {
        Some(_) => 20_000,
        None => 3_000,
    }
}

/// Any port of an address that no other test, and no other process that runs it, listens at: once the listener is closed, whoever connects is
/// refused. As a client has another address, it does not connect to itself either.
fn own_address() -> SocketAddr {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let process = std::process::id() as usize;
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let [b, c, d] = [process / 250, process, next].map(|number| 1 + (number % 250) as u8);
    SocketAddr::from(([127, b, c, d], 0))
}

/// Counts the handlers that there are.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a round of the stress test is about.
#[derive(Clone, Copy, Debug)]
struct Round {
    listeners: usize,
    a_worker: bool,
    most: usize,
    shutdowns: usize,
    /// How many times others run between the connections and the shutdown.
    yields: usize,
}

impl Round {
    fn of(number: usize) -> Self {
        Self {
            listeners: 1 + number % 3,
            a_worker: number % 2 == 1,
            most: [usize::MAX, 1, 2][number / 2 % 3],
            shutdowns: 1 + number / 5 % 2,
            yields: number % 4,
        }
    }
}

/// Handlers that never return, and a deadline that has passed: the shutdown cancels all that was accepted, and it has nothing else to wait for.
async fn shut_down_while_connections_come(round: Round) -> io::Result<()> {
    let listeners = TcpListener::bind_reuseport(own_address(), round.listeners)?;
    let address = listeners[0].local_addr()?;
    let alive = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&alive);
    let mut options = ServeOptions::new().max_connections(round.most);
    if round.a_worker {
        options = options.listener_per_worker();
    }
    let server = serve(listeners, options, move |stream: TcpStream, _| {
        let alive = Alive::new(&theirs);
        async move {
            let _both = (alive, stream);
            pending().await
        }
    });
    let server = Arc::new(server);
    // They are in the backlog, or on their way out of it, when the server ends.
    let clients: io::Result<Vec<_>> = (0..4).map(|_| net::TcpStream::connect(address)).collect();
    let _clients = clients?;
    for _ in 0..round.yields {
        yield_now().await;
    }
    let shutdowns: Vec<_> = (0..round.shutdowns)
        .map(|_| {
            let server = Arc::clone(&server);
            spawn(async move { server.shutdown(Instant::now()).await })
        })
        .collect();
    for shutdown in shutdowns {
        let began = Instant::now();
        let report = shutdown.await.expect("no panic");
        // `LAST_WAIT` would have passed, too.
        let ended = report.finished + report.failed + report.panicked + report.cancelled;
        assert_eq!(report.left, 0, "{report:?} after {:?}", began.elapsed());
        assert_eq!(report.accepted, ended, "{report:?}");
    }
    assert_eq!(alive.load(Ordering::SeqCst), 0, "{round:?}");
    assert_eq!(server.connections(), 0);
    assert!(refused(address));
    Ok(())
}

fn stress(workers: usize) -> io::Result<()> {
    let runtime = Runtime::builder().worker_threads(workers).build()?;
    runtime.block_on(async {
        for number in 0..rounds() {
            // A task: the main future's thread would poll what it spawns before anybody else does.
            let round = spawn(shut_down_while_connections_come(Round::of(number)));
            round.await.expect("no panic")?;
        }
        Ok(())
    })
}

#[test]
fn on_one_worker_none_is_missed() -> io::Result<()> {
    stress(1)
}

#[test]
fn on_two_workers_none_is_missed() -> io::Result<()> {
    stress(2)
}

#[test]
fn on_four_workers_none_is_missed() -> io::Result<()> {
    stress(4)
}

/// Runs a server that does nothing, and hands it and its address to `then`.
fn with_server<F: Future<Output = io::Result<()>>>(
    listeners: usize,
    then: impl FnOnce(Server, SocketAddr) -> F,
) -> io::Result<()> {
    block_on(async {
        let listeners = TcpListener::bind_reuseport(own_address(), listeners)?;
        let address = listeners[0].local_addr()?;
        let server = serve(
            listeners,
            ServeOptions::new(),
            |_: TcpStream, _| async move { Ok(()) },
        );
        // Its tasks have begun, and wait.
        for _ in 0..3 {
            drop(TcpStream::connect(address).await?);
            yield_now().await;
        }
        then(server, address).await
    })
}

fn refused(address: SocketAddr) -> bool {
    let late = net::TcpStream::connect(address);
    late.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// No other task has run since, not even on one worker. The reserved descriptor, a duplicate of the listener's, is closed as well.
#[test]
fn listeners_are_closed_when_the_call_returns() -> io::Result<()> {
    for listeners in [1, 3] {
        with_server(listeners, |server, address| async move {
            let ending = server.shutdown(Instant::now() + FOREVER);
            assert!(refused(address));
            let again = server.shutdown(Instant::now() + FOREVER);
            assert!(refused(address));
            // Somebody else may listen there at once.
            let other = net::TcpListener::bind(address)?;
            let (first, second) = (ending.await, again.await);
            assert_eq!((first.left, second.left), (0, 0));
            drop(other);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_unix_listener_is_closed_when_the_call_returns() -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    block_on(async {
        let name = format!("waterwheel-serve-shutdown-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = UnixListener::bind_addr(&address)?;
        let server = serve(listener, ServeOptions::new(), |_, _| async { Ok(()) });
        drop(UnixStream::connect_addr(&address)?);
        let ending = server.shutdown(Instant::now() + FOREVER);
        let late = UnixStream::connect_addr(&address).expect_err("closed");
        assert_eq!(late.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ending.await.left, 0);
        Ok(())
    })
}

/// A `ServerShutdown` that is dropped unpolled leaves the listeners closed too.
#[test]
fn a_dropped_shutdown_has_closed_the_listeners() -> io::Result<()> {
    with_server(2, |server, address| async move {
        drop(server.shutdown(Instant::now() + FOREVER));
        assert!(refused(address));
        drop(server);
        assert!(refused(address));
        Ok(())
    })
}

/// The end of the runtime closes them, though the `Server` lives on.
#[test]
fn the_end_of_the_runtime_closes_the_listeners() -> io::Result<()> {
    let (give, take) = std::sync::mpsc::channel();
    with_server(2, move |server, address| async move {
        give.send((server, address)).expect("the test waits");
        Ok(())
    })?;
    let (server, address) = take.recv().expect("it was sent");
    assert!(refused(address));
    assert_eq!(server.report().left, 0);
    Ok(())
}

/// At the limit the acceptor waits for room, and not for connections: it hears of the end all the same, and takes nobody from the backlog when
/// the connections that end make room.
#[test]
fn at_the_limit_nobody_is_accepted_after_the_stop() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let options = ServeOptions::new().max_connections(1);
        let server = serve(listener, options, |stream: TcpStream, _| async move {
            while stream.read(&mut [0]).await? > 0 {}
            Ok(())
        });
        let first = TcpStream::connect(address).await?;
        while server.connections() == 0 {
            yield_now().await;
        }
        let second = TcpStream::connect(address).await?;
        let ending = server.shutdown(Instant::now() + FOREVER);
        drop(first);
        let report = timeout(SOON, ending).await.expect("soon");
        assert_eq!((report.accepted, report.finished, report.left), (1, 1, 0));
        // The kernel has reset it, or says that there will be nothing.
        assert!(matches!(second.read(&mut [0]).await, Err(_) | Ok(0)));
        Ok(())
    })
}

/// A hook that panics ends neither the connection's report nor the acceptor, which has an error of its listener to tell; see also `user_code.rs`.
#[test]
fn a_hook_that_panics_ends_no_server() -> io::Result<()> {
    block_on(async {
        // Of a port that is asked for by its number, the kernel does not let go below.
        let free = net::TcpListener::bind(own_address())?.local_addr()?;
        let listener = TcpListener::bind(free).await?;
        let address = listener.local_addr()?;
        let twin = listener.as_fd().try_clone_to_owned()?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&told);
        let options = ServeOptions::new().on_error(move |peer: Option<&SocketAddr>, error| {
            theirs.lock().expect("no panic").push(peer.is_some());
            panic!("the hook does not like {error}");
        });
        let server = serve(listener, options, |stream: TcpStream, _| async move {
            stream.write_all(b"!").await?;
            Err(io::Error::other("no reason"))
        });
        let serves = async || {
            let client = TcpStream::connect(address).await?;
            client.read_exact(&mut [0]).await?;
            while client.read(&mut [0]).await? > 0 {}
            io::Result::Ok(())
        };
        serves().await?;
        // Behind the server's back it does not listen any more: `accept4(2)` gives EINVAL.
        // SAFETY: the descriptor is open.
        let shut = unsafe { libc::shutdown(twin.as_raw_fd(), libc::SHUT_RD) };
        assert_eq!(shut, 0, "{}", io::Error::last_os_error());
        while !told.lock().expect("no panic").contains(&false) {
            sleep(Duration::from_millis(1)).await;
        }
        // SAFETY: as above.
        let listens = unsafe { libc::listen(twin.as_raw_fd(), 16) };
        assert_eq!(listens, 0, "{}", io::Error::last_os_error());
        timeout(SOON, serves()).await.expect("the acceptor lives")?;
        let ending = server.shutdown(Instant::now() + FOREVER);
        let report = timeout(SOON, ending).await.expect("soon");
        assert_eq!((report.accepted, report.failed, report.panicked), (2, 2, 0));
        assert_eq!(*told.lock().expect("no panic"), [true, false, true]);
        drop(twin);
        Ok(())
    })
}

/// One that shuts down by a waker that panics: the acceptors, and whoever else shuts down, hear of the end all the same.
#[test]
fn a_waker_that_panics_keeps_nobody_from_the_end() -> io::Result<()> {
    use std::pin::pin;
    use std::task::{Context, Wake, Waker};

    struct Panics(AtomicBool);

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
            panic!("this waker panics");
        }
    }

    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = serve(
            listener,
            ServeOptions::new(),
            |stream: TcpStream, _| async move {
                while stream.read(&mut [0]).await? > 0 {}
                Ok(())
            },
        );
        let client = TcpStream::connect(address).await?;
        while server.connections() == 0 {
            yield_now().await;
        }
        let panics = Arc::new(Panics(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&panics));
        let mut first = pin!(server.shutdown(Instant::now() + FOREVER));
        let pended = first.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(pended.is_pending());
        let second = spawn(server.shutdown(Instant::now() + FOREVER));
        yield_now().await;
        drop(client);
        let report = timeout(SOON, second).await.expect("soon");
        let report = report.expect("no panic");
        assert_eq!((report.finished, report.panicked), (1, 0), "{report:?}");
        assert!(panics.0.load(Ordering::SeqCst));
        Ok(())
    })
}

#[test]
fn listeners_of_a_worker_are_closed_when_the_call_returns() -> io::Result<()> {
    let runtime = Runtime::builder().worker_threads(3).build()?;
    runtime.block_on(async {
        let listeners = TcpListener::bind_reuseport(own_address(), Handle::current().workers())?;
        let address = listeners[0].local_addr()?;
        let options = ServeOptions::new().listener_per_worker();
        let server = serve(listeners, options, |_: TcpStream, _| async { Ok(()) });
        // At once: some of the acceptors have not been polled yet.
        let ending = server.shutdown(Instant::now() + FOREVER);
        assert!(refused(address));
        assert_eq!(ending.await.left, 0);
        Ok(())
    })
}
