//! `TcpStream::connect_timeout`: connecting within a time, whatever some of the addresses do.

use super::{TcpStream, connect};
use crate::address::race::{HEAD_START, LEAST_HEAD_START, Race};
use crate::address::{ToSocketAddrs, addresses};
use std::io;
use std::time::Duration;
use waterwheel_timer::{now, timeout};

const NAME: &str = "TcpStream::connect_timeout";

impl TcpStream {
    /// As [`connect`](Self::connect), within `limit`, which covers all: looking a name up, and trying the addresses. It is
    /// measured by the clock of the runtime.
    ///
    /// Several addresses are raced, as `connect` does it. If `limit` is short, so is the head start that each has: an equal share
    /// of the time, and no less than 10 ms. So none that keeps silent uses up the time of the others.
    ///
    /// A limit of [`Duration::MAX`] is none. One that is zero asks for what is there at once, which a handshake hardly ever is.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), if all addresses fail; `TimedOut` if none has accepted within `limit` and one has not
    /// answered, or the name could not be looked up in it.
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
        let begun = now();
        let found = match timeout(limit, addresses::found(NAME, &addr)).await {
            Ok(found) => found?,
            Err(_) => return Err(too_late("the name was not looked up", limit)),
        };
        if found.is_empty() {
            return Err(addresses::none(NAME));
        }
        let left = limit.saturating_sub(now().saturating_duration_since(begun));
        let share = left / u32::try_from(found.len()).unwrap_or(u32::MAX);
        let head_start = share.clamp(LEAST_HEAD_START, HEAD_START);
        let mut race = Race::new(&found, head_start, connect::connect_to);
        match timeout(left, &mut race).await {
            Ok(ended) => ended,
            Err(_) => Err(too_late(&race.describe(), limit)),
        }
    }
}

#[cold]
fn too_late(what: &str, limit: Duration) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("`{NAME}`: no connection within {limit:?}: {what}"),
    )
}
