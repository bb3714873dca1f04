//! What the tests of sockets have in common.

#![allow(dead_code, reason = "each test file uses its own part")]

#[path = "../../../tests/workers/mod.rs"]
mod workers;

use std::future::{Future, poll_fn};
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::AsFd;
use std::pin::pin;
use std::process::{Command, Output};
use waterwheel::net::{TcpListener, TcpSocket, TcpStream};
use waterwheel::reactor::AsyncFd;
#[allow(unused_imports, reason = "as above")]
pub(crate) use workers::block_on;

/// Two ends of one connection, both of Waterwheel.
pub(crate) async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;
    Ok((client, server))
}

/// Two ends of one connection, of which the second blocks.
pub(crate) fn pair_with_std() -> io::Result<(TcpStream, net::TcpStream)> {
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let ours = net::TcpStream::connect(listener.local_addr()?)?;
    let (theirs, _) = listener.accept()?;
    Ok((TcpStream::from_std(ours)?, theirs))
}

/// Resets the connection: a socket that is closed with something unread says so by RST instead of FIN.
pub(crate) fn reset(ours: &TcpStream, theirs: net::TcpStream) -> io::Result<()> {
    ours.try_write(b"unread")?;
    theirs.peek(&mut [0])?;
    drop(theirs);
    Ok(())
}

/// A listener whose queue is full, its address, where who connects gets no answer, and the connection that fills it.
pub(crate) async fn full_listener() -> io::Result<(TcpListener, SocketAddr, TcpStream)> {
    full_listener_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
}

/// [`full_listener`], at an address of this machine.
pub(crate) async fn full_listener_at(
    address: SocketAddr,
) -> io::Result<(TcpListener, SocketAddr, TcpStream)> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(address)?;
    // As short as it can be: one connection waits, no more.
    let listener = socket.listen(0)?;
    let address = listener.local_addr()?;
    let waiting = TcpStream::connect(address).await?;
    let duplicate = AsyncFd::new(listener.as_fd().try_clone_to_owned()?)?;
    duplicate.readable().await?;
    Ok((listener, address, waiting))
}

/// Awaits `future`, and counts how often that polls it.
pub(crate) async fn counting_polls<F: Future>(future: F) -> (F::Output, usize) {
    let mut future = pin!(future);
    let mut polls = 0;
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    })
    .await;
    (output, polls)
}

/// Runs the test `name` of this binary again, in a process of its own that finds `role` in the environment.
/// `prelude` is what a shell does before.
pub(crate) fn rerun(name: &str, role: &str, prelude: &str) -> Output {
    let binary = std::env::current_exe().expect("the test's own binary");
    Command::new("sh")
        .args(["-c", &format!("{prelude}; exec \"$0\" \"$@\"")])
        .arg(binary)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("WATERWHEEL_TEST_ROLE", role)
        .output()
        .expect("a shell")
}

/// What [`rerun`] has asked this process to be.
pub(crate) fn role() -> Option<String> {
    std::env::var("WATERWHEEL_TEST_ROLE").ok()
}

/// Random numbers that are the same each time: xorshift64*.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn up_to(&mut self, most: usize) -> usize {
        (self.next() >> 16) as usize % most + 1
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 56) as u8).collect()
    }
}

/// A hash of a stream of bytes, however it is cut: FNV-1a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash {
    state: u64,
    pub(crate) bytes: usize,
}

impl Hash {
    pub(crate) fn new() -> Self {
        Self {
            state: 0xcbf2_9ce4_8422_2325,
            bytes: 0,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.state = (self.state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.bytes += bytes.len();
    }
}
