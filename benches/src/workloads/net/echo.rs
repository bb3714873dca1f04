//! A server sends back what comes. What that costs it is its processor time, of all its threads, in user space and in the
//! kernel, divided by the requests.
//!
//! The load asserts that every reply is its request.

use super::load::Load;
use super::programs::{LARGE, PLAIN, Program, TIMED};
use super::short::ShortLoad;
use super::{ECHO, GROUP, RUNTIMES};
use crate::contest::{Aside, Contestant, Pace, Sample};
use crate::net::{PATIENCE, Pinned, Server, allow_connections};
use crate::workloads::{Bound, Entry, FLOOR, Unit};
use hdrhistogram::Histogram;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The bytes of a small request.
pub(super) const SMALL: usize = 64;

/// A kind of load, and the server that it meets.
trait Workload: 'static {
    const GROUP: &'static str = ECHO;
    const NAME: &'static str;
    /// What it does, in a line.
    const WHAT: &'static str;
    const PROGRAM: &'static Program;
    const BOUNDS: &'static [Bound];
    /// How many there are at a time.
    const CONNECTIONS: usize;
    /// How many requests are an iteration.
    const REQUESTS: u64 = 500;

    /// Opens what lives through all rounds, and gives who makes so many requests on it.
    fn load(server: SocketAddr) -> io::Result<impl Requests + 'static>;
}

/// Who makes requests.
pub(super) trait Requests {
    /// Makes so many, and tells how long that took and, in nanoseconds, each of them.
    fn run(&mut self, requests: u64) -> (Duration, &Histogram<u64>);
}

pub(super) fn all() -> Vec<Entry> {
    vec![
        entry::<Echo<1>>(),
        entry::<Echo<64>>(),
        entry::<Echo<1000>>(),
        entry::<EchoTimeout>(),
        entry::<EchoLarge>(),
        entry::<Connect>(),
    ]
}

fn entry<W: Workload>() -> Entry {
    Entry {
        group: W::GROUP,
        name: W::NAME,
        what: W::WHAT,
        unit: Unit::Time,
        pace: Pace::Filled,
        quick: true,
        bounds: W::BOUNDS.to_vec(),
        contestants: || {
            allow_connections((W::CONNECTIONS * RUNTIMES.len()) as u64)?;
            RUNTIMES.into_iter().map(contestant::<W>).collect()
        },
    }
}

fn contestant<W: Workload>(runtime: &'static str) -> io::Result<Contestant> {
    let server = Server::start(W::PROGRAM.name, runtime)?;
    let mut load = W::load(server.address)?;
    Ok(Contestant {
        name: runtime,
        measure: Box::new(move |iterations| {
            let _pinned = Pinned::load().expect("a thread may move");
            // Each connection once, so that nobody gains by being measured twice in a row, as the first and the last are.
            load.run(W::CONNECTIONS as u64);
            let requests = W::REQUESTS * u64::from(iterations);
            let before = server.processor_time();
            let (took, latencies) = load.run(requests);
            let spent = server.processor_time() - before;
            Sample {
                took,
                figure: spent.as_secs_f64() / requests as f64,
                asides: asides(took, requests, latencies),
            }
        }),
    })
}

/// Of nanoseconds, as long as a server is waited for.
pub(super) fn latencies() -> Histogram<u64> {
    let most = PATIENCE.as_nanos() as u64;
    Histogram::new_with_bounds(1, most, 3).expect("bounds and digits that are allowed")
}

fn asides(took: Duration, requests: u64, latencies: &Histogram<u64>) -> Vec<Aside> {
    let quantiles = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
    let latency = quantiles.map(|(name, quantile)| Aside {
        name,
        unit: Unit::Time,
        value: latencies.value_at_quantile(quantile) as f64 * 1e-9,
    });
    let rate = Aside {
        name: "requests a second",
        unit: Unit::Count,
        value: requests as f64 / took.as_secs_f64(),
    };
    latency.into_iter().chain([rate]).collect()
}

/// 64 bytes on so many connections.
struct Echo<const CONNECTIONS: usize>;

impl<const CONNECTIONS: usize> Workload for Echo<CONNECTIONS> {
    const NAME: &'static str = match CONNECTIONS {
        1 => "echo_1",
        64 => "echo_64",
        _ => "echo_1000",
    };
    const WHAT: &'static str = match CONNECTIONS {
        1 => "64 bytes are echoed on 1 connection; the server's processor time for a request",
        64 => "64 bytes are echoed on 64 connections; the server's processor time for a request",
        _ => "64 bytes are echoed on 1,000 connections; the server's processor time for a request",
    };
    const PROGRAM: &'static Program = &PLAIN;
    /// With one connection, most of it is the way into sleep and out of it.
    const BOUNDS: &'static [Bound] = match CONNECTIONS {
        1 => &[],
        _ => &[Bound::Ratio(FLOOR, 1.0), Bound::Best(1.0)],
    };
    const CONNECTIONS: usize = CONNECTIONS;
    /// Some on each connection.
    const REQUESTS: u64 = match CONNECTIONS {
        1000 => 3_000,
        _ => 500,
    };

    fn load(server: SocketAddr) -> io::Result<impl Requests + 'static> {
        Load::connect(server, Self::CONNECTIONS, SMALL)
    }
}

struct EchoTimeout;

impl Workload for EchoTimeout {
    const NAME: &'static str = "echo_timeout";
    const WHAT: &'static str = "as echo_64, with a timeout of 30 s around each read";
    const PROGRAM: &'static Program = &TIMED;
    const CONNECTIONS: usize = 64;
    const BOUNDS: &'static [Bound] = &[];

    fn load(server: SocketAddr) -> io::Result<impl Requests + 'static> {
        Load::connect(server, Self::CONNECTIONS, SMALL)
    }
}

/// What is larger than what a socket takes at first, and so is written and read in parts.
struct EchoLarge;

impl Workload for EchoLarge {
    const NAME: &'static str = "echo_64k";
    const WHAT: &'static str =
        "64 KiB are echoed on 4 connections; the server's processor time for a request";
    const PROGRAM: &'static Program = &LARGE;
    const CONNECTIONS: usize = 4;
    const BOUNDS: &'static [Bound] = &[];
    const REQUESTS: u64 = 100;

    fn load(server: SocketAddr) -> io::Result<impl Requests + 'static> {
        Load::connect(server, Self::CONNECTIONS, LARGE.buffer)
    }
}

struct Connect;

impl Workload for Connect {
    const GROUP: &'static str = GROUP;
    const NAME: &'static str = "connect";
    const WHAT: &'static str =
        "connect, echo 64 bytes, close, 16 at a time; the server's processor time for all three";
    const PROGRAM: &'static Program = &PLAIN;
    const CONNECTIONS: usize = 16;
    const BOUNDS: &'static [Bound] = &[];
    const REQUESTS: u64 = 200;

    fn load(server: SocketAddr) -> io::Result<impl Requests + 'static> {
        ShortLoad::new(server, Self::CONNECTIONS, SMALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asides_are_of_the_latencies_and_of_the_time() {
        let mut latencies = latencies();
        for micros in 1..=1000 {
            latencies.saturating_record(micros * 1_000);
        }
        let asides = asides(Duration::from_millis(500), 1000, &latencies);
        let near = |place: usize, value: f64| (asides[place].value / value - 1.0).abs() < 0.01;
        assert!(
            near(0, 500e-6) && near(1, 990e-6) && near(2, 999e-6),
            "{asides:?}"
        );
        assert!(near(3, 2_000.0), "{asides:?}");
    }
}
