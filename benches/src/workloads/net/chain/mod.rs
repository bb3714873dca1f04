//! The chained socketpairs by which libevent was measured, and muduo after it: a ring of pairs of Unix sockets, and a task at
//! each, which reads a byte from its own pair and writes one to the next. Some of the pairs are active at a time, the others
//! are silent.
//!
//! What is compared is the processor time of a byte that is read and, but for the last ones, passed on. A task counts what it has
//! passed; a byte that is lost leaves the count short, and the run does not end.

mod bare;
mod ring;

use super::{GROUP, RUNTIMES};
use crate::contest::{Aside, Contestant, Pace, Sample};
use crate::net::{Connection, Net, Orders, Server, Spawn, allow_connections, by_name};
use crate::workloads::{Entry, FLOOR, Unit};
use ring::Ring;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// In the ring.
const PAIRS: usize = 1_000;

/// Bytes that are read in an iteration.
const READS: u64 = 1_000;

/// What its servers' process is told to be; after it, how many pairs are active.
const PROGRAM: &str = "chain-";

pub(super) fn all() -> Vec<Entry> {
    vec![entry::<1>(), entry::<100>()]
}

fn entry<const ACTIVE: usize>() -> Entry {
    let (name, what) = match ACTIVE {
        1 => (
            "chain_1",
            "a byte is passed around 1,000 socketpairs; processor time of a hop",
        ),
        _ => (
            "chain_100",
            "100 bytes are passed around 1,000 socketpairs; processor time of a hop",
        ),
    };
    Entry {
        group: GROUP,
        name,
        what,
        unit: Unit::Time,
        pace: Pace::Filled,
        quick: ACTIVE > 1,
        bounds: vec![],
        contestants: || {
            // Both ends are a server's, and those by which it starts.
            allow_connections((2 * PAIRS + ACTIVE) as u64)?;
            RUNTIMES.into_iter().map(contestant::<ACTIVE>).collect()
        },
    }
}

fn contestant<const ACTIVE: usize>(runtime: &'static str) -> io::Result<Contestant> {
    let mut server = Server::start(&format!("{PROGRAM}{ACTIVE}"), runtime)?;
    Ok(Contestant {
        name: runtime,
        measure: Box::new(move |iterations| {
            let reads = READS * u64::from(iterations);
            let (began, before) = (Instant::now(), server.processor_time());
            assert_eq!(server.order(reads), reads, "as many as were asked for");
            let (took, spent) = (began.elapsed(), server.processor_time() - before);
            let mut sample = Sample::new(took, spent.as_secs_f64() / reads as f64);
            sample.asides = vec![Aside {
                name: "hops a second",
                unit: Unit::Count,
                value: reads as f64 / took.as_secs_f64(),
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
pub(super) fn serve(program: &str, runtime: &str) -> io::Result<()> {
    let active = program.trim_start_matches(PROGRAM).parse();
    let active = active.expect("a number of pairs");
    match runtime {
        FLOOR => bare::run(active),
        _ => by_name!(runtime, R => run::<R, _>(active, pass::<R>)),
    }
}

/// Has so many bytes read whenever it is told to.
fn run<R: Net + Spawn<F>, F: Future<Output = ()>>(
    active: usize,
    pass: impl Fn(R::Unix, R::Unix, Arc<Ring>) -> F,
) -> io::Result<()> {
    let mut orders = Orders::new()?;
    R::block_on(async {
        let ring = Arc::new(Ring::default());
        let (starts, places) = ring::pairs(PAIRS, active)?;
        for (from, to) in places {
            // A byte a time, as it was then.
            let (from, to) = (R::unix(from, 1)?, R::unix(to, 1)?);
            R::spawn(pass(from, to, Arc::clone(&ring)));
        }
        while let Some(reads) = orders.next() {
            let finished = ring.begin(reads, active as u64);
            ring::start(&starts)?;
            finished.await.expect("the last one tells");
            orders.answer(ring.done());
        }
        Ok(())
    })
}

/// Reads a byte, and writes one to the next, until the ring is told that it is enough.
async fn pass<R: Net>(mut from: R::Unix, mut to: R::Unix, ring: Arc<Ring>) {
    while let Ok(1) = from.read().await {
        if ring.passes_on() {
            to.write_all(1).await.expect("the next one lives");
        }
        ring.count();
    }
}
