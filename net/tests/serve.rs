//! A server outlives its errors, keeps its limits, survives without descriptors, and ends as it is told.

mod support;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use support::{block_on, rerun, role};
use waterwheel::net::{ServeOptions, Server, TcpListener, TcpStream, serve};
use waterwheel::{Handle, JoinSet, Runtime, sleep, spawn, timeout, yield_now};

const FOREVER: Duration = Duration::from_secs(600);

/// Lets the server run until `holds` does.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Reads to the end, and nothing else.
async fn listen(stream: TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

async fn end(server: Server) -> waterwheel::net::ServeReport {
    server.shutdown(Instant::now() + FOREVER).await
}

#[test]
fn there_are_never_more_connections_than_asked_for_and_all_are_served() -> io::Result<()> {
    block_on(async {
        const MOST: usize = 3;
        const CLIENTS: usize = 50;
        let listeners = TcpListener::bind_reuseport("127.0.0.1:0".parse().expect("an address"), 2)?;
        let address = listeners[0].local_addr()?;
        let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let theirs = (Arc::clone(&now), Arc::clone(&peak));
        let options = ServeOptions::new().max_connections(MOST);
        let server = serve(listeners, options, move |stream: TcpStream, _| {
            let (now, peak) = (Arc::clone(&theirs.0), Arc::clone(&theirs.1));
            async move {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                stream.write_all(b"!").await?;
                let ended = listen(stream).await;
                now.fetch_sub(1, Ordering::SeqCst);
                ended
            }
        });
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(async move {
                let client = TcpStream::connect(address).await?;
                client.read_exact(&mut [0]).await?;
                yield_now().await;
                io::Result::Ok(())
            });
        }
        while let Some(client) = clients.join_next().await {
            client.expect("no panic")?;
        }
        let report = end(server).await;
        assert_eq!((report.accepted, report.finished), (50, 50), "{report:?}");
        assert_eq!(peak.load(Ordering::SeqCst), MOST);
        Ok(())
    })
}

#[test]
fn errors_and_panics_of_connections_are_told_and_end_nothing() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&told);
        let options = ServeOptions::new().on_error(move |peer, error| {
            let peer: Option<&net::SocketAddr> = peer;
            let mut told = theirs.lock().expect("no panic");
            told.push((peer.copied(), error.to_string()));
        });
        let server = serve(listener, options, |stream: TcpStream, _| async move {
            let mut wish = [0];
            stream.read_exact(&mut wish).await?;
            match &wish {
                b"e" => Err(io::Error::new(ErrorKind::InvalidData, "bad wish")),
                b"p" => panic!("worse wish"),
                _ => stream.write_all(b"granted").await,
            }
        });
        let mut peers = Vec::new();
        for wish in [b"e", b"p", b"g"] {
            let client = TcpStream::connect(address).await?;
            peers.push(client.local_addr()?);
            client.write_all(wish).await?;
            let mut answer = [0; 8];
            let count = client.read(&mut answer).await?;
            let granted = if wish == b"g" { &b"granted"[..] } else { b"" };
            assert_eq!(&answer[..count], granted);
        }
        let report = end(server).await;
        assert_eq!((report.finished, report.failed, report.panicked), (1, 1, 1));
        let told = told.lock().expect("no panic");
        assert_eq!(
            *told,
            [
                (Some(peers[0]), "bad wish".to_owned()),
                (
                    Some(peers[1]),
                    "the handler panicked: worse wish".to_owned()
                ),
            ]
        );
        Ok(())
    })
}

#[test]
fn a_shutdown_lets_handlers_finish_and_accepts_nobody_else() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = serve(listener, ServeOptions::new(), |stream, _| listen(stream));
        let client = TcpStream::connect(address).await?;
        until(|| server.connections() == 1).await;
        let ending = spawn(end(server));
        // The listener goes, while the handler goes on.
        loop {
            match TcpStream::connect(address).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                other => drop(other?),
            }
            yield_now().await;
        }
        assert!(!ending.is_finished());
        client.write_all(b"still here").await?;
        drop(client);
        let report = ending.await.expect("no panic");
        assert_eq!(report.finished, report.accepted);
        assert_eq!(report.cancelled, 0);
        Ok(())
    })
}

#[test]
fn at_the_deadline_handlers_are_dropped() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = serve(listener, ServeOptions::new(), |stream, _| listen(stream));
        let mut clients = Vec::new();
        for _ in 0..5 {
            clients.push(TcpStream::connect(address).await?);
        }
        until(|| server.connections() == 5).await;
        let cancelled = server.shutdown(Instant::now() + FOREVER);
        drop(cancelled);
        drop(clients.pop());
        until(|| server.connections() == 4).await;
        let report = server
            .shutdown(Instant::now() + Duration::from_millis(5))
            .await;
        assert_eq!((report.finished, report.cancelled, report.left), (1, 4, 0));
        assert_eq!(server.connections(), 0);
        for client in clients {
            assert_eq!(client.read(&mut [0]).await?, 0, "dropped with its stream");
        }
        Ok(())
    })
}

#[test]
fn a_handler_that_is_stuck_is_left_and_said_to_be() -> io::Result<()> {
    let runtime = Runtime::builder().worker_threads(3).build()?;
    let free = Arc::new(AtomicUsize::new(0));
    let stuck = Arc::clone(&free);
    let seen = Arc::clone(&free);
    let (give, report) = mpsc::channel();
    // A task, as what `block_on` runs cannot leave its thread, and that may be the one that is stuck.
    runtime.spawn(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = serve(listener, ServeOptions::new(), move |_: TcpStream, _| {
            let stuck = Arc::clone(&stuck);
            async move {
                stuck.store(1, Ordering::SeqCst);
                while stuck.load(Ordering::SeqCst) != 2 {
                    std::thread::yield_now();
                }
                Ok(())
            }
        });
        let _client = TcpStream::connect(address).await?;
        until(move || seen.load(Ordering::SeqCst) == 1).await;
        let report = server.shutdown(Instant::now()).await;
        give.send(report).expect("the test waits");
        io::Result::Ok(())
    });
    let report = report.recv().expect("the task ends");
    free.store(2, Ordering::SeqCst);
    assert_eq!((report.accepted, report.left), (1, 1));
    Ok(())
}

#[test]
fn a_dropped_handle_leaves_the_server_to_serve() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        drop(serve(
            listener,
            ServeOptions::new(),
            |stream: TcpStream, _| async move { stream.write_all(b"!").await },
        ));
        for _ in 0..3 {
            let client = TcpStream::connect(address).await?;
            client.read_exact(&mut [0]).await?;
        }
        Ok(())
    })
}

#[test]
fn a_group_shares_its_connections() -> io::Result<()> {
    block_on(async {
        let group = TcpListener::bind_reuseport("127.0.0.1:0".parse().expect("an address"), 4)?;
        let address = group[0].local_addr()?;
        assert!(
            group
                .iter()
                .all(|one| one.local_addr().ok() == Some(address))
        );
        let error = TcpListener::bind(address).await.expect_err("it is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let clients: Vec<_> = (0..200)
            .map(|_| net::TcpStream::connect(address))
            .collect::<io::Result<_>>()?;
        let mut shares = Vec::new();
        for listener in &group {
            let mut share = 0;
            while timeout(Duration::from_millis(20), listener.accept())
                .await
                .is_ok()
            {
                share += 1;
            }
            shares.push(share);
        }
        assert_eq!(shares.iter().sum::<usize>(), clients.len());
        assert!(shares.iter().all(|&share| share > 0), "{shares:?}");
        Ok(())
    })
}

const EXHAUSTED: &str = "without_descriptors_a_server_waits_and_goes_on_by_itself";

/// Pitfall: EMFILE spins the accept loop (libuv#690).
#[test]
fn without_descriptors_a_server_waits_and_goes_on_by_itself() -> io::Result<()> {
    if role().is_none() {
        let alone = rerun(EXHAUSTED, "alone", "true");
        assert!(alone.status.success(), "{alone:?}");
        return Ok(());
    }
    exhausted(Duration::MAX, |clients, served, free| async move {
        // Nobody is served while there are none, and it costs nothing.
        let polls = || Handle::current().metrics().workers[0].polls;
        let (began, before, polled) = (Instant::now(), cpu(), polls());
        let had = served.load(Ordering::SeqCst);
        sleep(Duration::from_millis(600)).await;
        let (wall, used, polled) = (began.elapsed(), cpu() - before, polls() - polled);
        println!("{used:?} of processor time in {wall:?} without descriptors, {polled} polls");
        assert!(used < wall / 10, "{used:?} in {wall:?}");
        // Of the acceptor after pauses that have grown to 100 ms, and of what waits here. They count also where a spin gets little
        // of the processor.
        assert!(polled < 50, "{polled} polls in {wall:?}");
        assert_eq!(served.load(Ordering::SeqCst), had);
        assert!(had < clients);
        // No connection comes; those that wait are accepted all the same.
        drop(free);
        until(|| served.load(Ordering::SeqCst) == clients).await;
        0
    })
}

const REFUSED: &str = "who_has_waited_too_long_for_a_descriptor_is_refused";

#[test]
fn who_has_waited_too_long_for_a_descriptor_is_refused() -> io::Result<()> {
    if role().is_none() {
        let alone = rerun(REFUSED, "alone", "true");
        assert!(alone.status.success(), "{alone:?}");
        return Ok(());
    }
    exhausted(
        Duration::from_millis(50),
        |clients, served, free| async move {
            until(|| served.load(Ordering::SeqCst) >= clients).await;
            drop(free);
            clients
        },
    )
}

/// A server in a process that has descriptors for some of its clients, and not for all. `then` is given the number of
/// clients, how many have been served or refused, and what to drop for there to be descriptors; and tells how many may
/// have been refused.
fn exhausted<F: Future<Output = usize>>(
    refuse_after: Duration,
    then: impl FnOnce(usize, Arc<AtomicUsize>, Vec<File>) -> F,
) -> io::Result<()> {
    const CLIENTS: usize = 20;
    // One worker: all that it will ever have of descriptors it has at the start.
    waterwheel::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| net::TcpStream::connect(address))
            .collect::<io::Result<_>>()?;
        let mut free = vec![File::open("/dev/null")?];
        limit_descriptors(free[0].as_raw_fd() + 40);
        while let Ok(one) = File::open("/dev/null") {
            free.push(one);
        }
        // One for the reserve, four for connections.
        free.truncate(free.len() - 5);
        let told = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&told);
        let options = ServeOptions::new()
            .refuse_after(refuse_after)
            .on_error(move |_, error| {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                theirs.fetch_add(1, Ordering::SeqCst);
            });
        let server = serve(listener, options, |stream: TcpStream, _| async move {
            stream.write_all(b"!").await?;
            listen(stream).await
        });
        let served = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for client in clients {
            let served = Arc::clone(&served);
            let client = TcpStream::from_std(client)?;
            tasks.push(spawn(async move {
                let _ = client.read(&mut [0]).await;
                served.fetch_add(1, Ordering::SeqCst);
                // It stays, and keeps its descriptors.
                client
            }));
        }
        // Nothing more can be accepted, and those who have been know it.
        until(|| {
            let known = served.load(Ordering::SeqCst) >= server.connections();
            told.load(Ordering::SeqCst) > 0 && known
        })
        .await;
        let refuses = then(CLIENTS, Arc::clone(&served), free).await > 0;
        for task in tasks {
            drop(task.await);
        }
        let report = end(server).await;
        assert_eq!(told.load(Ordering::SeqCst), 1, "told once");
        assert_eq!(
            report.accepted + report.refused,
            CLIENTS as u64,
            "{report:?}"
        );
        assert_eq!(report.refused > 0, refuses, "{report:?}");
        Ok(())
    })
}

fn limit_descriptors(most: i32) {
    let limit = libc::rlimit {
        rlim_cur: most as libc::rlim_t,
        rlim_max: 4096,
    };
    // SAFETY: `limit` lives through the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

/// The processor time that this process has used.
fn cpu() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel writes to `usage`, for which zero is a value anyway.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let of = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}

#[test]
fn a_blocking_client_is_served_as_well() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = serve(
            listener,
            ServeOptions::new(),
            |stream: TcpStream, peer| async move { stream.write_all(peer.to_string().as_bytes()).await },
        );
        let client = waterwheel::spawn_blocking(move || -> io::Result<bool> {
            let mut client = net::TcpStream::connect(address)?;
            let mut name = String::new();
            client.read_to_string(&mut name)?;
            Ok(name == client.local_addr()?.to_string())
        });
        assert!(client.await.expect("no panic")?, "the peer is the client");
        end(server).await;
        Ok(())
    })
}

/// The same over Unix sockets, by an abstract name: nothing of it is left in the file system.
#[test]
fn connections_of_a_unix_listener_are_served_too() -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;
    use waterwheel::net::{UnixListener, UnixStream};

    block_on(async {
        let name = format!("waterwheel-serve-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = UnixListener::bind_addr(&address)?;
        let server = serve(
            listener,
            ServeOptions::new(),
            |stream: UnixStream, _| async move {
                let mut buffer = [0; 64];
                loop {
                    match stream.read(&mut buffer).await? {
                        0 => return Ok(()),
                        count => stream.write_all(&buffer[..count]).await?,
                    }
                }
            },
        );
        for _ in 0..20 {
            let client = UnixStream::connect_addr(&address).await?;
            client.write_all(b"water").await?;
            let mut answer = [0; 5];
            client.read_exact(&mut answer).await?;
            assert_eq!(&answer, b"water");
        }
        let report = end(server).await;
        assert_eq!((report.accepted, report.failed, report.left), (20, 0, 0));
        Ok(())
    })
}
