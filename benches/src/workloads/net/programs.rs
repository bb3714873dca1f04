//! What the servers run: each program written once, for every runtime and for the bare loop.
//!
//! They are what anybody writes: the main future accepts, and each connection has a task with a buffer on the heap.

use super::bare;
use crate::net::{Connection, Net, Spawn, by_name};
use crate::workloads::FLOOR;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

/// An echo server.
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
    limit: Some(Duration::from_secs(30)),
    ..PLAIN
};

pub(super) const LARGE: Program = Program {
    name: "echo_large",
    buffer: 64 << 10,
    ..PLAIN
};

const PROGRAMS: [&Program; 3] = [&PLAIN, &TIMED, &LARGE];

/// In a server's process: runs the program of that name on the runtime of that name, for ever.
pub(super) fn serve(program: &str, runtime: &str, listener: TcpListener) -> io::Result<()> {
    let program = PROGRAMS.iter().find(|each| each.name == program);
    let program = program.expect("a program of that name");
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
#[expect(clippy::manual_async_fn, reason = "it would keep its parameter twice")]
fn echo<R: Net>(mut connection: R::Tcp) -> impl Future<Output = ()> {
    async move {
        while let Ok(count @ 1..) = connection.read().await {
            if connection.write_all(count).await.is_err() {
                return;
            }
        }
    }
}

/// The same, until nothing has come for `limit`.
#[expect(clippy::manual_async_fn, reason = "as above")]
fn echo_until_silent<R: Net>(mut connection: R::Tcp, limit: Duration) -> impl Future<Output = ()> {
    async move {
        while let Ok(Ok(count @ 1..)) = R::timeout(limit, connection.read()).await {
            if connection.write_all(count).await.is_err() {
                return;
            }
        }
    }
}
