//! [`lookup_host`]: the addresses of a host.

use super::{ToSocketAddrs, addresses};
use std::io;
use std::net::SocketAddr;

/// Finds the addresses of a host, in the order in which it is best to try them, each with the port that was given.
///
/// A name is looked up by `getaddrinfo(3)`, as the system's configuration has it, on a thread of the runtime that may
/// block. What is an address already is given back at once.
///
/// # Errors
///
/// - What `getaddrinfo(3)` reports, such as that the name is not known.
/// - `InvalidInput` if a string does not have the form `HOST:PORT`.
/// - [`Other`](io::ErrorKind::Other) if the kernel gives no thread for the look-up and the runtime has none. An address needs none.
///
/// # Panics
///
/// When polled outside a runtime.
///
/// # Cancel safety
///
/// Dropping the future loses nothing. If the look-up has begun, it goes on in the background until it ends.
///
/// # Examples
///
/// ```
/// use waterwheel::net::lookup_host;
///
/// waterwheel::block_on(async {
///     let addresses = lookup_host("localhost:80").await?;
///     assert!(addresses.iter().all(|address| address.ip().is_loopback()));
///     assert!(addresses.iter().all(|address| address.port() == 80));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn lookup_host(host: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let found = addresses::found("lookup_host", &host).await?;
    Ok(found.into())
}
