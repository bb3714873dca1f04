//! Sockets: what a server spends on a request, in a process and on a core of its own, while another core loads it.
//!
//! | module | what is there |
//! |---|---|
//! | `echo` | the server sends back what comes: its processor time |
//! | `counts` | the same, counted: system calls and instructions |
//! | `chain` | a byte goes around a ring of socketpairs |
//! | `proxy` | a proxy relays |
//! | `http` | hyper answers wrk |
//! | `idle` | what it holds for a connection that says nothing |
//! | `programs` | what the servers run |
//! | `bare` | the server that is no runtime |
//! | `load`, `short` | who loads them: connections that stay, and connections that do not |
//! | `peer` | a connection of theirs |

mod bare;
mod chain;
mod counts;
mod echo;
mod http;
mod idle;
mod load;
mod peer;
mod programs;
mod proxy;
mod short;

use super::{Entry, FLOOR};
use std::io;
use std::net::TcpListener;

const GROUP: &str = "net";

/// A part of it that is a group by itself.
const ECHO: &str = "echo";

/// Who takes part, Waterwheel first.
const RUNTIMES: [&str; 6] = [
    "waterwheel",
    "tokio",
    "tokio LocalSet",
    "smol",
    "monoio",
    FLOOR,
];

/// Every workload of the groups, in the order in which they run.
pub(super) fn all() -> Vec<Entry> {
    let mut all = echo::all();
    all.extend(chain::all());
    all.extend(proxy::all());
    all.extend(http::all());
    all.extend(counts::all());
    all.extend(idle::all());
    all
}

/// In a server's process: runs the program of that name on the runtime of that name, for ever.
pub(crate) fn serve(program: &str, runtime: &str, listener: TcpListener) -> io::Result<()> {
    if chain::is(program) {
        chain::serve(program, runtime)
    } else if proxy::is(program) {
        proxy::serve(program, runtime, listener)
    } else if http::is(program) {
        http::serve(runtime, listener)
    } else {
        programs::serve(program, runtime, listener)
    }
}
