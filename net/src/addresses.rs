//! One address after another, until one serves.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
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
    if Reactor::current().is_none() {
        missing_runtime(call);
    }
    let mut failure = None;
    for address in addr.to_socket_addrs()? {
        match attempt(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{call}` was given no address: what names it resolved to none"),
        )
    }))
}
