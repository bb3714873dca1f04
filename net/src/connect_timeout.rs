//! `TcpStream::connect_timeout`: connecting within a time, whatever some of the addresses do.

use crate::{TcpStream, ToSocketAddrs, addresses, connect};
use std::io;
use std::time::{Duration, Instant};
use waterwheel_timer::timeout;

const NAME: &str = "TcpStream::connect_timeout";

impl TcpStream {
    /// As [`connect`](Self::connect), within `limit`, which covers all: looking a name up, and trying each of the
    /// addresses.
    ///
    /// Each address that is tried has an equal share of the time that is left, so that one that keeps silent does not
    /// use up the time of the others.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); `TimedOut` if the last address has not answered in its time, or the name could not be
    /// looked up in it.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let address = listener.local_addr()?;
    ///     let stream = TcpStream::connect_timeout(address, Duration::from_secs(5)).await?;
    ///     assert_eq!(stream.peer_addr()?, address);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub async fn connect_timeout(addr: impl ToSocketAddrs, limit: Duration) -> io::Result<Self> {
        let begun = Instant::now();
        let found = match timeout(limit, addresses::found(NAME, &addr)).await {
            Ok(found) => found?,
            Err(_) => return Err(too_late("the name was not looked up", limit)),
        };
        let mut failure = None;
        for (tried, &address) in found.iter().enumerate() {
            let left = limit.saturating_sub(begun.elapsed());
            let untried = u32::try_from(found.len() - tried).unwrap_or(u32::MAX);
            match timeout(left / untried, connect::connect_to(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = Some(error),
                Err(_) => {
                    let silent = format!("{address} did not answer");
                    failure = Some(too_late(&silent, limit));
                }
            }
        }
        Err(failure.unwrap_or_else(|| addresses::none(NAME)))
    }
}

#[cold]
fn too_late(what: &str, limit: Duration) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("`{NAME}`: {what} in its share of {limit:?}"),
    )
}
