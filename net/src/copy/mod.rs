//! Moving bytes from stream to stream, and from file to stream.
//!
//! | module | what is there |
//! |---|---|
//! | here | [`copy`]: one direction, to its end |
//! | `bidirectional` | [`copy_bidirectional`]: a relay |
//! | `send_file` | [`send_file()`]: a part of a file |
//! | `pump` | how one direction moves: by buffer or by pipe |
//! | `pipe` | the pipes that are spliced through |

mod bidirectional;
mod pipe;
mod pump;
mod send_file;

pub use bidirectional::{CopyBidirectional, copy_bidirectional};
pub use send_file::{SendFile, send_file};

use crate::stream::StreamSocket;
use pump::{Calls, Pump};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const COPY: Calls = Calls::new("copy");

/// Writes to `writer` what comes from `reader`, until the end of that, and gives the number of bytes.
///
/// It does not end the writing of `writer`: `shutdown` does.
///
/// Large pieces go through a pipe and are not copied (`splice(2)`); small ones, and all if the kernel refuses, through
/// a buffer that the connections of a worker share. While nothing comes, neither is held. Empty pipes are kept for a second
/// for the next piece, 16 at most, and none when the last copy is over.
///
/// Urgent data of TCP (`MSG_OOB`) is not written, as a read would not give it; what comes behind it is. With
/// `SO_OOBINLINE` it is data like any other.
///
/// No other holder of either stream may put it into blocking mode: `splice(2)` has no flag against it, and would block the
/// worker.
///
/// # Errors
///
/// The kernel's, of either stream. [`copied`](Copying::copied) tells how many bytes were written before.
///
/// # Panics
///
/// When it must wait, and is polled outside a runtime.
///
/// # Cancel safety
///
/// Dropped midway, it may have read what it has not written, up to the size of a pipe (1 MiB), and that is lost.
/// Nothing is lost while nothing is on its way. Keep the future, and await it by `&mut`, to interrupt and go on.
///
/// # Examples
///
/// ```
/// use waterwheel::net::{TcpListener, TcpStream, copy};
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///
///     client.write_all(b"water").await?;
///     client.shutdown(std::net::Shutdown::Write)?;
///     // An echo in one line.
///     assert_eq!(copy(&server, &server).await?, 5);
///     let mut answer = [0; 5];
///     client.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"water");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn copy<'a, R: StreamSocket, W: StreamSocket>(reader: &'a R, writer: &'a W) -> Copying<'a> {
    Copying {
        pump: Pump::new(reader, writer),
    }
}

/// The future of [`copy`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Copying<'a> {
    pump: Pump<'a>,
}

impl Copying<'_> {
    /// How many bytes have been written, now or when it failed.
    #[must_use]
    pub fn copied(&self) -> u64 {
        self.pump.moved()
    }
}

impl Future for Copying<'_> {
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.pump.poll(cx, COPY))?;
        Poll::Ready(Ok(self.copied()))
    }
}
