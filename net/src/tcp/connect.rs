//! The way to a connected stream: `connect(2)`, and what ends its handshake.

use super::TcpStream;
use crate::address::race::{HEAD_START, Race};
use crate::address::{ToSocketAddrs, addresses};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_poll_context::budget;
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Interest, Operation, Wait, Writing};

const NAME: &str = "TcpStream::connect";
const CONNECT: Operation<Writing> = Operation::new(NAME);

impl TcpStream {
    /// Connects to the address in `addr` that accepts first.
    ///
    /// A host name is looked up as by [`lookup_host`](crate::lookup_host).
    ///
    /// # Several addresses
    ///
    /// They are raced, as RFC 8305 ("Happy Eyeballs") has it, so that one which keeps silent does not hold up the others. They are
    /// tried in the order in which they are given, but with IPv4 and IPv6 by turns, from the family of the first. Each has a head
    /// start of 250 ms, by the clock of the runtime, on the next, which begins at once when one fails. The first that accepts
    /// wins; the sockets of the others are closed, and a peer may see a connection that ends at once.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if nobody listens there; what else `socket(2)` and `connect(2)` report; what resolving reports;
    /// `InvalidInput` if there is no address. When several addresses fail, the error is that of the first of them, of those that
    /// could be reached, if there are any. How long all may keep silent is the kernel's to say (`tcp_syn_retries`, two minutes):
    /// [`connect_timeout`](Self::connect_timeout) is less patient.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the sockets: a peer may see a connection that ends at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let stream = TcpStream::connect(listener.local_addr()?).await?;
    ///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<Self> {
        match *addresses::found(NAME, &addr).await? {
            [] => Err(addresses::none(NAME)),
            [address] => connect_to(address).await,
            ref several => Race::new(several, HEAD_START, connect_to).await,
        }
    }
}

pub(crate) async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    connect_socket(|| socket::tcp_for(address), address).await
}

/// Connects the TCP socket that `socket` gives, which is not connected yet.
pub(crate) async fn connect_socket(
    socket: impl FnOnce() -> io::Result<OwnedFd>,
    address: SocketAddr,
) -> io::Result<TcpStream> {
    // One that fails at once, such as at a port of this machine where nobody listens, has waited for nothing.
    budget::consume().await;
    let fd = socket()?;
    let io = AsyncFd::from_nonblocking(fd);
    match socket::connect(io.as_fd(), &address)? {
        socket::Connecting::Done => {}
        socket::Connecting::InProgress => Handshake::of(&io).await?,
    }
    Ok(TcpStream { io })
}

/// Waits until a handshake under way has ended, and tells how.
struct Handshake<'a> {
    wait: Wait<'a, OwnedFd, Writing>,
}

impl<'a> Handshake<'a> {
    fn of(io: &'a AsyncFd<OwnedFd>) -> Self {
        let wait = Wait::new(io);
        Self { wait }
    }
}

impl Future for Handshake<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            ready!(self.wait.poll_ready(cx, CONNECT))?;
            match self.wait.fd().try_io(Interest::Write, outcome) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

/// How the handshake of a socket that is said to be writable has ended; `WouldBlock` if it has not.
///
/// Readiness alone says nothing: a socket that is not connected yet is reported as writable and hung up.
fn outcome(fd: &OwnedFd) -> io::Result<()> {
    if let Some(error) = socket::take_error(fd.as_fd())? {
        return Err(error);
    }
    match socket::peer_addr::<SocketAddr>(fd.as_fd()) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Waker;
    use waterwheel_reactor::Reactor;

    /// Pitfall: HUP taken for connected (tokio#3879). Epoll reports a socket that was never connected as writable and
    /// hung up.
    #[test]
    fn a_hangup_is_not_a_connection() -> io::Result<()> {
        let reactor = Reactor::new()?;
        let _entered = reactor.enter();
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let io = AsyncFd::from_nonblocking(socket::tcp_for(address)?);

        let mut cx = Context::from_waker(Waker::noop());
        let mut handshake = pin!(Handshake::of(&io));
        assert!(handshake.as_mut().poll(&mut cx).is_pending());
        assert_eq!(reactor.turn(None)?, 1, "the hangup is reported");
        assert!(handshake.as_mut().poll(&mut cx).is_pending());
        assert_eq!(reactor.turn_now()?, 0, "once: nothing spins");

        socket::connect(io.as_fd(), &address)?;
        loop {
            reactor.turn(None)?;
            if let Poll::Ready(connected) = handshake.as_mut().poll(&mut cx) {
                return connected;
            }
        }
    }
}
