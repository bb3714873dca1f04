//! The way to a connected Unix stream: `connect(2)`, again and again while the listener's queue is full.

use super::UnixStream;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::SocketAddr;
use std::time::Duration;
use waterwheel_reactor::sys::socket::{self, Kind};
use waterwheel_reactor::{AsyncFd, Reactor, missing_runtime};
use waterwheel_timer::sleep;

/// How long to leave a full queue alone, at first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(64);

/// `call` is the name, as its user writes it, of what wants this.
pub(crate) async fn stream(call: &str, address: &SocketAddr) -> io::Result<UnixStream> {
    if Reactor::current().is_none() {
        missing_runtime(call);
    }
    let fd = socket::unix(Kind::Stream)?;
    let mut pause = FIRST_PAUSE;
    loop {
        // There is no handshake to wait for: it is connected at once, or not at all.
        match socket::connect(fd.as_fd(), address) {
            Ok(_) => {
                let io = AsyncFd::from_nonblocking(fd);
                return Ok(UnixStream { io });
            }
            // The queue of the listener is full. Epoll would tell nothing of that: it is no state of our socket.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}
