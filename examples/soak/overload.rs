//! More than there may be, one thing after the other, in a runtime of its own: more connections than a server's limit, no descriptors left, a
//! backlog that is full, a blocking pool that is busy, an outbox at its watermark.
//!
//! While it lasts, that must cost next to no processor time, and everything else goes on; when it is over, so does what had to wait.

use crate::outbox::WATERMARKS;
use crate::process;
use crate::server::echo;
use crate::tally::Tally;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use waterwheel::net::{Outbox, ServeOptions, Server, TcpListener, TcpSocket, TcpStream, serve};
use waterwheel::{JoinSet, Runtime, interval, sleep, spawn_blocking, timeout};

/// How long each state is held.
const HOLD: Duration = Duration::from_secs(2);
/// What part of that the processor may be busy. It is half a percent; what spins takes all that it is given, which on a busy machine may be little.
const MOST_BUSY: f64 = 0.05;
const STUCK: Duration = Duration::from_secs(60);
const BLOCKING_THREADS: usize = 4;

pub(crate) fn run(tally: &Arc<Tally>) -> io::Result<()> {
    let runtime = Runtime::builder()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    let ended = runtime.block_on(async {
        too_many_connections(tally).await?;
        no_descriptors(tally, Duration::MAX).await?;
        no_descriptors(tally, Duration::from_millis(200)).await?;
        full_backlog(tally).await?;
        busy_pool(tally).await;
        full_outbox(tally).await
    });
    let report = runtime.shutdown(STUCK);
    tally.check(
        report.tasks.is_empty() && report.is_complete(),
        format_args!("left after the overload: {report:?}"),
    );
    ended
}

/// Holds a state, in which timers go on and the processor has little to do.
async fn hold(tally: &Tally, name: &str) {
    let (before, began) = (process::processor_time(), Instant::now());
    let (mut ticks, mut ticking) = (0, interval(Duration::from_millis(20)));
    while began.elapsed() < HOLD {
        ticking.tick().await;
        ticks += 1;
    }
    let (used, held) = (process::processor_time() - before, began.elapsed());
    println!("  {name}: {used:.1?} of processor time in {held:.1?}, {ticks} ticks");
    tally.check(
        used.as_secs_f64() <= held.as_secs_f64() * MOST_BUSY,
        format_args!("{name}: the processor was busy for {used:.1?} of {held:.1?}"),
    );
    tally.check(ticks >= 10, format_args!("{name}: only {ticks} ticks"));
}

/// An echo server that is on nobody's time.
async fn server(
    listener: TcpListener,
    options: ServeOptions,
    present: &Arc<AtomicUsize>,
    most: &Arc<AtomicUsize>,
) -> Server {
    let (present, most) = (Arc::clone(present), Arc::clone(most));
    serve(listener, options, move |stream, _| {
        let (present, most) = (Arc::clone(&present), Arc::clone(&most));
        async move {
            let here = present.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(here, Ordering::SeqCst);
            let ended = echo(stream, Duration::MAX).await;
            present.fetch_sub(1, Ordering::SeqCst);
            ended
        }
    })
}

async fn word(stream: &TcpStream) -> io::Result<()> {
    let mut word = [7; 4];
    stream.write_all(&word).await?;
    stream.read_exact(&mut word).await?;
    if word == [7; 4] {
        Ok(())
    } else {
        Err(io::Error::other("a wrong word"))
    }
}

/// 256 clients, of whom 16 are served at a time.
async fn too_many_connections(tally: &Tally) -> io::Result<()> {
    const LIMIT: usize = 16;
    const CLIENTS: usize = 256;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (present, most) = (Arc::default(), Arc::default());
    let options = ServeOptions::new().max_connections(LIMIT);
    let server = server(listener, options, &present, &most).await;
    let release = Instant::now() + HOLD + Duration::from_secs(1);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(async move {
            let stream = TcpStream::connect(address).await?;
            word(&stream).await?;
            waterwheel::sleep_until(release).await;
            io::Result::Ok(())
        });
    }
    while server.connections() < LIMIT {
        sleep(Duration::from_millis(1)).await;
    }
    hold(tally, "16 of 256 connections are served").await;
    tally.check(present.load(Ordering::SeqCst) == LIMIT, "not at the limit");
    let served = all(clients).await?;
    tally.check(served == CLIENTS, "not all were served after the limit");
    let most = most.load(Ordering::SeqCst);
    tally.check(most == LIMIT, format_args!("{most} connections at a time"));
    end(tally, server).await;
    Ok(())
}

/// How many have ended well. An error of one is that of all.
async fn all(mut clients: JoinSet<io::Result<()>>) -> io::Result<usize> {
    let mut served = 0;
    let joining = async {
        while let Some(client) = clients.join_next().await {
            client??;
            served += 1;
        }
        Ok(served)
    };
    let late = || io::Error::other("clients are stuck after an overload");
    timeout(STUCK, joining)
        .await
        .unwrap_or_else(|_| Err(late()))
}

async fn end(tally: &Tally, server: Server) {
    let report = server.until(async {}, Duration::from_secs(10)).await;
    tally.check(
        report.cancelled + report.left + report.panicked == 0,
        format_args!("a server's end after an overload: {report:?}"),
    );
}

/// 128 clients wait when the server begins, and the process may have 16 descriptors more. Then as many as it wants.
async fn no_descriptors(tally: &Tally, refuse_after: Duration) -> io::Result<()> {
    const CLIENTS: usize = 128;
    let refuses = refuse_after < HOLD;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut waiting = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        waiting.push(TcpStream::connect(address).await?);
    }
    let (present, most) = (Arc::default(), Arc::default());
    process::allow_descriptors(process::descriptors() + 16);
    let options = ServeOptions::new().refuse_after(refuse_after);
    let server = server(listener, options, &present, &most).await;
    hold(
        tally,
        if refuses {
            "no descriptors, and clients are refused"
        } else {
            "no descriptors, and clients wait"
        },
    )
    .await;
    let connected = TcpStream::connect(address).await;
    let report = server.report();
    process::allow_descriptors(usize::MAX);
    let code = connected.err().and_then(|error| error.raw_os_error());
    let right = code == Some(libc::EMFILE);
    tally.check(
        right,
        format_args!("connected without descriptors: {code:?}"),
    );
    let some = (1..CLIENTS as u64).contains(&report.accepted);
    tally.check(some, format_args!("without descriptors: {report:?}"));
    let right = (report.refused > 0) == refuses;
    tally.check(right, format_args!("without descriptors: {report:?}"));
    let mut refused = 0;
    for stream in &waiting {
        match timeout(STUCK, word(stream)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if refuses => {
                tally.error("refused for want of descriptors", &error);
                refused += 1;
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => tally.fault("a client is stuck after descriptors were out"),
        }
    }
    println!(
        "    {} were served meanwhile, {} afterwards, {refused} refused",
        report.accepted,
        CLIENTS as u64 - report.accepted - refused
    );
    word(&TcpStream::connect(address).await?).await?;
    drop(waiting);
    end(tally, server).await;
    Ok(())
}

/// 32 clients connect where four may wait and nobody accepts, yet.
async fn full_backlog(tally: &Tally) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(4)?;
    let address = listener.local_addr()?;
    let mut clients = JoinSet::new();
    for _ in 0..32 {
        clients.spawn(async move {
            let limit = HOLD - Duration::from_millis(500);
            TcpStream::connect_timeout(address, limit).await
        });
    }
    hold(tally, "32 connect, and the backlog is full").await;
    let (mut connected, mut late) = (Vec::new(), 0);
    while let Some(client) = clients.join_next().await {
        match client? {
            Ok(stream) => connected.push(stream),
            Err(error) if error.kind() == ErrorKind::TimedOut => late += 1,
            Err(error) => return Err(error),
        }
    }
    println!("    {} connected, {late} were given up", connected.len());
    tally.check(
        !connected.is_empty() && late > 0,
        "the backlog was not full",
    );
    let (present, most) = (Arc::default(), Arc::default());
    let server = server(listener, ServeOptions::new(), &present, &most).await;
    connected.push(TcpStream::connect_timeout(address, STUCK).await?);
    for stream in &connected {
        timeout(STUCK, word(stream)).await??;
    }
    drop(connected);
    end(tally, server).await;
    Ok(())
}

/// As many jobs as keep four threads busy for a while.
async fn busy_pool(tally: &Tally) {
    const JOBS: usize = 128;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let jobs: Vec<_> = (0..JOBS)
        .map(|_| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            spawn_blocking(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let part = HOLD * BLOCKING_THREADS as u32 / JOBS as u32;
                std::thread::sleep(part);
                running.fetch_sub(1, Ordering::SeqCst);
            })
        })
        .collect();
    hold(tally, "128 jobs for 4 threads").await;
    for job in jobs {
        let done = timeout(STUCK, job).await;
        tally.check(matches!(done, Ok(Ok(()))), format_args!("a job: {done:?}"));
    }
    let most = most.load(Ordering::SeqCst);
    tally.check(
        most == BLOCKING_THREADS,
        format_args!("{most} jobs at a time"),
    );
}

/// A sender that waits for room, and a reader that does not read, yet.
async fn full_outbox(tally: &Tally) -> io::Result<()> {
    const MESSAGES: usize = 1000;
    const LENGTH: usize = 10_000;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let reader = TcpStream::connect(listener.local_addr()?).await?;
    let (stream, _) = listener.accept().await?;
    let outbox = Arc::new(Outbox::with_watermarks(stream, WATERMARKS));
    let theirs = Arc::clone(&outbox);
    let sender = waterwheel::spawn(async move {
        for _ in 0..MESSAGES {
            theirs.ready().await?;
            drop(theirs.send(vec![1; LENGTH]));
        }
        io::Result::Ok(())
    });
    hold(tally, "an outbox over its watermark").await;
    let queued = outbox.queued_bytes();
    tally.check(
        (WATERMARKS.low + 1..=WATERMARKS.high + LENGTH).contains(&queued),
        format_args!("{queued} bytes are queued"),
    );
    let closing = waterwheel::spawn(async move {
        sender.await??;
        Ok(outbox.close(STUCK).await)
    });
    let (mut received, mut buffer) = (0, vec![0; 64 << 10]);
    loop {
        match timeout(STUCK, reader.read(&mut buffer)).await?? {
            0 => break,
            count => received += count,
        }
    }
    let report: io::Result<_> = closing.await?;
    tally.check(report?.is_drained(), "the outbox was not drained");
    let right = received == MESSAGES * LENGTH;
    tally.check(right, format_args!("{received} bytes came after the stall"));
    Ok(())
}
