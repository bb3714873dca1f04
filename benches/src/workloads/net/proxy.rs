//! A proxy relays between two connections, both ways at once, by what its runtime has for that. Compared is the processor time
//! of a GiB.
//!
//! The load is at both ends, and asserts that each byte comes out as it went in.

use super::GROUP;
use super::peer::{EVENTS, register, wait};
use crate::contest::{Aside, Contestant, Pace, Sample};
use crate::net::{Pinned, Relay, Server, Spawn, by_name};
use crate::random::Random;
use crate::workloads::{Entry, Unit};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// What its process is told to be; after it, the port of whom it relays to.
const PROGRAM: &str = "proxy-";

const RUNTIMES: [&str; 4] = ["waterwheel", "tokio", "smol", "monoio"];

/// In an iteration, one way.
const BYTES: u64 = 8 << 20;

const GIB: f64 = (1 << 30) as f64;

/// As much is sent or received at a time.
const CHUNK: usize = 256 << 10;

/// After so many bytes, what is sent repeats. It is a multiple of no power of two.
const PERIOD: usize = (1 << 20) + 7;

pub(super) fn all() -> Vec<Entry> {
    vec![Entry {
        group: GROUP,
        name: "proxy",
        what: "a proxy relays both ways; its processor time for a GiB",
        unit: Unit::Time,
        pace: Pace::Filled,
        quick: true,
        bounds: vec![],
        contestants: || RUNTIMES.into_iter().map(contestant).collect(),
    }]
}

fn contestant(runtime: &'static str) -> io::Result<Contestant> {
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = upstream.local_addr()?.port();
    let server = Server::start(&format!("{PROGRAM}{port}"), runtime)?;
    let mut load = Load::new(server.address, &upstream)?;
    Ok(Contestant {
        name: runtime,
        measure: Box::new(move |iterations| {
            let _pinned = Pinned::load().expect("a thread may move");
            let bytes = BYTES * u64::from(iterations);
            let before = server.processor_time();
            let took = load.run(bytes);
            let spent = server.processor_time() - before;
            let relayed = 2.0 * bytes as f64;
            let mut sample = Sample::new(took, spent.as_secs_f64() * GIB / relayed);
            sample.asides = vec![Aside {
                name: "bytes a second",
                unit: Unit::Bytes,
                value: relayed / took.as_secs_f64(),
            }];
            sample
        }),
    })
}

/// Whether a server's process is to be this.
pub(super) fn is(program: &str) -> bool {
    program.starts_with(PROGRAM)
}

/// In that process: runs for ever.
pub(super) fn serve(program: &str, runtime: &str, listener: TcpListener) -> io::Result<()> {
    let port = program.trim_start_matches(PROGRAM).parse::<u16>();
    let upstream = (Ipv4Addr::LOCALHOST, port.expect("a port")).into();
    by_name!(runtime, R => accept::<R, _>(listener, |front| {
        proxy::<R>(front, upstream)
    }); Waterwheel, Tokio, Smol, Monoio)
}

/// Accepts for ever, and gives each connection a task.
fn accept<R: Relay + Spawn<F>, F: Future<Output = ()>>(
    listener: TcpListener,
    handle: impl Fn(R::Stream) -> F,
) -> io::Result<()> {
    R::block_on(async {
        let listener = R::listener(listener)?;
        loop {
            let front = R::accept_stream(&listener).await?;
            R::spawn(handle(front));
        }
    })
}

async fn proxy<R: Relay>(front: R::Stream, upstream: SocketAddr) {
    let back = R::connect(upstream).await.expect("upstream accepts");
    // If it fails, one of the two has gone.
    let _ = R::relay(front, back).await;
}

/// Both ends of a relay.
struct Load {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    ends: [End; 2],
    /// What is sent, for a period and a chunk more.
    pattern: Vec<u8>,
}

struct End {
    stream: TcpStream,
    sent: u64,
    received: u64,
    buffer: Vec<u8>,
}

impl Load {
    fn new(proxy: SocketAddr, upstream: &TcpListener) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let front = End::new(TcpStream::connect(proxy)?, &epoll)?;
        let back = End::new(upstream.accept()?.0, &epoll)?;
        let mut random = Random::new(1);
        let mut pattern: Vec<_> = (0..PERIOD).map(|_| random.next() as u8).collect();
        pattern.extend_from_within(..CHUNK);
        Ok(Self {
            epoll,
            events: Vec::with_capacity(EVENTS),
            ends: [front, back],
            pattern,
        })
    }

    /// Sends so many bytes each way, and tells how long it took until all had come.
    fn run(&mut self, bytes: u64) -> Duration {
        let began = Instant::now();
        let until = self.ends[0].sent + bytes;
        while self.ends.iter().any(|end| end.received < until) {
            let mut moved = false;
            for end in &mut self.ends {
                moved |= end.send(until, &self.pattern);
                moved |= end.receive(&self.pattern);
            }
            if !moved {
                wait(&self.epoll, &mut self.events);
            }
        }
        began.elapsed()
    }
}

impl End {
    fn new(stream: TcpStream, epoll: &OwnedFd) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        register(epoll, &stream, 0)?;
        Ok(Self {
            stream,
            sent: 0,
            received: 0,
            buffer: vec![0; CHUNK],
        })
    }

    /// Whether anything could be sent.
    fn send(&mut self, until: u64, pattern: &[u8]) -> bool {
        let place = (self.sent % PERIOD as u64) as usize;
        let count = CHUNK.min((until - self.sent) as usize);
        if count == 0 {
            return false;
        }
        let bytes = &pattern[place..place + count];
        match send(&self.stream, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => {
                self.sent += count as u64;
                true
            }
            Err(Errno::AGAIN) => false,
            Err(error) => panic!("to the proxy: {error}"),
        }
    }

    /// Whether anything had come.
    fn receive(&mut self, pattern: &[u8]) -> bool {
        let place = (self.received % PERIOD as u64) as usize;
        match recv(&self.stream, &mut self.buffer, RecvFlags::empty()) {
            Ok((0, _)) => panic!("the proxy has closed a connection"),
            Ok((count, _)) => {
                let came = &self.buffer[..count];
                assert!(came == &pattern[place..place + count], "as it was sent");
                self.received += count as u64;
                true
            }
            Err(Errno::AGAIN) => false,
            Err(error) => panic!("from the proxy: {error}"),
        }
    }
}
