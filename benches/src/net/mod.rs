//! [`Net`]: what a workload of sockets needs of a runtime, on one thread. One file for each runtime implements it, with
//! nothing but calls of that runtime's own public functions, as its documentation recommends them.
//!
//! | module | what is there |
//! |---|---|
//! | `waterwheel`, `tokio`, `smol`, `monoio` | a runtime each |
//! | `process` | a server in a process of its own, from without |
//! | `role` | the same from within |
//! | `cores` | which core is the server's, and which the load's |
//! | `descriptors` | how many a process may have |

mod cores;
mod descriptors;
mod monoio;
mod process;
mod role;
mod smol;
mod tokio;
mod waterwheel;

pub(crate) use cores::Pinned;
pub(crate) use descriptors::allow_connections;
pub(crate) use monoio::Monoio;
pub(crate) use process::{PATIENCE, Server};
pub(crate) use role::{Orders, serve_if_asked};
pub(crate) use smol::Smol;
pub(crate) use tokio::{Tokio, TokioLocalSet};
pub(crate) use waterwheel::Waterwheel;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub(crate) trait Net: 'static {
    const NAME: &'static str;

    type Listener: 'static;
    type Tcp: Connection;
    type Unix: Connection;

    /// That a future was not ready in time.
    type Elapsed: 'static;

    /// Runs a future on this thread, in a new runtime that has sockets and timers.
    fn block_on<F: Future>(main: F) -> F::Output;

    /// Takes over a listener that does not block.
    fn listener(listener: std::net::TcpListener) -> io::Result<Self::Listener>;

    /// The next connection, with a buffer of so many bytes.
    fn accept(
        listener: &Self::Listener,
        buffer: usize,
    ) -> impl Future<Output = io::Result<Self::Tcp>>;

    /// Takes over a stream that does not block, with a buffer of so many bytes.
    fn unix(stream: UnixStream, buffer: usize) -> io::Result<Self::Unix>;

    /// The future's output, unless that takes longer than `limit`.
    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>>;
}

/// What a proxy needs besides.
pub(crate) trait Relay: Net {
    type Stream: 'static;

    /// The next connection, without a buffer.
    fn accept_stream(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>>;

    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Writes to each what comes from the other, until both have ended.
    fn relay(a: Self::Stream, b: Self::Stream) -> impl Future<Output = io::Result<()>>;
}

/// A connected stream with a buffer of its own, on the heap: some runtimes lend it to the kernel, and want to own it.
pub(crate) trait Connection: 'static {
    /// Reads what is there into the buffer, and tells how much it was: nothing at the end.
    fn read(&mut self) -> impl Future<Output = io::Result<usize>>;

    /// Writes so many bytes from the start of the buffer.
    fn write_all(&mut self, count: usize) -> impl Future<Output = io::Result<()>>;
}

/// Starts a task on a runtime, by the way that its users take, and lets go of it.
///
/// It is a trait of the future, as runtimes differ in whether that must be `Send`, and only of the futures of a runtime
/// that is known can it be seen: see [`by_name!`].
pub(crate) trait Spawn<F> {
    fn spawn(task: F);
}

/// A stream and its buffer.
pub(crate) struct Buffered<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S> Buffered<S> {
    fn new(stream: S, buffer: usize) -> Self {
        Self {
            stream,
            buffer: vec![0; buffer],
        }
    }
}

/// Implements [`Connection`] for streams whose methods borrow the buffer.
macro_rules! borrowing_connections {
    ($($stream:ty),*) => {$(
        impl $crate::net::Connection for $crate::net::Buffered<$stream> {
            #[inline]
            fn read(&mut self) -> impl Future<Output = io::Result<usize>> {
                self.stream.read(&mut self.buffer)
            }

            #[inline]
            fn write_all(&mut self, count: usize) -> impl Future<Output = io::Result<()>> {
                self.stream.write_all(&self.buffer[..count])
            }
        }
    )*};
}
use borrowing_connections;

/// Evaluates an expression with `$runtime` as the runtime of that name; each time anew, as a generic function could not
/// tell whether its futures are `Send`.
macro_rules! by_name {
    ($name:expr, $runtime:ident => $run:expr) => {
        by_name!($name, $runtime => $run; Waterwheel, Tokio, TokioLocalSet, Smol, Monoio)
    };
    ($name:expr, $runtime:ident => $run:expr; $($each:ident),*) => {
        match $name {
            $(<$crate::net::$each as $crate::net::Net>::NAME => {
                type $runtime = $crate::net::$each;
                $run
            })*
            other => unreachable!("there is no runtime {other}"),
        }
    };
}
pub(crate) use by_name;

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    /// Of what the servers do, the one thing that no load would miss.
    fn limits<R: Net>() {
        R::block_on(async {
            let in_time = R::timeout(Duration::from_secs(3600), ready(7)).await;
            assert!(in_time.is_ok_and(|number| number == 7), "{}", R::NAME);
            let late = R::timeout(Duration::from_millis(5), pending::<()>()).await;
            assert!(late.is_err(), "{}", R::NAME);
        });
    }

    #[test]
    fn every_runtime_limits_what_takes_too_long() {
        limits::<Waterwheel>();
        limits::<Tokio>();
        limits::<TokioLocalSet>();
        limits::<Smol>();
        limits::<Monoio>();
    }
}
