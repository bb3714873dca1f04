//! From what names addresses to the addresses; and one after another, until one serves.

use super::ToSocketAddrs;
use super::to_socket_addrs::sealed::Named;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::ops::Deref;
use waterwheel_executor::{Handle, JoinHandle};
use waterwheel_poll_context::budget;
use waterwheel_reactor::{Reactor, missing_runtime};

/// Makes `attempt` at each address that `addr` names, in order, and returns the first success or the last error.
/// `call` is the name, as its user writes it, of what wants this.
///
/// It asks for a runtime before anything else, whether or not the attempt would come to wait for one.
pub(crate) async fn first_of<T, A: Future<Output = io::Result<T>>>(
    call: &str,
    addr: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> A,
) -> io::Result<T> {
    let mut failure = None;
    for &address in found(call, &addr).await?.iter() {
        match attempt(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| none(call)))
}

/// What to say where there is no address to try.
#[cold]
pub(crate) fn none(call: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("`{call}` was given no address: what names it resolved to none"),
    )
}

/// The addresses that something names.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// It is one itself.
    One([SocketAddr; 1]),
    /// It has them.
    Lent(&'a [SocketAddr]),
    /// They were looked up.
    LookedUp(Vec<SocketAddr>),
}

impl Deref for Found<'_> {
    type Target = [SocketAddr];

    fn deref(&self) -> &[SocketAddr] {
        match self {
            Found::One(one) => one,
            Found::Lent(addresses) => addresses,
            Found::LookedUp(addresses) => addresses,
        }
    }
}

impl From<Found<'_>> for Vec<SocketAddr> {
    fn from(found: Found<'_>) -> Self {
        match found {
            Found::LookedUp(addresses) => addresses,
            others => others.to_vec(),
        }
    }
}

/// Finds the addresses that `addr` names. A host's name is looked up where that may block.
pub(crate) async fn found<'a>(call: &str, addr: &'a impl ToSocketAddrs) -> io::Result<Found<'a>> {
    if Reactor::current().is_none() {
        missing_runtime(call);
    }
    // What needs no look-up may well come to its end without waiting: to bind, or to find that nobody listens.
    budget::consume().await;
    match addr.named()? {
        Named::One(address) => Ok(Found::One([address])),
        Named::Several(addresses) => Ok(Found::Lent(addresses)),
        Named::Host(host, port) => look_up(call, host, port).await.map(Found::LookedUp),
    }
}

async fn look_up(call: &str, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    // A thread that turns a reactor by hand has one, and no threads that may block.
    let Ok(runtime) = Handle::try_current() else {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "`{call}` has to look up the name `{host}`, and there is no runtime here that could do so without \
                 blocking this thread: give it an IP address, or await it inside `waterwheel::block_on(async {{ … }})`"
            ),
        ));
    };
    let name = host.to_owned();
    let look_up =
        move || net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), port)).map(Vec::from_iter);
    let asked = runtime.try_spawn_blocking(look_up);
    let mut asking = Asking(asked.map_err(|error| NoLookUp::of(call, host, error))?);
    (&mut asking.0).await.map_err(io::Error::other)?
}

/// There is no thread to look a name up on.
#[derive(Debug)]
struct NoLookUp {
    call: String,
    host: String,
    error: io::Error,
}

impl NoLookUp {
    #[cold]
    fn of(call: &str, host: &str, error: io::Error) -> io::Error {
        let (call, host) = (call.to_owned(), host.to_owned());
        io::Error::new(error.kind(), Self { call, host, error })
    }
}

impl fmt::Display for NoLookUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, host, error } = self;
        write!(
            f,
            "`{call}` has to look up the name `{host}`, for which it needs a thread that may block, and {error}; \
             or give it an IP address, which needs none"
        )
    }
}

impl Error for NoLookUp {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// A look-up under way. If nobody waits for it any more and it has not begun, it need not begin.
struct Asking(JoinHandle<io::Result<Vec<SocketAddr>>>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};
    use waterwheel_executor::{Runtime, spawn_blocking};

    #[test]
    fn without_an_executor_a_name_is_an_error_and_an_address_is_none() -> io::Result<()> {
        let reactor = Reactor::new()?;
        let _entered = reactor.enter();
        let mut cx = Context::from_waker(Waker::noop());
        let finding = pin!(found("Test::call", &"localhost:80"));
        let Poll::Ready(Err(error)) = finding.poll(&mut cx) else {
            panic!("nobody can look it up");
        };
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        for part in ["`Test::call`", "`localhost`", "waterwheel::block_on"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let finding = pin!(found("Test::call", &"127.0.0.1:80"));
        assert!(matches!(finding.poll(&mut cx), Poll::Ready(Ok(_))));
        Ok(())
    }

    /// The only thread is busy meanwhile.
    #[test]
    fn a_look_up_that_nobody_waits_for_does_not_begin() -> io::Result<()> {
        let runtime = Runtime::builder()
            .worker_threads(1)
            .max_blocking_threads(1)
            .build()?;
        runtime.block_on(async {
            let (busy, held) = mpsc::channel::<()>();
            let job = spawn_blocking(move || held.recv().is_err());
            let (begun, begins) = mpsc::channel();
            drop(Asking(spawn_blocking(move || {
                begun.send(()).expect("somebody listens");
                Ok(Vec::new())
            })));
            let after = spawn_blocking(|| ());
            drop(busy);
            assert!(job.await.expect("no panic"));
            after.await.expect("no panic");
            assert!(begins.recv().is_err(), "it has begun");
            Ok(())
        })
    }
}
