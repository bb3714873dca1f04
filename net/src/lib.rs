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

mod accept;
mod addresses;
mod async_io;
mod buf_reader;
#[cfg(canary)]
#[path = "../../tests/canaries/switch.rs"]
mod canary;
#[cfg(test)]
#[path = "../../tests/cases/mod.rs"]
mod cases;
mod chunk;
mod connect;
mod connect_timeout;
mod connect_unix;
mod contain;
mod copy;
mod from_std;
mod incoming;
mod listener_socket;
mod lookup_host;
mod multicast;
mod options;
mod outbox;
mod peek;
#[cfg(any(feature = "futures-io", feature = "hyper"))]
mod poll_stream;
mod race;
mod read;
mod read_exact;
mod read_half;
mod ready;
mod recv_batch;
mod recv_datagram;
mod recv_from;
mod send_batch;
mod send_datagram;
mod send_to;
mod serve;
mod shared_stream;
mod shrink;
mod stream_socket;
mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
mod to_socket_addrs;
mod transfer;
mod udp_socket;
mod unix_datagram;
mod unix_listener;
mod unix_send_to;
mod unix_stream;
mod waiting;
mod write;
mod write_all;
mod write_half;

pub use accept::Accept;
pub use async_io::AsyncIo;
pub use buf_reader::{BufReader, FillBuf, Lines, ReadLine, ReadUntil};
pub use chunk::{ReadChunk, read_chunk};
pub use copy::{CopyBidirectional, Copying, SendFile, copy, copy_bidirectional, send_file};
pub use incoming::Incoming;
pub use listener_socket::ListenerSocket;
pub use lookup_host::lookup_host;
pub use outbox::{Close, CloseReport, Message, Outbox, Ready, Sent, Watermarks};
pub use peek::Peek;
#[cfg(any(feature = "futures-io", feature = "hyper"))]
pub use poll_stream::PollStream;
#[cfg(feature = "hyper")]
pub use poll_stream::{HyperExecutor, HyperTimer};
pub use read::{Read, ReadVectored};
pub use read_exact::ReadExact;
pub use read_half::{OwnedReadHalf, ReadHalf, ReuniteError};
pub use ready::{Readable, Writable};
pub use recv_batch::{Datagram, RecvBatch, RecvMany};
pub use recv_datagram::RecvDatagram;
pub use recv_from::RecvFrom;
pub use send_batch::{SendBatch, SendMany};
pub use send_datagram::SendDatagram;
pub use send_to::SendTo;
pub use serve::{Listeners, ServeOptions, ServeReport, Server, ServerShutdown, serve};
pub use shared_stream::StreamRef;
pub use stream_socket::StreamSocket;
pub use tcp_listener::TcpListener;
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
pub use to_socket_addrs::ToSocketAddrs;
pub use udp_socket::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_stream::UnixStream;
pub use waterwheel_reactor::sys::credentials::Credentials;
pub use write::{Write, WriteVectored};
pub use write_all::WriteAll;
pub use write_half::{OwnedWriteHalf, WriteHalf};
