//! What a server does in the process that was started for it.
//!
//! It shares a socket with whoever started it, its standard input, and tells its port and its number there. If it is attended,
//! a thread answers questions; some programs take orders themselves. It is ended by a signal, and does not outlive its parent.

use super::Pinned;
use crate::allocator::Counter;
use crate::workloads::net::serve;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use rustix::process::{Signal, getpid, set_parent_process_death_signal};
use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;

/// The variable that names what a process is to serve, on which runtime, and whether it is attended, with colons between.
pub(super) const ROLE: &str = "WATERWHEEL_BENCH_SERVER";

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// What an attended server is ordered to do.
pub(super) const COUNT_HEAP: u64 = 0;
/// What it answers with the bytes by which it has grown since.
pub(super) const TELL_HEAP: u64 = 1;

/// Numbers that mean something to a program, from outside.
pub(crate) struct Orders(UnixStream);

impl Orders {
    /// Of this process, which is a server's. There is one who takes them.
    pub(crate) fn new() -> io::Result<Self> {
        let control = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Self(control.into()))
    }

    /// Blocks until there is one, or nobody is left to give any.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let mut order = [0; 8];
        self.0.read_exact(&mut order).ok()?;
        Some(u64::from_le_bytes(order))
    }

    /// Tells that the last one is done, and what came of it.
    pub(crate) fn answer(&mut self, answer: u64) {
        // If nobody is there to hear it, there will be no next one.
        let _ = self.0.write_all(&answer.to_le_bytes());
    }
}

/// With which arguments this program serves, if it is asked to: in a test it is not `main` that runs.
pub(super) fn arguments() -> impl Iterator<Item = OsString> {
    #[cfg(not(test))]
    let arguments: [&str; 0] = [];
    #[cfg(test)]
    let arguments = ["--exact", tests::NAME, "--ignored", "--nocapture"];
    arguments.into_iter().map(OsString::from)
}

/// If this process was started as a server, it is one, and this does not return.
pub(crate) fn serve_if_asked() -> io::Result<()> {
    let Ok(role) = env::var(ROLE) else {
        return Ok(());
    };
    let mut role = role.split(':');
    let mut part = || role.next().expect("a program and a runtime");
    let (program, runtime) = (part(), part());
    let attended = role.next().is_some();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // All threads, as they are started from here.
    let _pinned = Pinned::server()?;
    let listener = listener()?;
    let mut orders = Orders::new()?;
    // It fails if nobody is there any more, who might have died before the signal was asked for.
    let port = listener.local_addr()?.port();
    orders.0.write_all(&port.to_le_bytes())?;
    orders.0.write_all(&getpid().as_raw_pid().to_le_bytes())?;
    if attended {
        thread::spawn(move || attend(orders));
    }
    serve(program, runtime, listener)?;
    unreachable!("a server does not end by itself");
}

/// Counts the heap, for as long as anybody asks.
fn attend(mut orders: Orders) {
    let mut counter = None;
    while let Some(order) = orders.next() {
        let answer = match order {
            COUNT_HEAP => {
                counter = Some(Counter::start());
                0
            }
            TELL_HEAP => {
                let grown = counter.take().expect("it counts").stop();
                grown.try_into().expect("more is there than before")
            }
            other => unreachable!("there is no order {other}"),
        };
        orders.answer(answer);
    }
}

/// The same for every runtime. It does not block, and nor do small messages on its connections wait for others to be
/// acknowledged: they have that option from it.
fn listener() -> io::Result<TcpListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    pub(super) const NAME: &str = "net::role::tests::is_a_server";

    /// No test: what the servers of the tests run.
    #[test]
    #[ignore = "it is nothing but what other tests start as a server"]
    fn is_a_server() -> std::io::Result<()> {
        super::serve_if_asked()
    }
}
