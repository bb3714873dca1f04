//! The sockets of Waterwheel: TCP, UDP, and Unix sockets; and the futures of their methods.
//!
//! A socket is an [`AsyncFd`](waterwheel_reactor::AsyncFd) around a descriptor, and each future is a
//! [`Wait`](waterwheel_reactor::Wait) on it together with what one system call needs. A call is made first, and waited
//! for only if it would have blocked. Methods take `&self`, so that one task reads while another writes.
//!
//! A method stands in one file with the future that it returns. Where sockets of several kinds have the same method, that
//! is the one of TCP, and the others name it.
//!
//! | module | what is there |
//! |---|---|
//! | `tcp_listener` | [`TcpListener`]: bind, addresses, conversions |
//! | `accept`, `incoming` | its futures: [`Accept`], and [`Incoming`], a stream of connections |
//! | `tcp_stream` | [`TcpStream`]: addresses, shutdown, conversions |
//! | `tcp_socket` | [`TcpSocket`]: what is to become one of them |
//! | `connect`, `connect_timeout` | the way to a connected stream |
//! | `race` | several addresses, tried side by side |
//! | `read`, `read_exact`, `peek` | [`Read`], [`ReadVectored`], [`ReadExact`], [`Peek`], and `try_read` |
//! | `write`, `write_all` | [`Write`], [`WriteVectored`], and [`WriteAll`], the completion future; and `try_write` |
//! | `ready` | [`Readable`] and [`Writable`] |
//! | `async_io` | [`AsyncIo`], and `try_io`: system calls of the user's own |
//! | `read_half`, `write_half` | the halves of a stream, borrowed and owned, and how to join them again |
//! | `outbox` | [`Outbox`]: queued, owned messages for one stream, from any thread |
//! | `copy` | [`copy()`], [`copy_bidirectional`], [`send_file`]: bytes that do not come to us |
//! | `buf_reader` | [`BufReader`]: by lines, or up to any delimiter |
//! | `chunk` | [`read_chunk`], and the buffer that the connections of a worker share |
//! | `serve` | [`serve()`]: a listener with a handler, and its end |
//! | `transfer` | what the futures that move bytes have in common |
//! | `unix_listener`, `unix_stream` | [`UnixListener`], [`UnixStream`]: the same on this machine |
//! | `connect_unix` | the way to a connected [`UnixStream`] |
//! | `poll_stream` | `PollStream`, for libraries that poll by traits; with the features `futures-io` and `hyper` |
//! | `listener_socket` | [`ListenerSocket`]: the same of listeners |
//! | `shrink` | how lists give memory back that they need no more |
//! | `stream_socket` | [`StreamSocket`]: what may be used where any stream of bytes will do; `shared_stream`: an `Arc` of one, and [`StreamRef`] |
//! | `waiting` | the wakers of those who wait for the same |
//! | `udp_socket`, `multicast` | [`UdpSocket`] |
//! | `unix_datagram`, `unix_send_to` | [`UnixDatagram`] |
//! | `recv_datagram`, `recv_from` | [`RecvDatagram`], [`RecvFrom`]: their futures |
//! | `send_datagram`, `send_to` | [`SendDatagram`], [`SendTo`]: likewise |
//! | `recv_batch`, `send_batch` | [`RecvBatch`], [`SendBatch`]: several datagrams a call |
//! | `options` | the options of all of them |
//! | `to_socket_addrs` | [`ToSocketAddrs`]: what names addresses |
//! | `from_std` | sockets of the standard library become ours |
//! | `addresses`, `lookup_host` | from that to the addresses, and one after another, until one serves; [`lookup_host`] |

#![forbid(unsafe_code)]

mod address;
mod buffered;
#[cfg(canary)]
#[path = "../../tests/canaries/switch.rs"]
mod canary;
#[cfg(test)]
#[path = "../../tests/cases/mod.rs"]
mod cases;
mod copy;
mod datagram;
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

pub use address::{ToSocketAddrs, lookup_host};
pub use buffered::{BufReader, FillBuf, Lines, ReadChunk, ReadLine, ReadUntil, read_chunk};
pub use copy::{CopyBidirectional, Copying, SendFile, copy, copy_bidirectional, send_file};
pub use datagram::{
    Datagram, RecvBatch, RecvDatagram, RecvFrom, RecvMany, SendBatch, SendDatagram, SendMany,
    SendTo,
};
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
#[cfg(any(feature = "futures-io", feature = "hyper"))]
pub use interop::PollStream;
#[cfg(feature = "hyper")]
pub use interop::{HyperExecutor, HyperTimer};
pub use outbox::{Close, CloseReport, Message, Outbox, Ready, Sent, Watermarks};
pub use serve::{Listeners, ServeOptions, ServeReport, Server, ServerShutdown, serve};
pub use socket::{AsyncIo, Readable, Writable};
pub use stream::{
    Accept, Incoming, ListenerSocket, Peek, Read, ReadExact, ReadVectored, StreamRef, StreamSocket,
    Write, WriteAll, WriteVectored,
};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{Credentials, UnixDatagram, UnixListener, UnixStream};
