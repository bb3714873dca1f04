//! What a server holds for a connection that says nothing: the bytes on its heap, with a task that reads with a timeout.
//!
//! Each connection has been served once before, so that whatever a connection is given on its first wait, it has. Its
//! buffer, of 4 KiB for all, is not counted: how large that is, is the program's own choice.

use super::RUNTIMES;
use super::echo::SMALL;
use super::load::Load;
use super::programs::TIMED;
use crate::contest::{Contestant, Pace, Sample};
use crate::net::{Server, allow_connections};
use crate::workloads::memory;
use crate::workloads::{Bound, Entry, FLOOR, Unit};
use std::thread;
use std::time::{Duration, Instant};

/// A little less than a power of two: what grows by doubling is near its best.
const CONNECTIONS: usize = 4_000;

/// After the last reply, until its task waits again.
const SETTLE: Duration = Duration::from_millis(50);

pub(super) fn all() -> Vec<Entry> {
    vec![Entry {
        group: memory::GROUP,
        name: "idle_connection",
        what: "4,000 connections wait in a read with a timeout; bytes on the heap for one, but for its buffer",
        unit: Unit::Bytes,
        pace: Pace::Single,
        quick: true,
        bounds: vec![Bound::Ratio("tokio", 0.5)],
        contestants: || {
            allow_connections(CONNECTIONS as u64)?;
            // The bare loop has neither tasks nor timers.
            let runtimes = RUNTIMES.into_iter().filter(|name| *name != FLOOR);
            Ok(runtimes.map(contestant).collect())
        },
    }]
}

fn contestant(runtime: &'static str) -> Contestant {
    Contestant {
        name: runtime,
        measure: Box::new(move |_| {
            let began = Instant::now();
            let mut server = Server::start_attended(TIMED.name, runtime).expect("a server");
            server.count_heap();
            let load = Load::connect(server.address, CONNECTIONS, SMALL).expect("connections");
            thread::sleep(SETTLE);
            let bytes = server.heap() as f64 / CONNECTIONS as f64;
            drop(load);
            Sample::new(began.elapsed(), bytes - TIMED.buffer as f64)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_tells_what_its_connections_hold() {
        let mut server = Server::start_attended(TIMED.name, "waterwheel").expect("a server");
        server.count_heap();
        let load = Load::connect(server.address, 10, SMALL).expect("connections");
        let heap = server.heap();
        assert!(heap > 10 * TIMED.buffer as u64, "{heap} bytes are too few");
        drop(load);
    }
}
