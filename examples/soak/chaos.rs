//! A proxy that does to a connection whatever a network may: it delays, splits and merges what passes, stalls, ends one direction early, and
//! resets. And clients who go through it, and know what they may see.
//!
//! Whatever a client receives must be the beginning of what it has sent; and all of it, unless the proxy meant to break the connection,
//! which it has written down beforehand.

use crate::random::{Bytes, Random};
use crate::tally::{Tally, count, lock};
use futures_util::future::{join, try_join};
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel::net::{ServeOptions, Server, TcpListener, TcpSocket, TcpStream, serve};
use waterwheel::{sleep, timeout};

const CLIENTS: u64 = 16;
/// The most that a client sends in a connection.
const MOST: usize = 64 << 10;
/// By when a connection must be over.
const STUCK: Duration = Duration::from_secs(120);

/// What the proxy means to do with a connection, by its client's address.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Whole,
    /// Reset on both sides when so many bytes have come back.
    Reset(usize),
    /// End of stream towards the client after so many bytes.
    Cut(usize),
}

#[derive(Clone, Copy)]
struct Known {
    fate: Fate,
    /// The proxy's port before the server, when it has one.
    upstream: Option<u16>,
}

type Fates = Arc<Mutex<HashMap<SocketAddr, Known>>>;

/// Starts the proxy before `server`, and keeps clients going through it until the run is over.
pub(crate) async fn run(tally: Arc<Tally>, server: SocketAddr) -> io::Result<()> {
    let fates = Fates::default();
    let (proxy, address) = start_proxy(&tally, server, Arc::clone(&fates)).await?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client {
                random: Random::new(tally.seed, "client", number),
                tally: Arc::clone(&tally),
                fates: Arc::clone(&fates),
                local: Arc::default(),
                whole: tally.watched("connections through the proxy, whole"),
                broken: tally.counter("connections through the proxy, broken by it"),
                bytes: tally.counter("bytes checked behind the proxy"),
            };
            waterwheel::spawn(client.run(address))
        })
        .collect();
    for client in clients {
        client.await?;
    }
    let report = proxy.until(async {}, Duration::from_secs(30)).await;
    tally.check(report.panicked + report.cancelled + report.left == 0, {
        format!("the proxy's end: {report:?}")
    });
    Ok(())
}

struct Client {
    random: Random,
    tally: Arc<Tally>,
    fates: Fates,
    /// Of the connection that there is.
    local: Arc<Mutex<Option<SocketAddr>>>,
    whole: Arc<AtomicU64>,
    broken: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Client {
    async fn run(mut self, proxy: SocketAddr) {
        let (tally, fates) = (Arc::clone(&self.tally), Arc::clone(&self.fates));
        let local = Arc::clone(&self.local);
        while !tally.is_over() {
            let mut connection = Box::pin(self.connection(proxy));
            match timeout(STUCK, connection.as_mut()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tally.error("connect to the proxy", &error),
                // Said while the sockets are still there.
                Err(_) => tally.fault(format_args!(
                    "a connection through the proxy is stuck:\n{}",
                    sockets(&fates, *lock(&local))
                )),
            }
            drop(connection);
            sleep(self.random.millis(1, 50)).await;
        }
    }

    async fn connection(&mut self, proxy: SocketAddr) -> io::Result<()> {
        // A buffer that is made smaller when bytes are on their way already makes the kernel drop them, and send them again ever more slowly.
        let socket = TcpSocket::new_v4()?;
        if self.random.once_in(4) {
            socket.set_recv_buffer_size(4096)?;
        }
        let stream = socket.connect(proxy).await?;
        *lock(&self.local) = Some(stream.local_addr()?);
        let (local, total) = (stream.local_addr()?, self.random.between(1, MOST));
        let bytes = Bytes(self.random.next());
        let seed = self.random.next();
        let (sent, (received, ended)) = join(
            send(&stream, &bytes, total, Random::new(seed, "send", 0)),
            receive(&stream, &bytes, Random::new(seed, "receive", 0)),
        )
        .await;
        self.bytes.fetch_add(received as u64, Ordering::Relaxed);
        let fate = lock(&self.fates).remove(&local).map(|known| known.fate);
        match (fate, ended) {
            (_, Err(Ended::Wrong)) => self.tally.fault("a wrong byte behind the proxy"),
            (Some(Fate::Whole), Ok(())) if sent.is_ok() && received == total => count(&self.whole),
            (Some(Fate::Whole), ended) => self.tally.fault(format_args!(
                "{received} of {total} bytes came back whole: {sent:?}, {ended:?}"
            )),
            (None, ended) => self.tally.fault(format_args!(
                "the proxy knows nothing of a connection: {sent:?}, {ended:?}"
            )),
            (Some(_), ended) => {
                if let Err(Ended::Error(error)) = ended {
                    self.tally.error("behind the proxy", &error);
                }
                count(&self.broken);
            }
        }
        Ok(())
    }
}

/// What the kernel knows of a connection's sockets, on both sides of the proxy: state, queues, timers, retransmissions.
fn sockets(fates: &Fates, client: Option<SocketAddr>) -> String {
    let Some(client) = client else {
        return "no connection".to_owned();
    };
    let known = lock(fates).get(&client).copied();
    let ports = [Some(client.port()), known.and_then(|known| known.upstream)];
    let all = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let concerns = |line: &&str| {
        let mut ports = ports.iter().flatten();
        ports.any(|port| line.contains(&format!(":{port:04X} ")))
    };
    all.lines().filter(concerns).collect::<Vec<_>>().join("\n")
}

/// Sends in chunks of any size, then the end.
async fn send(
    stream: &TcpStream,
    bytes: &Bytes,
    total: usize,
    mut random: Random,
) -> io::Result<()> {
    let (mut place, mut buffer) = (0, [0; 4096]);
    while place < total {
        let chunk = &mut buffer[..random.between(1, 4096).min(total - place)];
        bytes.fill(place, chunk);
        stream.write_all(chunk).await?;
        place += chunk.len();
        if random.once_in(8) {
            sleep(random.millis(0, 5)).await;
        }
    }
    stream.shutdown(Shutdown::Write)
}

#[derive(Debug)]
enum Ended {
    Wrong,
    Error(io::Error),
}

/// How many bytes came, and how it ended.
async fn receive(
    stream: &TcpStream,
    bytes: &Bytes,
    mut random: Random,
) -> (usize, Result<(), Ended>) {
    let (mut place, mut buffer) = (0, [0; 2048]);
    loop {
        let chunk = &mut buffer[..random.between(1, 2048)];
        match stream.read(chunk).await {
            Ok(0) => return (place, Ok(())),
            Ok(count) if bytes.are(place, &chunk[..count]) => place += count,
            Ok(_) => return (place, Err(Ended::Wrong)),
            Err(error) => return (place, Err(Ended::Error(error))),
        }
        if random.once_in(16) {
            sleep(random.millis(0, 10)).await;
        }
    }
}

async fn start_proxy(
    tally: &Arc<Tally>,
    server: SocketAddr,
    fates: Fates,
) -> io::Result<(Server, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (number, seed) = (AtomicU64::new(0), tally.seed);
    let theirs = Arc::clone(tally);
    let options = ServeOptions::new().on_error(move |_, error| theirs.error("the proxy", error));
    let proxy = serve(listener, options, move |client, peer| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let mut random = Random::new(seed, "proxy", number);
        let fate = match random.below(10) {
            0 | 1 => Fate::Reset(random.below(MOST / 2)),
            2 => Fate::Cut(random.below(MOST / 2)),
            _ => Fate::Whole,
        };
        let known = Known {
            fate,
            upstream: None,
        };
        lock(&fates).insert(peer, known);
        relay(client, peer, server, Arc::clone(&fates), fate, random)
    });
    Ok((proxy, address))
}

/// Why a direction does not go on.
enum Broken {
    Reset,
    Error(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}

async fn relay(
    client: TcpStream,
    peer: SocketAddr,
    server: SocketAddr,
    fates: Fates,
    fate: Fate,
    mut random: Random,
) -> io::Result<()> {
    let upstream = TcpStream::connect_timeout(server, STUCK).await?;
    if let Some(known) = lock(&fates).get_mut(&peer) {
        known.upstream = Some(upstream.local_addr()?.port());
    }
    if random.once_in(4) {
        upstream.set_send_buffer_size(4096)?;
        client.set_send_buffer_size(4096)?;
    }
    client.set_nodelay(random.once_in(2))?;
    let seed = random.next();
    let ended = try_join(
        pass(&client, &upstream, Fate::Whole, Random::new(seed, "up", 0)),
        pass(&upstream, &client, fate, Random::new(seed, "down", 0)),
    )
    .await;
    match ended {
        Ok(_) => Ok(()),
        Err(Broken::Reset) => {
            client.set_linger(Some(Duration::ZERO))?;
            upstream.set_linger(Some(Duration::ZERO))
        }
        // Where one direction was cut the client may be gone before it has read all, and that resets.
        Err(Broken::Error(_)) if matches!(fate, Fate::Cut(_)) => Ok(()),
        Err(Broken::Error(error)) => Err(error),
    }
}

/// One direction, until its end, which is passed on.
async fn pass(
    from: &TcpStream,
    to: &TcpStream,
    fate: Fate,
    mut random: Random,
) -> Result<(), Broken> {
    let (mut passed, mut buffer) = (0, [0; 4096]);
    loop {
        let most = random.between(1, buffer.len());
        let mut held = from.read(&mut buffer[..most]).await?;
        if held == 0 {
            to.shutdown(Shutdown::Write)?;
            return Ok(());
        }
        while held < most && random.once_in(3) {
            // Merges what comes within a few milliseconds. An end that comes now comes again.
            match timeout(random.millis(1, 5), from.read(&mut buffer[held..most])).await {
                Ok(Ok(count @ 1..)) => held += count,
                Ok(Err(error)) => return Err(error.into()),
                Ok(Ok(0)) | Err(_) => break,
            }
        }
        match random.below(256) {
            0 => sleep(random.millis(300, 2000)).await,
            1..=32 => sleep(random.millis(0, 20)).await,
            _ => {}
        }
        match fate {
            Fate::Reset(limit) if passed + held > limit => return Err(Broken::Reset),
            Fate::Cut(limit) if passed + held > limit => {
                to.write_all(&buffer[..limit - passed]).await?;
                to.shutdown(Shutdown::Write)?;
                // The server is not to notice.
                while from.read(&mut buffer).await? > 0 {}
                return Ok(());
            }
            _ => {}
        }
        let pieces = if random.once_in(4) {
            random.between(2, 16)
        } else {
            1
        };
        for piece in buffer[..held].chunks(held.div_ceil(pieces)) {
            to.write_all(piece).await?;
            if pieces > 1 && random.once_in(4) {
                sleep(random.millis(0, 2)).await;
            }
        }
        passed += held;
    }
}
