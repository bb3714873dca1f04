//! [`Accept`]: the next connection of a listener.

use super::ListenerSocket;
use super::sealed::FromIo;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Reading, Wait};

/// The future of [`TcpListener::accept`](crate::TcpListener::accept), and of the same method of other listeners.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Accept<'a, L> {
    wait: Wait<'a, OwnedFd, Reading>,
    listener: PhantomData<&'a L>,
}

impl<'a, L: ListenerSocket> Accept<'a, L> {
    pub(crate) fn new(listener: &'a L) -> Self {
        Self {
            wait: Wait::new(listener.io()),
            listener: PhantomData,
        }
    }
}

impl<L: ListenerSocket> Future for Accept<'_, L> {
    type Output = io::Result<(L::Stream, L::Address)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let accept = |fd: &OwnedFd| past_aborted(|| socket::accept(fd.as_fd()));
        let accepted = self.wait.poll_io(cx, L::ACCEPT, accept);
        accepted.map_ok(|(fd, peer)| (L::Stream::from_io(AsyncFd::from_nonblocking(fd)), peer))
    }
}

/// Accepts until it gets something else than a connection that has gone already.
fn past_aborted<R>(mut accept: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match accept() {
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind::{ConnectionAborted, WouldBlock};

    /// Pitfall: ECONNABORTED kills the accept loop (hickory-dns#3725).
    #[test]
    fn an_aborted_connection_is_passed_over() {
        let mut queue = [Err(ConnectionAborted), Err(ConnectionAborted), Ok(7)].into_iter();
        let accepted = past_aborted(|| queue.next().expect("the third").map_err(io::Error::from));
        assert_eq!(accepted.expect("a connection"), 7);
    }

    #[test]
    fn any_other_error_is_the_callers() {
        let mut queue = [ConnectionAborted, WouldBlock].into_iter();
        let accepted =
            past_aborted(|| -> io::Result<()> { Err(queue.next().expect("no third").into()) });
        assert_eq!(accepted.expect_err("empty").kind(), WouldBlock);
    }
}
