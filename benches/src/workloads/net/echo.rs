//! A server sends back what comes, and what that costs it is its processor time: of all its threads, in user space and in
//! the kernel, divided by the requests.
//!
//! The program is that of any such server: the main future accepts, and each connection has a task with a buffer on the heap.
//! The load is the same for all, see `load`; it asserts that every reply is its request.

use super::load::Load;
use super::{GROUP, bare};
use crate::contest::{Aside, Contestant, Pace, Sample};
use crate::net::{Connection, Net, Pinned, Server, Spawn, by_name};
use crate::workloads::{Bound, Entry, FLOOR, Unit};
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

/// A connection may be silent for so long, where there is a limit.
const LIMIT: Duration = Duration::from_secs(30);

/// A kind of echo server: what its process is told to be.
pub(super) struct Program {
    pub(super) name: &'static str,
    /// A connection's buffer, in bytes.
    pub(super) buffer: usize,
    /// How long a read may take.
    pub(super) limit: Option<Duration>,
}

pub(super) const PLAIN: Program = Program {
    name: "echo",
    buffer: 4 << 10,
    limit: None,
};

pub(super) const TIMED: Program = Program {
    name: "echo_timeout",
    limit: Some(LIMIT),
    ..PLAIN
};

const PROGRAMS: [&Program; 2] = [&PLAIN, &TIMED];

/// Who takes part, Waterwheel first.
const RUNTIMES: [&str; 6] = [
    "waterwheel",
    "tokio",
    "tokio LocalSet",
    "smol",
    "monoio",
    FLOOR,
];

/// What a client sends at a time, in bytes, on how many connections; and how many requests are an iteration.
struct Requests {
    size: usize,
    connections: usize,
    count: u64,
}

pub(super) fn all() -> Vec<Entry> {
    vec![
        Entry {
            group: GROUP,
            name: "echo_1",
            what: "64 bytes are echoed on 1 connection; processor time of the server for a request",
            unit: Unit::Time,
            pace: Pace::Filled,
            bounds: vec![],
            contestants: || {
                contestants(
                    &PLAIN,
                    &Requests {
                        size: 64,
                        connections: 1,
                        count: 1_000,
                    },
                )
            },
        },
        Entry {
            group: GROUP,
            name: "echo_64",
            what: "64 bytes are echoed on 64 connections; processor time of the server for a request",
            unit: Unit::Time,
            pace: Pace::Filled,
            bounds: vec![Bound::Ratio(FLOOR, 1.0), Bound::Best(1.0)],
            contestants: || {
                contestants(
                    &PLAIN,
                    &Requests {
                        size: 64,
                        connections: 64,
                        count: 1_000,
                    },
                )
            },
        },
        Entry {
            group: GROUP,
            name: "echo_1000",
            what: "64 bytes are echoed on 1,000 connections; processor time of the server for a request",
            unit: Unit::Time,
            pace: Pace::Filled,
            bounds: vec![Bound::Ratio(FLOOR, 1.0), Bound::Best(1.0)],
            contestants: || {
                contestants(
                    &PLAIN,
                    &Requests {
                        size: 64,
                        connections: 1_000,
                        count: 5_000,
                    },
                )
            },
        },
        Entry {
            group: GROUP,
            name: "echo_timeout",
            what: "as echo_64, with a timeout of 30 s around each read",
            unit: Unit::Time,
            pace: Pace::Filled,
            bounds: vec![Bound::Best(1.0)],
            contestants: || {
                contestants(
                    &TIMED,
                    &Requests {
                        size: 64,
                        connections: 64,
                        count: 1_000,
                    },
                )
            },
        },
    ]
}

fn contestants(program: &Program, requests: &Requests) -> io::Result<Vec<Contestant>> {
    let contestants = RUNTIMES.map(|runtime| contestant(program, runtime, requests));
    contestants.into_iter().collect()
}

fn contestant(
    program: &Program,
    runtime: &'static str,
    requests: &Requests,
) -> io::Result<Contestant> {
    let mut server = Server::start(program.name, runtime)?;
    let mut load = Load::connect(server.address, requests.connections, requests.size)?;
    let count = requests.count;
    Ok(Contestant {
        name: runtime,
        measure: Box::new(move |iterations| {
            let _pinned = Pinned::load().expect("a thread may move");
            let count = count * u64::from(iterations);
            let before = server.processor_time();
            let took = load.run(count);
            let spent = server.processor_time() - before;
            let mut sample = Sample::new(took, spent.as_secs_f64() / count as f64);
            let latency = |name, quantile| Aside {
                name,
                unit: Unit::Time,
                value: load.latency(quantile).as_secs_f64(),
            };
            sample.asides = vec![
                latency("latency p50", 0.5),
                latency("latency p99", 0.99),
                latency("latency p99.9", 0.999),
                Aside {
                    name: "requests a second",
                    unit: Unit::Count,
                    value: count as f64 / took.as_secs_f64(),
                },
            ];
            sample
        }),
    })
}

/// In a server's process.
pub(super) fn serve(program: &str, runtime: &str, listener: TcpListener) -> io::Result<()> {
    let program = PROGRAMS.iter().find(|each| each.name == program);
    let program = program.expect("such a program");
    if runtime == FLOOR {
        return bare::serve(program, listener);
    }
    by_name!(runtime, R => match program.limit {
        None => accept::<R, _>(listener, program.buffer, echo::<R>),
        Some(limit) => accept::<R, _>(listener, program.buffer, move |connection| {
            echo_until_silent::<R>(connection, limit)
        }),
    })
}

/// Accepts for ever, and gives each connection a task.
fn accept<R: Net + Spawn<F>, F: Future<Output = ()>>(
    listener: TcpListener,
    buffer: usize,
    handle: impl Fn(R::Tcp) -> F,
) -> io::Result<()> {
    R::block_on(async {
        let listener = R::listener(listener)?;
        loop {
            let connection = R::accept(&listener, buffer).await?;
            R::spawn(handle(connection));
        }
    })
}

/// Sends back what comes, until the peer has no more to say or is gone.
async fn echo<R: Net>(mut connection: R::Tcp) {
    while let Ok(count @ 1..) = connection.read().await {
        if connection.write_all(count).await.is_err() {
            return;
        }
    }
}

/// The same, until nothing has come for `limit`.
async fn echo_until_silent<R: Net>(mut connection: R::Tcp, limit: Duration) {
    while let Ok(Ok(count @ 1..)) = R::timeout(limit, connection.read()).await {
        if connection.write_all(count).await.is_err() {
            return;
        }
    }
}
