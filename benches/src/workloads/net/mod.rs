//! Sockets: what a server spends on a request, in a process and on a core of its own, while another core loads it.
//!
//! | module | what is there |
//! |---|---|
//! | `echo` | the workloads that send back what comes: the server, and the entries |
//! | `load` | the client of all of them: a bare loop over many connections |
//! | `bare` | the server that is no runtime |

mod bare;
mod echo;
mod load;

use super::Entry;
use crate::net::raise_descriptor_limit;
use std::io;
use std::net::TcpListener;

const GROUP: &str = "net";

/// Every workload of the group, in the order in which they run.
pub(super) fn all() -> Vec<Entry> {
    raise_descriptor_limit();
    echo::all()
}

/// In a server's process: runs the program of that name on the runtime of that name, for ever.
pub(crate) fn serve(program: &str, runtime: &str, listener: TcpListener) -> io::Result<()> {
    echo::serve(program, runtime, listener)
}
