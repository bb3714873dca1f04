//! What is run. Each scenario is a program of its own, as small as it can be and still make the calls that it is for, so that of each
//! fault it can be said exactly what is to come of it. All bytes are checked when they come, also those of connections that fail.
//!
//! | module | what it does |
//! |---|---|
//! | `served` | `serve`, over TCP and over Unix sockets, with clients whose writes do not fit the buffers |
//! | `accepted` | a plain accept loop; vectored transfers, peeks, halves |
//! | `outbox` | `Outbox` |
//! | `relay` | `copy_bidirectional`, bulk by splice; `send_file` |
//! | `datagrams` | UDP, one by one and in batches; Unix datagrams |
//! | `life` | a runtime from its making to its end: tasks, timers, threads, signals |

mod accepted;
mod datagrams;
mod life;
mod outbox;
mod relay;
mod served;

use crate::calls::{Call, Expect, Fault};
use crate::ledger::Ledger;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::Duration;
use waterwheel::net::futures::{Read, WriteAll};
use waterwheel::net::{StreamSocket, TcpListener, TcpSocket, TcpStream, UnixStream};
use waterwheel::{sleep, timeout};

/// Longer than anything takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

type Main = fn(Ledger) -> Pin<Box<dyn Future<Output = io::Result<()>>>>;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: Main,
    /// Whether the making of the runtime is part of it. It is the same in all.
    pub(crate) from_birth: bool,
    /// How many tasks it leaves for the end of the runtime.
    pub(crate) left: usize,
    /// Where something else is to come of a fault than elsewhere.
    pub(crate) expect: fn(Call, Fault) -> Option<Expect>,
}

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "serve",
        run: |ledger| Box::pin(served::tcp(ledger)),
        from_birth: false,
        left: 0,
        expect: served::expect,
    },
    Scenario {
        name: "serve_unix",
        run: |ledger| Box::pin(served::unix(ledger)),
        from_birth: false,
        left: 0,
        expect: served::expect,
    },
    Scenario {
        name: "accept",
        run: |ledger| Box::pin(accepted::run(ledger)),
        from_birth: false,
        left: 0,
        expect: |_, _| None,
    },
    Scenario {
        name: "outbox",
        run: |ledger| Box::pin(outbox::run(ledger)),
        from_birth: false,
        left: 0,
        expect: outbox::expect,
    },
    Scenario {
        name: "relay",
        run: |ledger| Box::pin(relay::run(ledger)),
        from_birth: false,
        left: 0,
        expect: relay::expect,
    },
    Scenario {
        name: "datagrams",
        run: |ledger| Box::pin(datagrams::run(ledger)),
        from_birth: false,
        left: 0,
        expect: datagrams::expect,
    },
    Scenario {
        name: "life",
        run: |ledger| Box::pin(life::run(ledger)),
        from_birth: true,
        left: life::LEFT,
        expect: life::expect,
    },
];

/// What all streams are pieces of: as long as the longest of them, and some more.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mixed = |offset: u64| offset.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    (0..512 << 10)
        .map(|offset| (mixed(mixed(offset)) >> 56) as u8)
        .collect()
});

/// The stream of that number, from `offset` on.
fn stream(number: u8, offset: usize) -> &'static [u8] {
    &BYTES[usize::from(number) * 7919 + offset..]
}

/// The front of that stream.
fn bytes(number: u8, length: usize) -> Vec<u8> {
    stream(number, 0)[..length].to_vec()
}

/// Checks a piece of that stream. A wrong byte is not an error that a fault may bring about.
fn check(number: u8, offset: usize, piece: &[u8]) {
    let right = &stream(number, offset)[..piece.len()];
    assert!(
        right == piece,
        "stream {number} is wrong in the {} bytes from {offset} on",
        piece.len()
    );
}

/// A stream of either family, by the methods that both have.
trait Stream: StreamSocket + Sized {
    fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a, Self>;
    fn write_all<'a>(&'a self, bytes: &'a [u8]) -> WriteAll<'a, Self>;
    fn end(&self) -> io::Result<()>;
}

macro_rules! impl_stream {
    ($($stream:ty)*) => {
        $(impl Stream for $stream {
            fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a, Self> {
                <$stream>::read(self, buffer)
            }

            fn write_all<'a>(&'a self, bytes: &'a [u8]) -> WriteAll<'a, Self> {
                <$stream>::write_all(self, bytes)
            }

            fn end(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }
        })*
    };
}

impl_stream!(TcpStream UnixStream);

/// Writes a stream and its end.
async fn write_to_end(to: &impl Stream, number: u8, length: usize) -> io::Result<()> {
    to.write_all(&bytes(number, length)).await?;
    to.end()
}

/// Reads a stream to its end, all of which must be there.
async fn read_to_end(from: &impl Stream, number: u8, length: usize) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    let mut offset = 0;
    loop {
        match timeout(LONG, from.read(&mut buffer)).await?? {
            0 if offset == length => return Ok(()),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                check(number, offset, &buffer[..count]);
                offset += count;
            }
        }
    }
}

/// Two ends of a TCP connection. The first may have little room for what it sends.
async fn tcp_pair(ledger: &Ledger, room: Option<u32>) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let socket = TcpSocket::new_v4()?;
    if let Some(room) = room {
        socket.set_send_buffer_size(room)?;
    }
    let ours = socket.connect(listener.local_addr()?).await?;
    let theirs = accept(&listener, ledger).await?;
    // Else an end that is small waits for an acknowledgement, which is delayed.
    ours.set_nodelay(true)?;
    theirs.set_nodelay(true)?;
    Ok((ours, theirs))
}

/// Accepts a connection, after any error, and then not at once, as its documentation says.
async fn accept(listener: &TcpListener, ledger: &Ledger) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
            Err(error) => {
                ledger.told(error);
                sleep(Duration::from_millis(1)).await;
            }
        }
    }
}
