//! [`send_file`]: a part of a file, to a stream.

use crate::stream::StreamSocket;
use crate::util::thread_buffer::with_buffer;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::sys::{sendfile::sendfile, socket};
use waterwheel_reactor::{Operation, Wait, Writing};

const SEND_FILE: Operation<Writing> = Operation::new("send_file");

/// How many bytes one system call is asked for.
const PIECE: u64 = 1 << 20;

/// How many bytes are read and sent to learn what a `sendfile` has meant that sent nothing: that the socket has no room,
/// or that the file has no more.
const DOUBT: usize = 4 << 10;

/// How many bytes go in one poll, more or less, before others have their turn.
const SHARE: u64 = 4 << 20;

/// Sends `length` bytes of `file`, from `offset` on, through `stream`, and gives the number of bytes sent, which is
/// less if the file ends before.
///
/// No other holder of the stream may put it into blocking mode: `sendfile(2)` has no flag against it.
///
/// The bytes go within the kernel (`sendfile(2)`), or, from files that have no pages to send, by way of a buffer. The
/// position of `file` is neither used nor changed. It waits for room in the socket; but pages that must come from the
/// disk *block the worker* until they are there: where that is slow, read the file in `spawn_blocking`.
///
/// # Errors
///
/// The kernel's, from `sendfile(2)`: `BrokenPipe` or `ConnectionReset` if the peer has gone; those of reading the file;
/// `InvalidInput` if `file` is none, and has nothing to read for now.
/// [`sent`](SendFile::sent) tells how many bytes went before.
///
/// # Panics
///
/// When it must wait, and is polled outside a runtime.
///
/// # Cancel safety
///
/// Dropping the future midway leaves exactly [`sent`](SendFile::sent) bytes sent, asked before.
///
/// # Examples
///
/// ```
/// use waterwheel::net::{TcpListener, TcpStream, send_file};
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///
///     let file = std::fs::File::open("Cargo.toml")?;
///     let length = file.metadata()?.len();
///     let sent = send_file(&file, 1, u64::MAX, &server).await?;
///     assert_eq!(sent, length - 1);
///     let mut received = vec![0; sent as usize];
///     client.read_exact(&mut received).await?;
///     assert_eq!(received, std::fs::read("Cargo.toml")?[1..]);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn send_file<'a, S: StreamSocket>(
    file: &'a File,
    offset: u64,
    length: u64,
    stream: &'a S,
) -> SendFile<'a> {
    SendFile {
        wait: Wait::new(stream.io()),
        file,
        offset,
        length,
        sent: 0,
        refused: false,
    }
}

/// The future of [`send_file`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct SendFile<'a> {
    wait: Wait<'a, OwnedFd, Writing>,
    file: &'a File,
    offset: u64,
    length: u64,
    sent: u64,
    /// Whether the kernel has refused to send this file.
    refused: bool,
}

impl SendFile<'_> {
    /// How many bytes have gone to the kernel, now or when it failed.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(offset) = self.offset.checked_add(self.sent) else {
            return self.wait.poll_nothing(cx).map(|()| Ok(0));
        };
        let most = (self.length - self.sent).min(PIECE) as usize;
        let file = self.file;
        let mut refused = self.refused;
        let sent = self.wait.poll_io(cx, SEND_FILE, |socket| {
            let mut most = most;
            if !refused {
                match sendfile(socket.as_fd(), file.as_fd(), offset, most) {
                    Err(error) if error.kind() == io::ErrorKind::InvalidInput => refused = true,
                    // It does not say of which of the two. The next two calls do, each of its own.
                    Ok(0) => most = most.min(DOUBT),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        most = most.min(DOUBT);
                    }
                    sent => return sent,
                }
            }
            // What does not go is read again.
            with_buffer(|buffer| {
                let most = most.min(buffer.len());
                match file.read_at(&mut buffer[..most], offset) {
                    Ok(0) => Ok(0),
                    Ok(count) => socket::send(socket.as_fd(), &buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(not_a_file()),
                    Err(error) => Err(error),
                }
            })
        });
        self.refused = refused;
        sent
    }
}

/// No event of the socket would tell when the file has more.
#[cold]
fn not_a_file() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "`send_file` was given a descriptor that has nothing to read now and may have later; \
         `send_file` sends what is there: read such a descriptor by way of `AsyncFd`",
    )
}

impl Future for SendFile<'_> {
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let before = self.sent;
        if before >= self.length {
            return self.wait.poll_nothing(cx).map(|()| Ok(before));
        }
        while self.sent < self.length {
            if self.sent - before >= SHARE {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(self.poll_piece(cx))? {
                0 => break,
                count => self.sent += count as u64,
            }
        }
        Poll::Ready(Ok(self.sent))
    }
}
