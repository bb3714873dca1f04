//! The sockets of Waterwheel: TCP, UDP, and Unix sockets; and what is built on them.
//!
//! | to | use |
//! |---|---|
//! | connect, listen, read and write by TCP | [`TcpStream`], [`TcpListener`]; [`TcpSocket`] to set options before |
//! | do the same on this machine | [`UnixStream`], [`UnixListener`] |
//! | send and receive datagrams | [`UdpSocket`], [`UnixDatagram`]; [`RecvBatch`] and [`SendBatch`] for several a system call |
//! | read and write the same stream in different tasks | an `Arc` of it; or its halves, such as [`OwnedReadHalf`] and [`OwnedWriteHalf`] |
//! | queue messages for a stream, from any thread | [`Outbox`] |
//! | run a server, and shut it down | [`serve()`], [`Server`] |
//! | relay bytes between streams, send files | [`copy()`], [`copy_bidirectional`], [`send_file`] |
//! | read lines, or with little memory | [`BufReader`], [`read_chunk`] |
//! | look names up | [`lookup_host`] |
//!
//! Methods take `&self`, so that one task reads while another writes. A method makes its system call first, and waits only if
//! the call would have blocked. What the methods return is in [`futures`].
//!
//! A socket is an [`AsyncFd`](waterwheel_reactor::AsyncFd) around a descriptor, and each future is a
//! [`Wait`](waterwheel_reactor::Wait) on it together with what one system call needs.
//!
//! # Features
//!
//! Both are off by default:
//!
//! - `futures-io`: `PollStream` implements `AsyncRead`, `AsyncWrite` and `AsyncBufRead`.
//! - `hyper`: `PollStream` implements hyper's `Read` and `Write`; the module `hyper` has an executor and a timer for it.

// The rooms, from top to bottom. A room imports only from rooms below its own line.
//
// | room | what is there |
// |---|---|
// | `serve`, `outbox`, `copy`, `buffered`, `interop` | what is built on streams of any family |
// | `halves` | the halves of a stream: above the families, as a half is one of a `TcpStream` unless it says otherwise |
// | `tcp`, `udp`, `unix` | the families: listeners, streams, sockets, and how they connect |
// | `stream`, `datagram` | the futures that families share, and the traits that a family implements |
// | `socket` | what sockets of every kind share: readiness, system calls of the user's own, the end of a direction |
// | `address`, `options`, `util` | names and addresses; socket options; small helpers |
//
// A method of TCP is documented in full. Where another socket has the same method, its documentation refers to TCP's.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod address;
mod buffered;
#[cfg(test)]
#[path = "../../tests/cases/mod.rs"]
mod cases;
mod copy;
mod datagram;
pub mod futures;
mod halves;
#[cfg(any(feature = "futures-io", feature = "hyper"))]
mod interop;
mod options;
mod outbox;
mod serve;
mod socket;
mod stream;
mod tcp;
mod udp;
mod unix;
mod util;

/// What [hyper](https://docs.rs/hyper) 1 asks of a runtime. Its connections are [`PollStream`]s.
#[cfg(feature = "hyper")]
#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
pub mod hyper {
    pub use crate::interop::{Executor, Timer};
}

pub use address::{ToSocketAddrs, lookup_host};
pub use buffered::{BufReader, read_chunk};
pub use copy::{copy, copy_bidirectional, send_file};
pub use datagram::{Datagram, RecvBatch, SendBatch};
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
#[cfg(any(feature = "futures-io", feature = "hyper"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "futures-io", feature = "hyper"))))]
pub use interop::PollStream;
pub use outbox::{CloseReport, Message, Outbox, Sent, Watermarks};
pub use serve::{Listeners, ServeOptions, ServeReport, Server, serve};
pub use stream::{ListenerSocket, StreamRef, StreamSocket};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{Credentials, UnixDatagram, UnixListener, UnixStream};
