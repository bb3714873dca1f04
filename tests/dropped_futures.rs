//! To drop a pending future wakes nobody: neither the task that drops it, which is running, nor by what the future leaves behind.
//!
//! Nor does that panic because of the destructor of the waker that the future was polled with: a future is dropped while another panic unwinds,
//! too, where a second one would abort the process.
//!
//! A wake would be no error, but a poll for nothing. A task that makes a future anew in each of its polls would never sleep.

use futures_util::StreamExt;
use std::future::{Future, pending};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant, SystemTime};
use waterwheel::net::{
    BufReader, Outbox, RecvBatch, ServeOptions, TcpListener, TcpSocket, TcpStream, UdpSocket,
    UnixDatagram, UnixListener, UnixStream, copy, copy_bidirectional, serve,
};
use waterwheel::reactor::{AsyncFd, Interest};
use waterwheel::time::{
    CallbackTimer, IdleTimeout, Schedule, clock_steps, sleep_boottime, sleep_until_system,
};
use waterwheel::{
    JoinSet, Runtime, interval_at, sleep, sleep_until, spawn, spawn_blocking, timeout, timeout_at,
    yield_now,
};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The same, and its destructor panics.
struct Bomb(Arc<Wakes>);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_by_ref();
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::panic_any("the waker's destructor");
    }
}

/// Polls `future` with a waker of its own, drops it, and lets the runtime turn: nobody is woken. And as the future, or what it leaves, has the
/// last reference to that waker: the drop does not panic because of the waker's destructor.
async fn dropped(name: &str, future: impl Future) {
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::new(Bomb(Arc::clone(&wakes))));
    let mut future = Box::pin(future);
    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending(), "{name} is ready");
    // Some begin by letting others run.
    let before = wakes.0.load(Ordering::SeqCst);
    // Where the future has no reference, this is the last.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(waker)));
    let unwound = catch_unwind(AssertUnwindSafe(|| drop(future)));
    assert!(unwound.is_ok(), "the drop of {name} panics");
    let when_dropped = wakes.0.load(Ordering::SeqCst) - before;
    assert_eq!(when_dropped, 0, "{name} wakes the task that drops it");
    for _ in 0..10 {
        yield_now().await;
    }
    sleep(Duration::from_millis(1)).await;
    let later = wakes.0.load(Ordering::SeqCst) - before;
    assert_eq!(later, 0, "{name} leaves something that wakes the task");
}

async fn timers() {
    dropped("sleep", sleep(HOUR)).await;
    dropped("sleep_until", sleep_until(Instant::now() + HOUR)).await;
    dropped(
        "sleep_until_system",
        sleep_until_system(SystemTime::now() + HOUR),
    )
    .await;
    dropped("sleep_boottime", sleep_boottime(HOUR)).await;
    dropped("timeout", timeout(HOUR, pending::<()>())).await;
    dropped(
        "timeout_at",
        timeout_at(Instant::now() + HOUR, pending::<()>()),
    )
    .await;
    let mut ticks = interval_at(Instant::now() + HOUR, HOUR);
    dropped("Interval::tick", ticks.tick()).await;
    dropped("clock_steps", clock_steps().next()).await;
    let mut idle = IdleTimeout::new(HOUR);
    dropped("IdleTimeout", idle.watch(pending::<()>())).await;
    for schedule in [
        Schedule::After(HOUR),
        Schedule::Every(HOUR),
        Schedule::At(Instant::now() + HOUR),
        Schedule::AtSystem(SystemTime::now() + HOUR),
    ] {
        let (timer, handle) = CallbackTimer::new(schedule, || Some(pending()));
        dropped("CallbackTimer", timer).await;
        assert!(!handle.is_pending(), "its handle knows");
        assert!(!handle.cancel());
    }
    // In a run.
    let (timer, handle) = CallbackTimer::new(Schedule::After(Duration::ZERO), || Some(pending()));
    dropped("CallbackTimer in its run", timer).await;
    assert!(!handle.is_pending());
}

async fn tasks() {
    dropped("JoinHandle", spawn(pending::<()>())).await;
    let (give, take) = std::sync::mpsc::channel::<()>();
    dropped("JoinHandle of a job", spawn_blocking(move || take.recv())).await;
    drop(give);
    let mut set = JoinSet::new();
    set.spawn(pending::<()>());
    dropped("JoinSet::join_next", set.join_next()).await;
    dropped("JoinSet::shutdown", set.shutdown()).await;
    // Its tasks end, which the set is told of.
    let mut set = JoinSet::new();
    set.spawn(pending::<()>());
    dropped("JoinSet", async move {
        std::future::poll_fn(|cx| set.poll_join_next(cx)).await
    })
    .await;
}

async fn sockets() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    dropped("accept", listener.accept()).await;
    let client = TcpStream::connect(address).await?;
    let (server, _) = listener.accept().await?;
    dropped("read", client.read(&mut [0])).await;
    dropped("read_exact", client.read_exact(&mut [0])).await;
    dropped("peek", client.peek(&mut [0])).await;
    dropped("copy", copy(&client, &server)).await;
    dropped("copy_bidirectional", copy_bidirectional(&client, &server)).await;
    let mut reader = BufReader::new(&client);
    dropped("BufReader::fill_buf", reader.fill_buf()).await;
    dropped("BufReader::read_line", reader.read_line()).await;

    let much = vec![0; 32 << 20];
    dropped("write_all", client.write_all(&much)).await;
    while client.try_write(&much).is_ok() {}
    dropped("write", client.write(b"more")).await;
    dropped("writable", client.writable()).await;

    let outbox = Outbox::new(client);
    let sent = outbox.send(much);
    dropped("Outbox::ready", outbox.ready()).await;
    let queued = outbox.send("after that");
    dropped("Sent", queued).await;
    // What was dropped would be woken by the end of the outbox.
    let (wakes, later) = (Arc::new(Wakes::default()), outbox.send("last"));
    let waker = Waker::from(Arc::clone(&wakes));
    let mut later = Box::pin(later);
    assert!(
        later
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(later);
    dropped("Outbox::close", outbox.close(HOUR)).await;
    drop((sent, outbox));
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0, "Sent leaves its waker");

    let (ours, _theirs) = UnixStream::pair()?;
    dropped("UnixStream::read", ours.read(&mut [0])).await;
    let (reading, writing) = ours.into_split();
    dropped("OwnedReadHalf::read", reading.read(&mut [0])).await;
    drop(writing);

    let udp = UdpSocket::bind("127.0.0.1:0").await?;
    dropped("recv_from", udp.recv_from(&mut [0])).await;
    let mut batch = RecvBatch::new(2, 64);
    dropped("recv_batch", udp.recv_batch(&mut batch)).await;
    let (datagrams, _theirs) = UnixDatagram::pair()?;
    dropped("UnixDatagram::recv", datagrams.recv(&mut [0])).await;

    let (pipe, _writer) = std::io::pipe()?;
    let pipe = AsyncFd::new(pipe)?;
    dropped("AsyncFd::readable", pipe.readable()).await;
    let never = |_: &_| io::Result::<()>::Err(io::ErrorKind::WouldBlock.into());
    dropped("AsyncFd::async_io", pipe.async_io(Interest::Read, never)).await;

    // A handshake that gets no answer: the queue is full.
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse().expect("an address"))?;
    let full = socket.listen(0)?;
    let address = full.local_addr()?;
    let _waiting = TcpStream::connect(address).await?;
    AsyncFd::new(std::os::fd::AsFd::as_fd(&full).try_clone_to_owned()?)?
        .readable()
        .await?;
    dropped("connect", TcpStream::connect(address)).await;
    dropped(
        "connect_timeout",
        TcpStream::connect_timeout(&address, HOUR),
    )
    .await;
    Ok(())
}

async fn servers() -> io::Result<()> {
    // The tests run beside each other.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("waterwheel-dropped-{}-{number}", std::process::id());
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(
            name,
        )?;
    let listener = UnixListener::bind_addr(&address)?;
    let server = serve(
        listener,
        ServeOptions::new(),
        |stream: UnixStream, _| async move { stream.read_exact(&mut [0]).await },
    );
    let _client = UnixStream::connect_addr(&address).await?;
    while server.connections() == 0 {
        yield_now().await;
    }
    dropped("Server::shutdown", server.shutdown(HOUR)).await;
    dropped("Server::until", server.until(pending::<()>(), HOUR)).await;
    Ok(())
}

fn on(workers: usize) -> io::Result<()> {
    let runtime = Runtime::builder().worker_threads(workers).build()?;
    runtime.block_on(async {
        timers().await;
        tasks().await;
        sockets().await?;
        servers().await
    })
}

#[test]
fn on_one_worker_wake_nobody() -> io::Result<()> {
    on(1)
}

#[test]
fn on_two_workers_wake_nobody() -> io::Result<()> {
    on(2)
}

#[test]
fn on_four_workers_wake_nobody() -> io::Result<()> {
    on(4)
}
