//! What a server does in the process that was started for it.
//!
//! It shares a socket with whoever started it, its standard input, and tells its port and its number there. If it is attended,
//! a thread answers questions. It is ended by a signal, and does not outlive its parent.

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

/// What an attended server is asked, in a byte. The answer has eight.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Question {
    /// To count the heap from here on; the answer is 0.
    CountHeap = b'c',
    /// By how many bytes it has grown since.
    Heap = b'h',
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
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // It fails if nobody is there any more, who might have died before the signal was asked for.
    control.write_all(&listener.local_addr()?.port().to_le_bytes())?;
    control.write_all(&getpid().as_raw_pid().to_le_bytes())?;
    if attended {
        thread::spawn(move || answer(control));
    }
    serve(program, runtime, listener)?;
    unreachable!("a server does not end by itself");
}

/// Answers, for as long as anybody asks.
fn answer(mut control: UnixStream) {
    let mut counter = None;
    let mut question = [0];
    while control.read_exact(&mut question).is_ok() {
        let answer: i64 = match question[0] {
            question if question == Question::CountHeap as u8 => {
                counter = Some(Counter::start());
                0
            }
            question if question == Question::Heap as u8 => {
                counter.take().expect("it counts").stop()
            }
            other => unreachable!("nobody asks {other}"),
        };
        if control.write_all(&answer.to_le_bytes()).is_err() {
            break;
        }
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
